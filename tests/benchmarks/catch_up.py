"""What the requests notice while a backlog is drained: their latency meanwhile, and without it.

Predictions that wait in the spool are moved to the store under a steady load of requests, by the
thread of the one web worker, or by ``flask mlmonitor worker`` beside it. Latencies count from when
a request was to be sent.

``python -m tests.benchmarks.catch_up --store sqlite|postgresql``
"""

import argparse
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median, quantiles
from typing import Final, NamedTuple

from flask_mlmonitor.background.runtimes import runtime_for
from flask_mlmonitor.config import Settings
from tests.benchmarks.drain import fill
from tests.benchmarks.measuring import machine, print_table
from tests.postgres import Postgres
from tests.server import traffic
from tests.server.serving import Gunicorn, wait_until, worker
from tests.server.steady import SteadyLoad

LIMITS: Final = {"thread": 4.0, "external": 2.0}
"""By who drains, a web worker's thread or a process beside it: p95 meanwhile, in times of idle."""
WARM_UP: Final = 2.0
PATIENCE: Final = 300.0


class Round(NamedTuple):
    """Milliseconds without a backlog and with it, and how long that took in seconds."""

    idle: Sequence[float]
    busy: Sequence[float]
    seconds: float


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the latencies."""
    parser = argparse.ArgumentParser(prog="catch_up", description=__doc__)
    parser.add_argument("--store", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--workers", default="gthread", help="gunicorn's worker class")
    parser.add_argument("--backlog", type=int, default=100_000, help="predictions that wait")
    parser.add_argument("--rate", type=float, default=100.0, help="requests per second")
    parser.add_argument("--idle", type=float, default=10.0, help="seconds without a backlog")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(arguments)
    print(machine())
    found: dict[str, list[Round]] = {background: [] for background in LIMITS}
    with _stores(options.store) as urls:
        for _ in range(options.rounds):
            for background, rounds in found.items():
                rounds.append(_round(options, background, next(urls)))
    rows = [_row(background, rounds) for background, rounds in found.items()]
    heads = ("drained by", "p50 idle", "busy", "p95 idle", "busy", "p99 idle", "busy")
    title = f"{options.backlog:,} predictions into {options.store}, {options.workers}; ms"
    print_table(title, (*heads, "p95 busy / idle", "limit", "seconds"), rows)
    return 0


@contextmanager
def _stores(kind: str) -> Iterator[Iterator[str]]:
    """Yield the URLs of new stores; of SQLite, the default's."""
    if kind == "sqlite":
        yield iter(lambda: "", None)
        return
    with Postgres() as server:
        yield iter(server.new_store, None)


def _round(options: argparse.Namespace, background: str, url: str) -> Round:
    settings = {"MLMONITOR_BACKGROUND": background} | ({"MLMONITOR_STORE_URL": url} if url else {})
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        traffic.baseline().save(folder / "baseline.json")
        waiting = _backlog(folder / "aside", options.backlog)
        kind = ("--worker-class", options.workers, "--threads", "4")
        server = stack.enter_context(Gunicorn(folder, *kind, settings=settings))
        server.get("/metrics")
        if background == "external":
            stack.enter_context(worker(folder, settings))
        load = stack.enter_context(SteadyLoad(server, options.rate))
        time.sleep(WARM_UP)
        began = time.monotonic()
        time.sleep(options.idle)
        brought = time.monotonic()
        spool = server.data / "spool"
        moved = [path.rename(spool / path.name) for path in waiting]
        wait_until(lambda: not any(map(Path.exists, moved)), "a drained backlog", PATIENCE)
        ended = time.monotonic()
    idle, busy = (
        [sample.latency * 1e3 for sample in load.between(*span)]
        for span in ((began, brought), (brought, ended))
    )
    return Round(idle, busy, ended - brought)


def _backlog(folder: Path, predictions: int) -> list[Path]:
    """Journal predictions where nobody drains them; return the segments."""
    chosen = {"MLMONITOR_BACKGROUND": "external"}
    runtime = runtime_for(Settings.from_mapping(chosen, instance_path=str(folder)), testing=False)
    fill(runtime, predictions)
    runtime.close()
    return runtime.spool.segments()


def _row(background: str, rounds: Sequence[Round]) -> tuple[object, ...]:
    names = {"thread": "a web worker's thread", "external": "flask mlmonitor worker"}
    found = [_percentile(rounds, percent, part) for percent in (50, 95, 99) for part in (0, 1)]
    seconds = median(one.seconds for one in rounds)
    return (names[background], *found, found[3] / found[2], LIMITS[background], seconds)


def _percentile(rounds: Sequence[Round], percent: int, part: int) -> float:
    """Return the median over the rounds, of the times without (0) or with (1) a backlog."""
    return median(quantiles(one[:2][part], n=100)[percent - 1] for one in rounds)


if __name__ == "__main__":
    raise SystemExit(main())
