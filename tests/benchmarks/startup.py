"""What a worker pays before its first request, beside Flask with prometheus_client and with others.

Fresh interpreters, that take turns: imports and ``create_app``, then one prediction and one scrape.

``python -m tests.benchmarks.startup``
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from tests.benchmarks.measuring import machine, print_table
from tests.benchmarks.peers import DASHBOARD, OTEL_METRICS, PEERS, PFE, missing_peers
from tests.server import traffic
from tests.server.serving import ROOT

MEGABYTE = 1 << 20
LARGE = ("numpy", "sqlalchemy", "scipy", "pandas", "sklearn", "pyarrow")

_PLAIN = """
from flask import Flask, Response
from prometheus_client import Counter, Histogram, generate_latest

def create_app():
    app = Flask("plain")
    seen, took = Counter("seen", "Requests."), Histogram("took", "Seconds.")

    @app.post("/predict")
    def predict():
        with took.time():
            seen.inc()
            return {"prediction": True}

    @app.get("/metrics")
    def metrics():
        return Response(generate_latest())

    return app
"""
_PEER = """
from tests.benchmarks.peers import PEERS

plain = create_app

def create_app():
    app = plain()
    PEERS[{name!r}](app, Path(os.environ["SERVICE_FOLDER"]))
    return app
"""
_OURS = "from tests.server.service import create_app"
_SCRIPT = """
import json, os, sys, time
from pathlib import Path

def rss():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

began = time.perf_counter()
{source}
app = create_app()
started, after_start = time.perf_counter() - began, rss()
client = app.test_client()
began = time.perf_counter()
assert client.post("/predict", data=sys.argv[1], content_type="application/json").status == "200 OK"
first = time.perf_counter() - began
time.sleep(0.6)  # the drain has had a turn
assert client.get("/metrics").status == "200 OK"
loaded = [name for name in {large} if name in sys.modules]
print(json.dumps([started, after_start, first, rss(), loaded]))
"""
VARIANTS: dict[str, str] = {
    "flask, prometheus_client": _PLAIN,
    **{
        name: _PLAIN + _PEER.format(name=name)
        for name in (PFE, OTEL_METRICS, DASHBOARD)
        if name in PEERS
    },
    "flask-mlmonitor": _OURS,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Print time, memory and large modules."""
    parser = argparse.ArgumentParser(prog="startup", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args(arguments)
    print(machine(), missing_peers(), sep="\n")
    found: dict[str, list[list[Any]]] = {name: [] for name in VARIANTS}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        traffic.baseline().save(folder / "baseline.json")
        for _ in range(options.rounds + 1):
            for variant, source in VARIANTS.items():
                found[variant].append(_start(source, folder))
    rows = []
    for variant, (_warm_up, *runs) in found.items():
        started, after_start, first, later = (
            median(run[column] for run in runs) for column in range(4)
        )
        rows.append((variant, started, after_start / MEGABYTE, first, later / MEGABYTE))
    plain, *others = rows
    added = [
        (f"{name} adds", *(a - b for a, b in zip(cells, plain[1:], strict=True)))
        for name, *cells in others
    ]
    heads = ("median", "start s", "RSS MB", "first request s", "RSS MB later")
    print_table("a fresh interpreter", heads, [*rows, *added])
    for variant, runs in found.items():
        print(f"  {variant} loads {', '.join(runs[-1][4]) or 'nothing large'}")
    return 0


def _start(source: str, folder: Path) -> list[Any]:
    script = _SCRIPT.format(source=source, large=LARGE)
    command = [sys.executable, "-c", script, traffic.bodies(1)[0].decode()]
    environment = {**os.environ, "SERVICE_FOLDER": str(folder)}
    done = subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE)
    result: list[Any] = json.loads(done.stdout.splitlines()[-1])  # one peer prints at its start
    return result


if __name__ == "__main__":
    raise SystemExit(main())
