"""One run of the evaluator over a store: which windows, which counts."""

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from msgspec.structs import replace
from sqlalchemy import Connection, Engine, event

from flask_mlmonitor import Baseline
from flask_mlmonitor._parsers import windows
from flask_mlmonitor.background.evaluator import evaluate
from flask_mlmonitor.background.subjects import Subject, step_of
from flask_mlmonitor.records import Gap, Row, Served
from flask_mlmonitor.stats.cells.rollup import Rollup
from flask_mlmonitor.stats.verdicts.evaluation import Evaluation
from flask_mlmonitor.store.database import Database
from flask_mlmonitor.store.recording import Batch, RollupKey, Span, apply
from flask_mlmonitor.store.results import add_evaluations
from flask_mlmonitor.store.urls import open_store
from tests.limits import LIMITS

HOUR = 3600
NOON = int(time.time()) // HOUR * HOUR - HOUR
"""Of late: of longer ago there are no minutes."""
RNG = np.random.default_rng(4)
BASELINE = Baseline.from_dataframe(pd.DataFrame({"x": RNG.normal(size=3000)}))


@pytest.fixture
def database(store_url: str) -> Iterator[Database]:
    """A store, in each database."""
    database = open_store(store_url)
    database.prepare()
    yield database
    database.close()


class Minutes:
    """Adds predictions to a store, minute by minute."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._number = 0

    def add(
        self, before_noon: int, n: int, *, mean: float = 0.0, baseline: Baseline = BASELINE
    ) -> None:
        """Add *n* predictions of the minute that begins so many seconds before noon."""
        rows = [Row([float(value)]) for value in RNG.normal(mean, 1, n)]
        served = [Served(0, "", 0.0, 0, None, False, [row]) for row in rows]
        binning = baseline.binning()
        key = RollupKey("fraud", "2", binning.id, NOON - before_noon)
        rollups = {key: Rollup.of(binning, served).pack()}
        self._apply(Batch([], {}, rollups, {binning.id: binning.encode()}))

    def lose(self, start: int, end: int, count: int) -> None:
        """Add a gap, in seconds before noon."""
        gap = Gap(NOON - start, NOON - end, count, "disk_full")
        self._apply(Batch([], {}, {}, {}, [gap]))

    def _apply(self, batch: Batch) -> None:
        self._number += 1
        apply(self._database, Span(f"s{self._number}", 0, 1), batch)


@pytest.fixture
def minutes(database: Database) -> Minutes:
    """Predictions by the minute."""
    return Minutes(database)


def subject(spans: str = "1h", **given: Any) -> Subject:
    """The model as configured."""
    fields: dict[str, Any] = {
        "model": "fraud",
        "version": "2",
        "windows": windows(spans),
        "alarm_budget": 1 / 30,
        "limits": replace(LIMITS, min_samples=100),
        "baseline": BASELINE,
    }
    return Subject(**fields | given)


def run(database: Database, one: Subject, at: float = NOON) -> dict[str, Evaluation]:
    """Evaluate, by window."""
    return {found.window: found for found in evaluate(database, [one], at)}


def test_windows_are_sums_of_minutes(database: Database, minutes: Minutes) -> None:
    """Each from its first minute to before its end."""
    minutes.add(60, 150)
    minutes.add(HOUR, 20)
    minutes.add(HOUR + 60, 3)
    minutes.add(7 * HOUR, 1)
    minutes.add(0, 500)  # of the next hour
    found = run(database, subject("1h,6h,24h"))

    assert {name: one.n for name, one in found.items()} == {"1h": 170, "6h": 173, "24h": 174}
    assert {one.end.timestamp() for one in found.values()} == {NOON}
    assert found["1h"].start.timestamp() == NOON - HOUR


def test_the_minute_that_is_asked_in_counts(database: Database, minutes: Minutes) -> None:
    """Who asks now wants to see what came just now."""
    minutes.add(0, 120)

    assert run(database, subject(), NOON + 5)["1h"].n == 120
    assert run(database, subject(), NOON)["1h"].n == 0


def test_drift_is_seen_in_the_window_that_has_it(database: Database, minutes: Minutes) -> None:
    """A day dilutes what an hour shows."""
    for hour in range(1, 24):
        minutes.add(hour * HOUR + 60, 1000)
    minutes.add(60, 1000, mean=1.5)
    found = run(database, subject("1h,24h"))

    assert found["1h"].drifted == ["x"]
    assert found["24h"].drifted == []
    assert found["24h"].n == 24_000


def test_a_window_by_count_holds_the_last_ones(database: Database, minutes: Minutes) -> None:
    """At least so many: minutes, then hours, then days are taken whole."""
    minutes.add(60, 90)
    minutes.add(5 * 60, 20, mean=9)
    minutes.add(10 * HOUR, 400)
    found = run(database, subject("90,100,500"))

    assert {name: one.n for name, one in found.items()} == {"90": 90, "100": 110, "500": 510}
    assert found["100"].start.timestamp() == NOON - 5 * 60
    assert found["500"].start.timestamp() == NOON - 10 * HOUR


def test_the_longest_window_reaches_back_until_it_holds_enough(
    database: Database, minutes: Minutes
) -> None:
    """Few predictions a day are judged all the same; the shorter windows are not."""
    minutes.add(60, 40)
    minutes.add(30 * HOUR, 70)
    minutes.add(40 * HOUR, 300)
    found = run(database, subject("1h,24h"))

    assert (found["1h"].n, found["1h"].status) == (40, "not_enough_data")
    assert (found["24h"].n, found["24h"].status) == (110, "complete")
    assert found["24h"].start.timestamp() == NOON - 30 * HOUR


def test_a_gap_makes_the_windows_that_it_touches_incomplete(
    database: Database, minutes: Minutes
) -> None:
    """The others are judged as ever."""
    minutes.add(60, 500, mean=2)
    minutes.lose(5 * HOUR, 4 * HOUR, 17)
    found = run(database, subject("1h,6h"))

    assert (found["1h"].status, found["1h"].verdict.severity) == ("complete", "critical")
    assert (found["6h"].status, found["6h"].verdict.severity) == ("incomplete", "info")


def test_counts_over_another_baseline_are_left_out(database: Database, minutes: Minutes) -> None:
    """They are predictions, but nobody can say in which cells they would lie."""
    other = Baseline.from_dataframe(pd.DataFrame({"x": RNG.normal(5, 1, 3000)}))
    minutes.add(60, 300, baseline=other)
    minutes.add(120, 200)
    found = run(database, subject())["1h"]

    assert found.n == 500
    assert found.drift["x"].n_observed == 200


def test_a_model_without_a_baseline_has_counts(database: Database, minutes: Minutes) -> None:
    """And no judgement."""
    minutes.add(60, 300)

    assert run(database, subject(baseline=None))["1h"].n == 300


@pytest.mark.parametrize(("kind", "ago"), [("previous", HOUR), ("day", 24 * HOUR)])
def test_the_second_reference_is_read(
    database: Database, minutes: Minutes, kind: str, ago: int
) -> None:
    """What was alike in those hours is a cycle."""
    minutes.add(60, 500, mean=2)
    assert run(database, subject(second_reference=kind))["1h"].drifted == ["x"]

    minutes.add(60 + ago, 500, mean=2)
    found = run(database, subject(second_reference=kind))["1h"]
    assert found.drifted == []
    assert found.second_drift["x"].status == "stable"


def test_of_long_ago_only_days_are_left(database: Database, minutes: Minutes) -> None:
    """A day can still be judged, as far as it is one; an hour cannot, and says so."""
    year = 365 * 24 * HOUR
    minutes.add(year, 300)
    found = run(database, subject("1h,24h,100"), NOON - year + 24 * HOUR)

    assert (found["1h"].n, found["1h"].status) == (0, "not_enough_data")
    assert "longer spans" in found["1h"].verdict.text
    assert found["24h"].n == found["100"].n == 300
    assert found["24h"].end.hour == 0


def test_since_when_comes_from_the_store(database: Database, minutes: Minutes) -> None:
    """From the window of the same length that ended before."""
    minutes.add(HOUR + 60, 500, mean=2)
    minutes.add(60, 500, mean=2)
    before = run(database, subject(), NOON - HOUR)["1h"]
    add_evaluations(database, [before])

    assert run(database, subject())["1h"].since == {"x": before.end}


def test_the_budget_is_shared_by_all_tests() -> None:
    """Features and predictions, in each window, at each decision."""
    assert subject().judge.level == pytest.approx(1 / 30 / 2 / 24)
    assert subject("1h,6h,24h").judge.level == pytest.approx(1 / 30 / 2 / 24 / 2)
    assert subject("6h").judge.level == pytest.approx(1 / 30 / 2 / 4)
    assert step_of(windows("500")) == HOUR


def test_what_is_judged_of_a_model_is_read_in_one_transaction(
    minutes: Minutes, database: Database
) -> None:
    """So it fits together, however many windows there are."""
    minutes.add(1800, 250)
    begun: list[Connection] = []

    def note(connection: Connection) -> None:
        begun.append(connection)

    one = subject("1h,6h,24h")
    assert len(run(database, one)) == 3
    event.listen(Engine, "begin", note)
    try:
        run(database, one)
    finally:
        event.remove(Engine, "begin", note)

    assert len(begun) == 1
