"""The levels of rollups, and how long each of them is kept."""

from typing import Final

MINUTE: Final = 60
HOUR: Final = 3600
DAY: Final = 86_400

COARSER: Final = {MINUTE: HOUR, HOUR: DAY}
"""The level that holds a level's rollups, too, once its bucket is over."""

KEPT_SECONDS: Final = {MINUTE: 48 * HOUR, HOUR: 90 * DAY}
"""How long a window may begin and end with this level; days are kept for ever."""


def floor(time: float, level: int) -> int:
    """Return the start of the bucket of *time*.

    >>> floor(7300.5, HOUR), floor(-0.5, MINUTE)
    (7200, -60)
    """
    return int(time // level) * level


def ceil(time: float, level: int) -> int:
    """Return the first start of a bucket that is not before *time*.

    >>> ceil(7200, HOUR), ceil(7200.5, HOUR)
    (7200, 10800)
    """
    return -floor(-time, level)


def finest(time: float, now: float) -> int:
    """Return the finest level whose rollups are there at *time*."""
    kept = (level for level, seconds in KEPT_SECONDS.items() if time >= now - seconds)
    return next(kept, DAY)


def first_kept(level: int, now: float) -> int:
    """Return from where on a level's rollups are not to be dropped.

    Whoever reads may begin in the middle of a coarser bucket, and its clock may be behind.
    """
    return floor(now - KEPT_SECONDS[level], COARSER[level]) - COARSER[level]
