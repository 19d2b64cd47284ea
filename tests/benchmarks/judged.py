"""What it takes to judge a model by its ground truth, and again when more of it comes.

The store holds a week of fabricated rollups and hours of ground truth, of few predictions and of
many, and what was judged of them at the end of each hour. Then a run of the evaluator when nothing
has changed, and when the truth of many hours has; and what ``/metrics`` reads of all that.

``python -m tests.benchmarks.judged``
"""

import argparse
from collections.abc import Sequence
from functools import partial
from statistics import median
from typing import Any, Final

import numpy as np
import pandas as pd
from msgspec.structs import replace
from sqlalchemy import insert

from flask_mlmonitor import Baseline
from flask_mlmonitor.background.evaluator import Findings, evaluate, keep, run
from flask_mlmonitor.background.subjects import Subject
from flask_mlmonitor.clock import now
from flask_mlmonitor.metrics.results import samples_of
from flask_mlmonitor.stats.performance.truth import TruthRow, TruthSums
from flask_mlmonitor.store import tables
from flask_mlmonitor.store.database import Database
from flask_mlmonitor.store.levels import DAY, HOUR, MINUTE, floor
from flask_mlmonitor.store.results import read_latest, read_latest_measured
from flask_mlmonitor.store.truth_hours import mark_changed
from tests.benchmarks.evaluation import subject_of
from tests.benchmarks.fabricated import MODEL, Month
from tests.benchmarks.measuring import cpu_of, machine, print_table
from tests.benchmarks.windows import Place, places

FEATURES: Final = 20
DAYS: Final = 8
AIM: Final = 50.0
"""The milliseconds of CPU that a run may take when nothing has changed."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the times."""
    parser = argparse.ArgumentParser(prog="judged", description=__doc__)
    parser.add_argument("--per-minute", type=int, nargs="+", default=[1, 1000])
    parser.add_argument("--hours", type=int, default=100, help="whose ground truth changes")
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args(arguments)
    print(machine())
    months = {number: Month(FEATURES, number) for number in options.per_minute}
    with places() as found:
        for place in found:
            rows = [_row(place, *one, options) for one in months.items()]
            heads = ("predictions", "nothing changed", "at most", "hours changed", "windows")
            more = ("judged again: s", "stored: s", "/metrics reads")
            print_table(f"{place.name}: ms of CPU of a run", (*heads, *more), rows)
    return 0


def _row(
    place: Place, per_minute: int, month: Month, options: argparse.Namespace
) -> tuple[Any, ...]:
    end = floor(now(), HOUR)
    subject = _with_truth(subject_of(month))
    with place.store() as database:
        month.store(database, end, days=DAYS, minutes=1500)
        _store_truth(database, subject, end, 60 * per_minute)
        for hour in range(end - 7 * DAY, end, HOUR):
            if hour >= end - options.hours * HOUR - DAY:
                keep(database, Findings(evaluate(database, [subject], hour), []))
        judging = partial(run, database, [subject], end)
        if not all(one.measured for one in judging().evaluations):
            raise AssertionError(f"not measured: {[one.verdict for one in judging().evaluations]}")
        quiet = median(1e3 * cpu_of(judging) for _ in range(options.rounds))
        _change(database, end, options.hours)
        found: list[Findings] = []
        again = cpu_of(lambda: found.append(judging()))
        stored = cpu_of(lambda: keep(database, found[0]))
        reading = partial(_read, database)
        scrape = median(1e3 * cpu_of(reading) for _ in range(options.rounds))
    return (
        f"{per_minute * DAYS * DAY // MINUTE:,}",
        *(quiet, AIM, options.hours, len(found[0].revisions), again, stored, scrape),
    )


def _read(database: Database) -> None:
    samples_of(read_latest(database), read_latest_measured(database))


def _with_truth(subject: Subject) -> Subject:
    """Return a model whose training data had ground truth and scores."""
    rows = pd.DataFrame(_fabricated(20_000, 1))
    known = Baseline.from_dataframe(
        pd.DataFrame({"x": range(len(rows))}),
        target=rows["value"],
        predictions=rows["prediction"],
        probabilities=rows["probability"],
        positive="yes",
    )
    if subject.baseline is None:
        raise AssertionError("a model without a baseline")
    names = ("target", "scores", "performance")
    fields = {name: getattr(known, name) for name in names}
    return replace(subject, baseline=replace(subject.baseline, **fields))


def _store_truth(database: Database, subject: Subject, end: int, number: int) -> None:
    layout = subject.layout
    packed = [TruthSums.of(layout, _fabricated(number, seed)).pack() for seed in range(3)]
    common = {"token": 1, "judged": 1, "summed": 1, "layout": layout.id}
    owner = dict(zip(("model", "version"), MODEL, strict=True))
    rows = [
        {**owner, "hour": hour, **common, "sums": packed[hour // HOUR % len(packed)]}
        for hour in range(end - DAYS * DAY, end, HOUR)
    ]
    whole = number * len(rows)
    total = {**owner, "predictions": whole, "answered": whole, "ground_truth": whole}
    with database.writing() as connection:
        connection.execute(insert(tables.truth_hours), rows)
        connection.execute(insert(tables.totals), total)


def _change(database: Database, end: int, hours: int) -> None:
    """Note that the truth of the last hours changed; their sums stay what they are."""
    table = tables.truth_hours
    with database.writing() as connection:
        mark_changed(connection, ((*MODEL, end - hour * HOUR - 1) for hour in range(hours)))
        connection.execute(table.update().values(summed=table.c.token))


def _fabricated(number: int, seed: int) -> list[TruthRow]:
    """Make predictions whose scores are calibrated."""
    random = np.random.default_rng(seed)
    scores = random.random(number)
    values = random.random(number) < scores
    return [
        TruthRow(("no", "yes")[score > 0.5], score, ("no", "yes")[value], 3600.0)
        for score, value in zip(scores.tolist(), values.tolist(), strict=True)
    ]


if __name__ == "__main__":
    raise SystemExit(main())
