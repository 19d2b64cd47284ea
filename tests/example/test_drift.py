"""What the monitor says of New York's flights, beside a baseline of January."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

import pandas as pd
import pytest

from example_service.data import between, read_flights
from flask_mlmonitor import Evaluation
from tests.benchmarks.flights import DAY, HOUR, NIGHT, Flights, Reference

PLANNED = {"hour", "sched_minutes", "distance", "carrier", "origin", "dest"}
"""What a day's schedule settles, and neither the weather nor the day of the week."""


@pytest.fixture(scope="module")
def flights() -> Flights:
    """Two weeks of January, and the first of July."""
    year = read_flights()
    weeks = (("2013-01-14", "2013-01-26"), ("2013-07-01", "2013-07-08"))
    counted = [between(year, *map(pd.Timestamp, week)) for week in weeks]
    return Flights.of(year, pd.concat(counted))


def night(month: int, day: int) -> datetime:
    """Return when a day of flights begins."""
    return datetime(2013, month, day, NIGHT, tzinfo=UTC)


def drifted(evaluations: Sequence[Evaluation]) -> Counter[str]:
    """Return in how many of the windows each feature drifted."""
    assert {one.status for one in evaluations} == {"complete"}
    return Counter(name for one in evaluations for name in one.drifted)


def test_days_of_the_training_data_are_flown_as_planned(flights: Flights) -> None:
    """Their weather is that of single days, and a day is not the week; nothing else drifts."""
    found = drifted([flights.judged(night(1, 15) + n * DAY, DAY) for n in range(10)])

    assert found["weekday"] == 10
    assert not PLANNED & found.keys()


def test_july_is_warmer(flights: Flights) -> None:
    """On each of its days, and by far."""
    days = [flights.judged(night(7, 1) + n * DAY, DAY) for n in range(6)]

    assert drifted(days)["temp"] == 6
    assert all(float(one.drift["temp"].psi or 0) > 5 for one in days)
    assert {one.verdict.severity for one in days} <= {"warning", "critical"}


@pytest.mark.parametrize(("reference", "alarms"), [(None, True), ("day", False)])
def test_the_time_of_day_alone_is_no_drift(
    flights: Flights, reference: Reference, alarms: bool
) -> None:
    """Each hour differs from whole days, and not from the same one of the day before."""
    mornings = [night(1, 16) + n * DAY for n in range(3)]
    windows = [
        flights.judged(morning + n * HOUR, 6 * HOUR, reference)
        for morning in mornings
        for n in (2, 6, 9)
    ]

    assert drifted(windows)["hour"] == (len(windows) if alarms else 0)
