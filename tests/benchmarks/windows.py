"""What it takes to read windows, to compact, and to keep: fabricated rollups of a busy model.

``python -m tests.benchmarks.windows``
"""

import argparse
import json
import tempfile
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Any, Final, NamedTuple

import pytest
from sqlalchemy import insert

from flask_mlmonitor.stats.cells.rollup import BLOCKS
from flask_mlmonitor.store import tables
from flask_mlmonitor.store.compaction import find_fresh
from flask_mlmonitor.store.database import Database
from flask_mlmonitor.store.dialects import insert_new
from flask_mlmonitor.store.levels import DAY, HOUR, MINUTE
from flask_mlmonitor.store.pruning import outlived
from flask_mlmonitor.store.urls import open_store
from flask_mlmonitor.store.windows import read_window
from tests.benchmarks.fabricated import MODEL, ROWS_PER_MINUTE, Month
from tests.benchmarks.measuring import machine, print_table
from tests.postgres import Postgres

NOW: Final = 19_676 * DAY + 13 * HOUR + 34 * MINUTE
SPANS: Final = {"1 h": HOUR, "24 h": DAY, "30 days": 30 * DAY}
TARGETS: Final = {"SQLite": 5.0, "PostgreSQL": 20.0}
PARTS: Final = 4


class Place(NamedTuple):
    """Makes stores that nobody has used yet."""

    name: str
    folder: Path
    server: Postgres | None = None

    @contextmanager
    def store(self) -> Iterator[Database]:
        """Open a new store."""
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            url = self.server.new_store() if self.server else f"sqlite:///{folder}/store.sqlite3"
            database = open_store(url)
            yield database
            self._drop(database)
            database.close()

    def _drop(self, database: Database) -> None:
        if self.server:
            with database.writing() as connection:
                tables.METADATA.drop_all(connection)

    def size(self, database: Database, table: str) -> int:
        """Return the bytes that a table and its indices take."""
        if self.server:
            query = f"SELECT pg_total_relation_size('{table}')"
        else:
            query = (
                f"SELECT sum(pgsize) FROM dbstat WHERE name = '{table}' OR name IN "
                f"(SELECT name FROM sqlite_schema WHERE tbl_name = '{table}')"
            )
        with database.reading() as connection:
            return int(connection.exec_driver_sql(query).scalar_one())


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the times and sizes."""
    parser = argparse.ArgumentParser(prog="windows", description=__doc__)
    parser.add_argument("--features", type=int, nargs="+", default=[10, 100, 1000])
    parser.add_argument("--days", type=int, default=30, help="that are fabricated")
    parser.add_argument("--minutes", type=int, default=1500, help="that are fabricated as such")
    parser.add_argument("--hours", type=int, default=3, help="that are compacted")
    parser.add_argument("--rows", type=int, default=100_000, help="predictions stored as rows")
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args(arguments)
    print(machine())
    months = {features: Month(features) for features in options.features}
    _print_sizes(months)
    with places() as found:
        for place in found:
            _print_reading(place, months, options)
            _print_compaction(place, months, options.hours)
            _print_rows(place, options.rows)
    return 0


@contextmanager
def places() -> Iterator[list[Place]]:
    """Start the databases that are installed here."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        found = [Place("SQLite", folder)]
        try:
            found.append(Place("PostgreSQL", folder, stack.enter_context(Postgres())))
        except pytest.skip.Exception as missing:
            print(missing)
        yield found


def _print_sizes(months: dict[int, Month]) -> None:
    rows = []
    for features, month in months.items():
        kinds = (("minute", month.minutes), ("hour", month.hours), ("day", month.days))
        for name, packed in kinds:
            sizes = [median(len(getattr(one, block)) for one in packed) / 1e3 for block in BLOCKS]
            rows.append((features, name, *sizes, sum(sizes)))
    title = f"kB of one rollup, {ROWS_PER_MINUTE} rows a minute"
    print_table(title, ("features", "level", *BLOCKS, "sum"), rows)


def _print_reading(place: Place, months: dict[int, Month], options: Any) -> None:
    rows = []
    sizes = []
    for features, month in months.items():
        with place.store() as database:
            month.store(database, NOW, days=options.days, minutes=options.minutes)
            sizes.append((features, *_steady(place, database, month, options)))
            for name, length in SPANS.items():
                counts = _reading(database, length, ("counts",), options.rounds)
                everything, _ = _reading(database, length, BLOCKS, options.rounds)
                target = TARGETS[place.name] if (features, name) == (1000, "30 days") else "-"
                rows.append((features, name, *counts, everything, target))
    heads = ("features", "window", "counts", "our CPU of it", "all blocks", "target of counts")
    title = f"{place.name}: ms to read a window that ends in the middle of an hour, the fastest"
    print_table(f"{title} of {options.rounds}", heads, rows)
    kept = ("features", "a day of minutes", "48 h, 90 days", "each year")
    print_table(f"{place.name}: MB of rollups, one model", kept, sizes)


def _reading(
    database: Database, length: int, blocks: Collection[str], rounds: int
) -> tuple[float, float]:
    """Return milliseconds: the fastest of the rounds, and the least CPU."""
    times, cpu = [], []
    for _ in range(rounds + 1):
        began, used = time.perf_counter(), time.process_time()
        window = read_window(
            database, *MODEL, NOW - length, NOW, blocks=blocks, clock=lambda: float(NOW)
        )
        times.append(1e3 * (time.perf_counter() - began))
        cpu.append(1e3 * (time.process_time() - used))
        if window.n < ROWS_PER_MINUTE:
            raise AssertionError(f"{window.n} rows were read")
    return min(times), min(cpu)


def _steady(place: Place, database: Database, month: Month, options: Any) -> tuple[float, ...]:
    """Return MB: a day of minutes; what is kept of minutes and hours; a year of days."""
    per = {
        level: sum(len(getattr(packed[0], block)) for block in BLOCKS)
        for level, packed in ((MINUTE, month.minutes), (HOUR, month.hours), (DAY, month.days))
    }
    hours = options.days * 24 + NOW % DAY // HOUR
    stored = per[MINUTE] * options.minutes + per[HOUR] * hours + per[DAY] * options.days
    factor = place.size(database, "rollups") / stored / 1e6
    kept = per[MINUTE] * 48 * 60 + per[HOUR] * 90 * 24
    return factor * per[MINUTE] * 1440, factor * kept, factor * per[DAY] * 365


def _print_compaction(place: Place, months: dict[int, Month], hours: int) -> None:
    rows = []
    for features, month in months.items():
        with place.store() as database:
            month.store_parts(database, NOW - NOW % DAY, minutes=60 * hours, parts=PARTS)
            longest, steps = 0.0, 0
            cpu, wall = time.process_time(), time.perf_counter()
            while found := find_fresh(database, NOW + DAY):
                for step in found:
                    began = time.perf_counter()
                    step.run(database)
                    longest = max(longest, time.perf_counter() - began)
                    steps += 1
            cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        rows.append((features, 24 / hours * cpu, 24 / hours * wall, steps, 1e3 * longest))
    heads = ("features", "CPU s", "s", "steps measured", "longest, ms")
    print_table(f"{place.name}: compacting a day of minutes in {PARTS} parts each", heads, rows)


def _print_rows(place: Place, number: int) -> None:
    features = json.dumps({f"feature-{i}": i + 0.2345678 for i in range(10)}, separators=(",", ":"))
    values = (features, "1", "0.75", 0.02, "primary", "success", None, None)
    with place.store() as database:
        for first in range(0, number, 1000):
            rows = [
                (f"01890a5d-ac96-774b-bcce-{i:012}", None, "shop", *MODEL, float(i), *values)
                for i in range(first, min(first + 1000, number))
            ]
            with database.writing() as connection:
                insert_new(connection, tables.predictions, rows)
        with database.writing() as connection:
            connection.execute(insert(tables.totals), {
                "model": MODEL[0], "version": MODEL[1],
                "predictions": number, "answered": number, "ground_truth": 0,
            })  # fmt: skip
        size = place.size(database, "predictions") / number
        longest, cpu = 0.0, time.process_time()
        for deletion in outlived(database, number + 1.0):
            more = True
            while more:
                began = time.perf_counter()
                more = deletion.run(database)
                longest = max(longest, time.perf_counter() - began)
        cpu = time.process_time() - cpu
    heads = ("10 features", "MB", "CPU s to prune", "longest, ms")
    row = ("1 M rows", size, cpu / number * 1e6, 1e3 * longest)
    print_table(f"{place.name}: predictions and their indices", heads, [row])


if __name__ == "__main__":
    raise SystemExit(main())
