"""The time of day, as every `clock=` parameter expects it."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], float]
"""Returns seconds since the epoch."""

now: Clock = time.time


def as_datetime(seconds: float) -> datetime:
    """Return the aware UTC datetime of *seconds* since the epoch.

    >>> as_datetime(0).isoformat()
    '1970-01-01T00:00:00+00:00'
    """
    return datetime.fromtimestamp(seconds, UTC)
