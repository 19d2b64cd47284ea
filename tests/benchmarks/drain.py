"""How fast the spool moves to the store, binning and rollup included, and what idling costs.

``python -m tests.benchmarks.drain``; with ``--store postgresql``, into a server of its own too.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from statistics import median
from typing import NamedTuple

from flask_mlmonitor.background.batches import Meaning, batch_of
from flask_mlmonitor.background.runtime import WEB_ROWS, WORKER_ROWS, Runtime
from flask_mlmonitor.background.runtimes import runtime_for
from flask_mlmonitor.clock import now
from flask_mlmonitor.config import Settings
from flask_mlmonitor.journal.spool import Segment
from flask_mlmonitor.records import Schema
from flask_mlmonitor.request.ids import new_id
from tests.benchmarks.journal import served
from tests.benchmarks.measuring import cpu_of, machine, print_table
from tests.postgres import Postgres
from tests.server import traffic

SECONDS_OF_TRAFFIC = 180
TARGETS = {"SQLite": 50_000, "PostgreSQL": 20_000}
TURNS = {"flask mlmonitor worker": WORKER_ROWS, "a web worker": WEB_ROWS}
NewStore = Callable[[], str | None]
"""Returns the URL of an empty store; ``None`` is the default one."""


class Speed(NamedTuple):
    """Predictions per second of CPU, and of the clock."""

    cpu: float
    wall: float


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the speeds."""
    parser = argparse.ArgumentParser(prog="drain", description=__doc__)
    parser.add_argument("--predictions", type=int, default=50_000, help="in a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--idle", type=float, default=5.0, help="seconds to watch it idle")
    parser.add_argument("--store", choices=["sqlite", "postgresql"], default="sqlite")
    options = parser.parse_args(arguments)
    print(machine())
    with ExitStack() as stack:
        stores: dict[str, NewStore] = {"SQLite": lambda: None}
        if options.store == "postgresql":
            stores["PostgreSQL"] = stack.enter_context(Postgres()).new_store
        _print_speeds(stores, options)
        for name, new_store in stores.items():
            _print_parts(name, new_store, options.predictions)
    print_table("with nothing to do", ("what", "%"), [("of a core", 100 * _idle(options.idle))])
    return 0


def _print_speeds(stores: Mapping[str, NewStore], options: argparse.Namespace) -> None:
    found: dict[tuple[str, str], list[Speed]] = {}
    for _ in range(options.rounds):
        for store, new_store in stores.items():
            for turns, rows in TURNS.items():
                speed = _drain(options.predictions, rows, new_store())
                found.setdefault((store, turns), []).append(speed)
    rows_of_table = []
    for (store, turns), speeds in found.items():
        cpu, wall = (median(values) for values in zip(*speeds, strict=True))
        name = f"{store}, turns of {TURNS[turns]} ({turns})"
        rows_of_table.append((name, cpu, wall, f"{cpu / TARGETS[store]:.2f} of {TARGETS[store]}"))
    heads = ("predictions per second", "of our CPU", "of wall", "target")
    print_table(f"{options.predictions:,} predictions of 10 features", heads, rows_of_table)


def _runtime(folder: str, background: str, store_url: str | None = None) -> Runtime:
    given = {"MLMONITOR_BACKGROUND": background, "MLMONITOR_STORE_URL": store_url}
    settings = Settings.from_mapping(given, instance_path=folder)
    return runtime_for(settings, testing=False)


def fill(runtime: Runtime, predictions: int) -> None:
    """Journal the predictions of some minutes."""
    binning = traffic.baseline().binning(latency_bounds=(0.01, 0.1, 1.0))
    schema = runtime.journal.schema(Schema("app", "fraud", "2", binning.encode()))
    began = now() - SECONDS_OF_TRAFFIC
    for number in range(predictions):
        record = served(number, began + SECONDS_OF_TRAFFIC * number / predictions)
        values = (schema, new_id(), record.time, 0, record.latency, False, record.rows)
        runtime.journal.append(type(record)(*values))


def _drain(predictions: int, rows: int, store_url: str | None) -> Speed:
    with tempfile.TemporaryDirectory() as folder:
        runtime = _runtime(folder, "external", store_url)
        fill(runtime, predictions)
        moved = 0
        cpu, wall = time.process_time(), time.perf_counter()
        while part := runtime.drain.run_once(rows):
            moved += part
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        runtime.close()
    if moved != predictions:
        raise AssertionError(f"{moved} of {predictions} were moved")
    return Speed(moved / cpu, moved / wall)


def _print_parts(name: str, new_store: NewStore, predictions: int) -> None:
    """Print where the time goes: reading, rows and rollups; the rest is the store's."""
    with tempfile.TemporaryDirectory() as folder:
        runtime = _runtime(folder, "external", new_store())
        fill(runtime, predictions)
        chunks, meanings = [], []
        reading = 0.0
        for path in runtime.spool.segments():
            with Segment(path) as segment:
                began = time.process_time()
                chunks += [chunk.records for chunk in segment.chunks(limit=1000)]
                reading += time.process_time() - began
                meanings = [Meaning(schema) for schema in segment.schemas]
        rows = cpu_of(lambda: [batch_of(records, meanings, now) for records in chunks])
        whole = cpu_of(lambda: runtime.drain.run_once(sys.maxsize))
        runtime.close()
    parts = {"reading the journal": reading, "rows and rollups": rows}
    parts["the transaction"] = whole - sum(parts.values())
    table = [(name, seconds / predictions * 1e6) for name, seconds in parts.items()]
    print_table(f"one prediction into {name}, in batches of 1000", ("part", "us of CPU"), table)


def _idle(seconds: float) -> float:
    """Return the share of a core that the thread takes once everything is drained."""
    with tempfile.TemporaryDirectory() as folder:
        runtime = _runtime(folder, "thread")
        fill(runtime, 10)
        runtime.flush(10)
        cpu, wall = time.process_time(), time.perf_counter()
        time.sleep(seconds)
        share = (time.process_time() - cpu) / (time.perf_counter() - wall)
        runtime.close()
    return share


if __name__ == "__main__":
    raise SystemExit(main())
