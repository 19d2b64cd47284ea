"""The flights: what is read, what is known when, and what a caller sends."""

import pandas as pd
import pytest

from example_service.data import TAXI, TRAINING, between, read_flights, rows
from example_service.model import FEATURES, LATE, ON_TIME
from example_service.schedule import schedule


@pytest.fixture(scope="module")
def flights() -> pd.DataFrame:
    """All flights; read once."""
    return read_flights()


def test_every_flight_that_left_is_read_once(flights: pd.DataFrame) -> None:
    """Cancelled flights have no departure delay and are left out; joining adds no row."""
    assert len(flights) == 336_776 - 8_255
    assert flights["departure"].is_monotonic_increasing


def test_missing_values_are_the_data_s_own(flights: pd.DataFrame) -> None:
    """Only the weather has gaps, and air pressure is missing in about one report of ten."""
    missing = flights[list(FEATURES)].isna().mean()

    assert set(missing[missing > 0].index) == {"temp", "wind_speed", "precip", "visib", "pressure"}
    assert missing["pressure"] == pytest.approx(0.11, abs=0.01)


def test_outcome_is_late_after_more_than_fifteen_minutes(flights: pd.DataFrame) -> None:
    """The share of late arrivals is that of ``arr_delay > 15``; diverted flights have none."""
    outcomes = flights["outcome"].value_counts(normalize=True)

    assert set(outcomes.index) == {LATE, ON_TIME}
    assert outcomes[LATE] == pytest.approx(0.2367, abs=0.0005)
    assert flights["outcome"].isna().sum() == 9_430 - 8_255


def test_outcome_is_known_only_hours_after_departure(flights: pd.DataFrame) -> None:
    """An outcome is reported after the landing, at a full hour."""
    known = flights[flights["known"].notna()]
    wait = known["known"] - known["departure"]

    assert wait.min() >= TAXI
    assert 2 < wait.dt.total_seconds().median() / 3600 < 5
    assert (known["known"].dt.minute == 0).all()
    assert (flights["known"].isna() == flights["outcome"].isna()).all()


def test_between_takes_whole_local_days(flights: pd.DataFrame) -> None:
    """The training weeks start with January and end before the fifteenth of February."""
    days = between(flights, *TRAINING)["day"]

    assert days.min() == pd.Timestamp("2013-01-01")
    assert days.max() == pd.Timestamp("2013-02-14")


def test_rows_are_what_json_can_carry(flights: pd.DataFrame) -> None:
    """A row has every feature by name, ``None`` for a gap, and plain numbers."""
    gaps = flights[flights["pressure"].isna()].head(1)
    [row] = rows(gaps)

    assert tuple(row) == FEATURES
    assert row["pressure"] is None
    assert {type(value) for value in row.values()} <= {int, float, str, type(None)}


def test_schedule_compresses_time(flights: pd.DataFrame) -> None:
    """Two summer days in eight seconds: flights leave in order and are reported later."""
    played = schedule(flights, pd.Timestamp("2013-07-01"), seconds=8, day_seconds=4)
    leaves = [flight.leaves for flight in played]

    assert 1_500 < len(played) < 2_100
    assert leaves == sorted(leaves)
    assert 0 <= leaves[0] < leaves[-1] < 8
    assert all(flight.reported > flight.leaves for flight in played if flight.outcome)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the package of the flights the error says what to install."""
    monkeypatch.setattr("example_service.data.find_spec", lambda name: None)

    with pytest.raises(FileNotFoundError, match=r"pip install .*example"):
        read_flights()
