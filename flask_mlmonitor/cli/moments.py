"""Points in time on the command line."""

import time
from datetime import UTC, datetime
from typing import Any, Final

import click

from flask_mlmonitor._quantities import Unreadable, seconds
from flask_mlmonitor.clock import as_datetime

WRITTEN: Final = "ISO 8601, in UTC where it names no zone, or '7d' for a week ago"
"""How a time is given, for the help of an option."""


class Moment(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.4
    """A time in ISO 8601, in UTC where it names no zone, or how long ago it is.

    It is read as seconds since the epoch.

    >>> Moment().convert("2026-05-28T22:26:40+02:00", None, None)
    1780000000.0
    >>> Moment().convert("2026-05-28 20:26:40", None, None)
    1780000000.0
    """

    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Read one."""
        if isinstance(value, float):
            return value
        try:
            return _read(value)
        except (ValueError, OverflowError, OSError):
            remedy = "give '24h' for a day ago, or ISO 8601, such as 2026-05-28T20:00:00Z"
            self.fail(f"{value!r}: {remedy}", param, ctx)


def _read(text: str) -> float:
    try:
        found = time.time() - seconds(text)
    except Unreadable:
        parsed = datetime.fromisoformat(text)
        found = (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()
    as_datetime(found)
    return found
