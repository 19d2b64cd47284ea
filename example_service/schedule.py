"""Puts flights onto a replay's clock."""

from dataclasses import dataclass
from typing import Final

import pandas as pd

from .data import Features, rows

LOCAL_TIME: Final = "America/New_York"


@dataclass(frozen=True, slots=True)
class Flight:
    """One flight on the replay's clock, in seconds since its start.

    :param leaves: when the prediction is asked for.
    :param reported: when the outcome becomes known.
    :param outcome: ``None`` where it never does, as for a diverted flight.
    """

    leaves: float
    reported: float
    features: Features
    outcome: str | None


def schedule(
    flights: pd.DataFrame, start: pd.Timestamp, *, seconds: float, day_seconds: float
) -> list[Flight]:
    """List the flights that leave during a replay, in order of departure.

    :param start: the day on which the replay starts.
    :param seconds: how long the replay lasts.
    :param day_seconds: how long one of its days lasts.
    """
    second = pd.Timedelta(days=1) / day_seconds
    begin = start.tz_localize(LOCAL_TIME)
    end = begin + seconds * second
    played = flights[(flights["departure"] >= begin) & (flights["departure"] < end)]
    leaves = (played["departure"] - begin) / second
    reported = (played["known"] - begin) / second
    outcomes = played["outcome"].astype(object).where(played["outcome"].notna(), None)
    return [
        Flight(*flight) for flight in zip(leaves, reported, rows(played), outcomes, strict=True)
    ]
