"""What it costs to look after alerts: an idle app, a receiver that hangs, a sender that dies.

The CPU of each thread of an idle app and how often its SQLite store changes; then the latency of
requests while a receiver takes connections and never answers; then how long nobody looks after the
alerts when the process that does is killed.

``python -m tests.benchmarks.watching --seconds 120``
"""

import argparse
import os
import sqlite3
import threading
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory

from flask import Flask

from flask_mlmonitor import MLMonitor
from flask_mlmonitor._app import EXTENSION
from tests.benchmarks.measuring import machine, print_table
from tests.channels.receivers import hanging
from tests.server import traffic
from tests.server.serving import Gunicorn, wait_until
from tests.server.steady import SteadyLoad
from tests.server.telling import SETTINGS, TICK, Office, Trouble, hosts

HOUR = 3600.0
TICKS = os.sysconf("SC_CLK_TCK")
POLL = 0.02


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the three tables."""
    parser = argparse.ArgumentParser(prog="watching", description=__doc__)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--rate", type=float, default=100.0, help="requests per second")
    parser.add_argument("--kills", type=int, default=3)
    options = parser.parse_args(arguments)
    print(machine())
    with TemporaryDirectory() as folder:
        _idle(Path(folder), options.seconds)
    heads = ("", "p50", "p99")
    rows = [(name, *_served(name, options)) for name in ("no channel", "one that hangs")]
    print_table(f"requests at {options.rate:.0f} a second, ms", heads, rows)
    with TemporaryDirectory() as folder:
        kills = _taken_over(Path(folder), options.kills)
    title = f"looks each {TICK} s: who looks after the alerts is killed"
    print_table(title, ("", "s until another does"), kills)
    return 0


def _idle(folder: Path, seconds: float) -> None:
    """Let an app run to which nobody comes."""
    app = Flask("idle", instance_path=str(folder))
    monitor = MLMonitor(app)
    app.config["DEBUG"] = True

    @app.post("/predict")
    @monitor.prediction("fraud")
    def predict() -> dict[str, int]:
        return {"prediction": 1}

    app.test_client().post("/predict", json={"age": 41})
    store = folder / "mlmonitor.sqlite3"
    wait_until(store.exists, "a store")
    time.sleep(min(5, seconds))
    before, writes = _cpu(), 0
    reader = sqlite3.connect(f"file:{store}?mode=ro", uri=True)
    known = _version(reader)
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        time.sleep(POLL)
        current = _version(reader)
        writes, known = writes + (current != known), current
    reader.close()
    spent = {name: (cpu - before.get(name, 0.0)) * HOUR / seconds for name, cpu in _cpu().items()}
    app.extensions[EXTENSION].runtime.close()
    rows = [(name, cpu) for name, cpu in sorted(spent.items()) if name.startswith("mlmonitor-")]
    print_table(f"an idle app, {seconds:.0f} s", ("thread", "s of CPU an hour"), rows)
    print(f"  its store changes {60 * writes / seconds:.1f} times a minute")


def _version(reader: sqlite3.Connection) -> int:
    return int(reader.execute("PRAGMA data_version").fetchone()[0])


def _cpu() -> dict[str, float]:
    """Return the seconds of CPU of each thread, by name."""
    found = {}
    for thread in threading.enumerate():
        text = Path(f"/proc/self/task/{thread.native_id}/stat").read_text()
        user, system = text.rpartition(")")[2].split()[11:13]
        found[thread.name] = (int(user) + int(system)) / TICKS
    return found


def _served(name: str, options: argparse.Namespace) -> tuple[float, float]:
    """Return quantiles of the latency while an alert is told to such a channel."""
    with TemporaryDirectory() as folder, hanging() as stuck:
        traffic.baseline().save(Path(folder, "baseline.json"))
        settings: dict[str, object] = {**SETTINGS, "MLMONITOR_MAX_THROUGHPUT": 0.1}
        if name != "no channel":
            settings["MLMONITOR_WEBHOOK_URL"] = stuck.url
            settings["MLMONITOR_ALERT_ROUTE_WARNING"] = "webhook"
        kind = ("--worker-class", "gthread", "--threads", "4")
        with Gunicorn(Path(folder), *kind, workers=2, settings=settings) as server:
            with SteadyLoad(server, options.rate) as load:
                wait_until(partial(_alerts, server), "an alert", pause=0.1)
                time.sleep(1)
                began = time.monotonic()
                time.sleep(min(20, options.seconds))
                ended = time.monotonic()
        assert (stuck.connections > 0) == (name != "no channel")
        found = [1000 * sample.latency for sample in load.between(began, ended)]
    cuts = quantiles(found, n=100)
    return cuts[49], cuts[98]


def _alerts(server: Gunicorn) -> bool:
    return b"ml_alert_active{" in server.get("/metrics").body


def _taken_over(folder: Path, kills: int) -> Sequence[tuple[str, float]]:
    """Kill who looks after the alerts, again and again."""
    url = f"sqlite:///{folder / 'store.sqlite3'}"
    rows = []
    settings = {**SETTINGS, "MLMONITOR_STORE_URL": url}
    with Office(url) as office, hosts(folder, settings, external=False) as served:
        with Trouble(*served):
            for number in range(1, kills + 1):
                wait_until(lambda: office.term[0] > 0, "somebody")
                time.sleep(3)
                began = time.monotonic()
                office.wait_for_successor(office.kill())
                rows.append((f"kill {number}", time.monotonic() - began))
    return rows


if __name__ == "__main__":
    raise SystemExit(main())
