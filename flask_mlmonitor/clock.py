"""The time of day, as every `clock=` parameter expects it."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

from flask_mlmonitor.exceptions import ConfigError

Clock = Callable[[], float]
"""Returns seconds since the epoch."""

now: Clock = time.time


def as_datetime(seconds: float) -> datetime:
    """Return the aware UTC datetime of *seconds* since the epoch.

    >>> as_datetime(0).isoformat()
    '1970-01-01T00:00:00+00:00'
    """
    return datetime.fromtimestamp(seconds, UTC)


def seconds_of(key: str, time: object) -> float:
    """Return the seconds since the epoch of a time that a program gave.

    >>> seconds_of("time", datetime(1970, 1, 1, 0, 1, tzinfo=UTC))
    60.0

    :param key: the name of the argument.
    :raises ConfigError: for anything but an aware datetime.
    """
    if not isinstance(time, datetime) or time.tzinfo is None:
        raise ConfigError(key, time, "give an aware datetime, such as datetime.now(UTC)")
    return time.timestamp()
