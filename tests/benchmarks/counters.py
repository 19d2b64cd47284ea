"""Where the counters live: our slots, prometheus_client's multiprocess files, or the journal.

What one request pays, and what one scrape pays. The third way has no counters at all: each scrape
decodes and counts what the journal holds and no drain has moved yet.

``python -m tests.benchmarks.counters``
"""

import argparse
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

import prometheus_client
from flask import Flask
from prometheus_client import multiprocess, values

from flask_mlmonitor import MLMonitor
from flask_mlmonitor._app import AppState, current_state
from flask_mlmonitor.counters.cells import Owner
from flask_mlmonitor.counters.requests import RequestCounters
from flask_mlmonitor.counters.slots import Slot
from flask_mlmonitor.journal.frames import decode_frames, encode
from flask_mlmonitor.metrics import render, take_snapshot
from flask_mlmonitor.records import ERROR_TYPES, FALLBACK_REASONS, STATUSES, Served
from flask_mlmonitor.stats.cells.operations import count_operations
from tests.benchmarks.journal import served
from tests.benchmarks.measuring import cpu_of, interleaved, machine, print_table

BOUNDS: Final = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0)
MODELS: Final = [f"model-{number}" for number in range(12)]
PROCESSES: Final = (1, 4, 16)
SCRAPES: Final = 5

_theirs: "_PrometheusClient"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print both costs of each way."""
    parser = argparse.ArgumentParser(prog="counters", description=__doc__)
    parser.add_argument("--requests", type=int, default=20_000, help="in a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tails", type=int, nargs="+", default=(1_000, 60_000))
    options = parser.parse_args(arguments)
    print(machine())
    with tempfile.TemporaryDirectory() as folder:
        _print_requests(Path(folder), options.requests, options.rounds)
        _print_scrapes(Path(folder), options.rounds)
    _print_tails(options.tails)
    return 0


def _print_requests(folder: Path, requests: int, rounds: int) -> None:
    slot = Slot(folder / "slots")
    ours = RequestCounters(slot, Owner("fraud", "2"), BOUNDS, (), 60.0)

    def count() -> None:
        for _ in range(requests):
            ours.begun()
            ours.finished(0, 1, time.time(), 0.003)

    with _process(folder / "files", 1) as theirs:
        medians = interleaved(
            {
                "slot: status, latency, in progress, rate": partial(cpu_of, count),
                "prometheus_client: status, latency": partial(_ask, theirs, requests, False),
                "  and in progress": partial(_ask, theirs, requests, True),
            },
            rounds,
        )
    slot.close()
    rows = [(name, seconds / requests * 1e6) for name, seconds in medians.items()]
    print_table("one request", ("way", "us of CPU"), rows)


def _print_scrapes(folder: Path, rounds: int) -> None:
    rows = []
    for number in PROCESSES:
        with (
            _slots(folder / f"slots-{number}", number) as state,
            _process(folder / f"files-{number}", number) as theirs,
        ):
            medians = interleaved(
                {
                    "read": partial(cpu_of, partial(take_snapshot, state), SCRAPES),
                    "text": partial(cpu_of, partial(render, state, None), SCRAPES),
                    "theirs": partial(_ask, theirs, 0),
                },
                rounds,
            )
            series = (_series(render(state, None)[0]), theirs.submit(_count_series).result())
        rows.append((number, *(seconds * 1e3 for seconds in medians.values()), *series))
    heads = ("processes", "slots: ms", "as text: ms", "theirs as text: ms", "series", "theirs")
    print_table("one scrape", heads, rows)


def _print_tails(tails: Sequence[int]) -> None:
    rows = []
    for tail in tails:
        journaled = b"".join(encode(served(number)) for number in range(tail))
        rows.append((tail, cpu_of(partial(_count_tail, journaled)) * 1e3))
    heads = ("undrained records", "ms")
    print_table("the third way, per scrape: decode the journal and count", heads, rows)


def _count_tail(journaled: bytes) -> None:
    records = decode_frames(journaled).records
    count_operations([record for record in records if isinstance(record, Served)], BOUNDS)


def _series(text: bytes) -> int:
    return sum(not line.startswith(b"#") for line in text.splitlines())


@contextmanager
def _slots(folder: Path, number: int) -> Iterator[AppState]:
    """Make an app whose counters lie in so many slots, each of a living owner."""
    folder.mkdir()
    app = Flask(__name__, instance_path=str(folder))
    app.config["MLMONITOR_BACKGROUND"] = "external"
    MLMonitor(app)
    with app.app_context():
        state = current_state()
    mine = state.runtime.slot
    others = [Slot(mine.folder) for _ in range(number - 1)]
    for slot in (mine, *others):
        for model in MODELS:
            counters = RequestCounters(slot, Owner(model, "1"), BOUNDS, (), 60.0)
            counters.begun()
            counters.finished(0, 1, time.time(), 0.003)
    yield state
    for slot in others:
        slot.close()
    state.runtime.close()


class _PrometheusClient:
    """The same metrics in prometheus_client's multiprocess files of so many processes."""

    def __init__(self, folder: Path, processes: int) -> None:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
        pid = [0]
        values.ValueClass = values.MultiProcessValue(lambda: pid[0])  # type: ignore[no-untyped-call]
        own = prometheus_client.CollectorRegistry()
        label = ("model", "version")
        counter, histogram = prometheus_client.Counter, prometheus_client.Histogram
        status = counter("predictions", "-", (*label, "status"), registry=own)
        error = counter("errors", "-", (*label, "error_type"), registry=own)
        reason = counter("fallbacks", "-", (*label, "reason"), registry=own)
        latency = histogram("latency", "-", label, registry=own, buckets=BOUNDS)
        progress = prometheus_client.Gauge(
            "in_progress", "-", label, registry=own, multiprocess_mode="livesum"
        )
        for pid[0] in range(processes):
            for model in MODELS:
                for names, metric in (
                    (STATUSES, status),
                    (ERROR_TYPES, error),
                    (FALLBACK_REASONS, reason),
                ):
                    for name in names:
                        metric.labels(model, "1", name).inc(0)
                latency.labels(model, "1").observe(0.003)
                progress.labels(model, "1").inc(0)
        self._success = status.labels(MODELS[0], "1", "success")
        self._latency = latency.labels(MODELS[0], "1")
        self._progress = progress.labels(MODELS[0], "1")

    def count(self, requests: int, in_progress: bool) -> None:
        """Count so many requests by children that are at hand."""
        for _ in range(requests):
            if in_progress:
                self._progress.inc()
            self._success.inc()
            self._latency.observe(0.003)
            if in_progress:
                self._progress.dec()

    def scrape(self) -> bytes:
        """Return the text of all processes."""
        registry = prometheus_client.CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return prometheus_client.generate_latest(registry)


@contextmanager
def _process(folder: Path, number: int) -> Iterator[ProcessPoolExecutor]:
    """Start a process for prometheus_client, whose values are chosen once in a process."""
    folder.mkdir()
    context = get_context("spawn")
    with ProcessPoolExecutor(1, context, initializer=_prepare, initargs=(folder, number)) as pool:
        yield pool


def _prepare(folder: Path, number: int) -> None:
    global _theirs
    _theirs = _PrometheusClient(folder, number)


def _ask(pool: ProcessPoolExecutor, *arguments: Any) -> float:
    return pool.submit(_measure, *arguments).result()


def _measure(requests: int, in_progress: bool = False) -> float:
    """Return the CPU seconds of so many requests, or of one scrape; runs in their process."""
    if requests:
        return cpu_of(partial(_theirs.count, requests, in_progress))
    return cpu_of(_theirs.scrape, SCRAPES)


def _count_series() -> int:
    return _series(_theirs.scrape())


if __name__ == "__main__":
    raise SystemExit(main())
