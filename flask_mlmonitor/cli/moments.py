"""Points in time on the command line."""

import time
from datetime import datetime
from typing import Any, Final

import click

from flask_mlmonitor._quantities import Unreadable, seconds

HALF_MICROSECOND: Final = 5e-7


class Moment(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.4
    """A time in ISO 8601 with a time zone, or how long ago it is; in seconds since the epoch.

    What is written is rounded to microseconds: half of one before it, all that is written so has
    not happened yet.

    >>> Moment().convert("2026-05-28T20:26:40.500000Z", None, None)
    1780000000.4999995
    """

    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Read one."""
        if isinstance(value, float):
            return value
        try:
            return time.time() - seconds(value)
        except Unreadable:
            pass
        try:
            parsed = datetime.fromisoformat(value)
        except ValueError:
            parsed = None
        if parsed is None or parsed.tzinfo is None:
            remedy = "give '24h' for a day ago, or ISO 8601 with a time zone: 2026-05-28T20:00:00Z"
            self.fail(f"{value!r}: {remedy}", param, ctx)
        return parsed.timestamp() - HALF_MICROSECOND
