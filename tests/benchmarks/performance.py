"""What ground truth costs: to take it, to add it up where it changed, to read its windows.

Windows are read from a fabricated month of hours, of few predictions and of many. For the rest a
store holds real rows, for some of which ground truth comes late.

``python -m tests.benchmarks.performance``
"""

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import cycle
from statistics import median
from typing import Any, Final

import numpy as np
import pytest
from sqlalchemy import insert

from flask_mlmonitor.stats.performance.truth import TruthLayout, TruthRow, TruthSums
from flask_mlmonitor.store import tables, truth
from flask_mlmonitor.store.database import Database
from flask_mlmonitor.store.dialects import insert_new
from flask_mlmonitor.store.levels import DAY, HOUR, floor
from flask_mlmonitor.store.truth import Claim, record_ground_truth
from flask_mlmonitor.store.truth_hours import changed_hours, mark_changed, refresh_hours
from flask_mlmonitor.store.truth_windows import read_truth
from tests.benchmarks.fabricated import MODEL
from tests.benchmarks.measuring import interleaved, machine, print_table
from tests.benchmarks.windows import Place, places

NOW: Final = 19_676 * DAY + 13 * HOUR
MONTH: Final = 30 * DAY
SPANS: Final = {"1 h": HOUR, "6 h": 6 * HOUR, "24 h": DAY, "30 days": MONTH}
AIMS: Final = {"24 h": 3.0, "30 days": 30.0}
"""The milliseconds that reading a window may take on SQLite."""
LAYOUT: Final = TruthLayout(classes=("no", "yes"), positive="yes")
AT_ONCE: Final = 1000
"""Predictions, or values of ground truth, in one transaction."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the times."""
    parser = argparse.ArgumentParser(prog="performance", description=__doc__)
    parser.add_argument("--predictions", type=int, nargs="+", default=[10_000, 10_000_000])
    parser.add_argument("--rows", type=int, default=300_000, help="that are really stored")
    parser.add_argument("--late", type=int, default=10_000, help="of them, told of at last")
    parser.add_argument("--hours", type=int, default=100, help="in which these lie")
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args(arguments)
    print(machine())
    with places() as found:
        for place in found:
            _print_reading(place, options)
            _print_rows(place, options)
            _print_telling(place, options.rounds)
    return 0


def _print_reading(place: Place, options: argparse.Namespace) -> None:
    rows = []
    for predictions in options.predictions:
        with place.store() as database:
            size = _store_hours(database, predictions)
            stored = place.size(database, "truth_hours") * HOUR / MONTH
            for name, length in SPANS.items():
                reading = partial(_read, database, NOW - length, NOW)
                reading()
                fastest = min(reading() for _ in range(options.rounds))
                rows.append((f"{predictions:,}", name, fastest, AIMS.get(name, "-")))
        print_table(
            f"{place.name}: an hour of {predictions:,} predictions in a month",
            ("", "bytes"),
            [("its sums", size), ("with row and index", stored)],
        )
    heads = ("predictions", "window", "ms", "at most, on SQLite")
    print_table(f"{place.name}: reading and adding up a window", heads, rows)


def _read(database: Database, start: int, end: int) -> float:
    """Return the milliseconds that it took."""
    began = time.perf_counter()
    sums = read_truth(database, *MODEL, LAYOUT, start, end).sums
    milliseconds = 1e3 * (time.perf_counter() - began)
    if not sums.n:
        raise AssertionError("nothing was read")
    return milliseconds


def _store_hours(database: Database, predictions: int) -> float:
    """Store a month of hours as they are when all was added up; return the bytes of the sums."""
    hours = range(NOW - MONTH, NOW, HOUR)
    packed = [
        TruthSums.of(LAYOUT, list(_fabricated(predictions // len(hours), seed))).pack()
        for seed in range(3)
    ]
    common = {"token": 1, "judged": 1, "summed": 1, "layout": LAYOUT.id}
    owner = dict(zip(("model", "version"), MODEL, strict=True))
    rows = [
        {**owner, "hour": hour, **common, "sums": sums}
        for hour, sums in zip(hours, cycle(packed), strict=False)
    ]
    with database.writing() as connection:
        connection.execute(insert(tables.truth_hours), rows)
    return median(map(len, packed))


def _fabricated(number: int, seed: int) -> Iterator[TruthRow]:
    """Make predictions whose scores are calibrated."""
    random = np.random.default_rng(seed)
    scores = random.beta(2, 5, number)
    values = random.random(number) < scores
    for score, value in zip(scores.tolist(), values.tolist(), strict=True):
        yield TruthRow(("no", "yes")[score > 0.5], score, ("no", "yes")[value], 3600.0)


def _print_rows(place: Place, options: argparse.Namespace) -> None:
    step, since = MONTH / options.rows, NOW - MONTH
    late = _late(options)
    with place.store() as database:
        _store_rows(database, [since + number * step for number in range(options.rows)], late)
        began = time.perf_counter()
        all_hours = refresh_hours(database, *MODEL, LAYOUT)
        whole = time.perf_counter() - began

        began = time.perf_counter()
        for first in range(0, len(late), AT_ONCE):
            claims = [Claim(_key(number), "yes", NOW) for number in late[first : first + AT_ONCE]]
            record_ground_truth(database, claims)
        telling = time.perf_counter() - began

        wanted = {floor(since + number * step, HOUR) for number in late}
        began = time.perf_counter()
        refreshed = refresh_hours(database, *MODEL, LAYOUT)
        seconds = time.perf_counter() - began
        if set(refreshed) != wanted:
            raise AssertionError(f"{len(refreshed)} hours, and not just the {len(wanted)} told of")
        nothing = min(_asking(database) for _ in range(options.rounds))
    rows = [
        ("all, at first", len(all_hours), whole, 1e3 * whole / len(all_hours)),
        (f"{len(late):,} late values: telling", len(wanted), telling, "-"),
        ("their hours", len(refreshed), seconds, 1e3 * seconds / len(refreshed)),
        ("when nothing has changed", 0, nothing, "-"),
    ]
    title = f"{place.name}: adding up hours of {options.rows:,} rows in a month"
    print_table(title, ("", "hours", "s", "ms an hour"), rows)


def _asking(database: Database) -> float:
    began = time.perf_counter()
    refresh_hours(database, *MODEL, LAYOUT)
    changed_hours(database, *MODEL)
    return time.perf_counter() - began


def _late(options: argparse.Namespace) -> list[int]:
    """Return the numbers of predictions that lie in so many hours, all over the month."""
    hours = MONTH // HOUR
    chosen = np.linspace(0, hours - 1, min(options.hours, hours)).astype(int)
    in_one = options.rows // hours
    of_one = -(-options.late // len(chosen))
    return [
        -(-hour * options.rows // hours) + number
        for hour in chosen.tolist()
        for number in range(min(of_one, in_one))
    ]


def _key(number: int) -> str:
    return f"01890a5d-ac96-774b-bcce-{number:012}"


def _store_rows(database: Database, times: Sequence[float], without: Sequence[int]) -> None:
    """Store predictions, and the ground truth of all others than *without*."""
    missing = set(without)
    rows = list(_fabricated(len(times), 0))
    for first in range(0, len(times), AT_ONCE):
        numbers = range(first, min(first + AT_ONCE, len(times)))
        predictions = [_prediction(number, rows[number], times[number]) for number in numbers]
        truths = [
            (_key(number), *MODEL, times[number], f'"{rows[number].value}"', NOW, NOW)
            for number in numbers
            if number not in missing
        ]
        with database.writing() as connection:
            insert_new(connection, tables.predictions, predictions)
            if truths:
                insert_new(connection, tables.ground_truth, truths)
            mark_changed(connection, ((*MODEL, one[3]) for one in truths))


def _prediction(number: int, row: TruthRow, time: float) -> tuple[Any, ...]:
    features = '{"amount":2.5,"plan":"free","age":41}'
    answer = (features, f'"{row.prediction}"', str(row.probability), 0.01)
    return (_key(number), None, "shop", *MODEL, time, *answer, "primary", "success", None, None)


def _print_telling(place: Place, rounds: int) -> None:
    """Print what a value costs, and how much of it is that its hour is noted."""
    rows = []
    for name, step in (("in one hour", 1), ("each in another hour", HOUR)):
        with place.store() as database:
            times = [float(NOW - number * step) for number in range(AT_ONCE)]
            _store_rows(database, times, range(AT_ONCE))
            tell = partial(_tell, database)
            measures = {"as it is": tell, "without": partial(_without_noting, tell)}
            found = interleaved(measures, rounds)
        rows.append((name, *(1e6 * seconds / AT_ONCE for seconds in found.values())))
    title = f"{place.name}: us for a value of ground truth, {AT_ONCE:,} in one request"
    print_table(title, ("predictions", "as it is", "without noting the hours"), rows)


def _tell(database: Database) -> float:
    claims = [Claim(_key(number), "yes", NOW) for number in range(AT_ONCE)]
    began = time.perf_counter()
    record_ground_truth(database, claims)
    return time.perf_counter() - began


def _without_noting(tell: Callable[[], float]) -> float:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(truth, "mark_changed", lambda *_: None)
        return tell()


if __name__ == "__main__":
    raise SystemExit(main())
