"""What became of the requests of the last minutes, over all hosts."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, Self

import msgspec

from flask_mlmonitor.alerts.requests import Requests
from flask_mlmonitor.clock import Clock, as_datetime, now
from flask_mlmonitor.store.database import Database
from flask_mlmonitor.store.levels import MINUTE, ceil, floor
from flask_mlmonitor.store.windows import WindowRollups, read_window, read_windows

LIVE_MINUTES: Final = 5
SHOWN_MINUTES: Final = 60
_BLOCKS: Final = ("operations",)


class Traffic(msgspec.Struct, frozen=True, kw_only=True):
    """Requests of some time.

    :param seconds: how long it lasted by now.
    :param requests: a batch is one.
    :param rows: predictions by their outcome.
    :param per_second: requests.
    :param p50: the median latency in seconds, linear within its bucket; ``None`` of no request.
    :param p95: likewise, of 95 in 100.
    :param error_rate: errors among the valid predictions.
    :param fallback_rate: likewise, answers of the fallback.
    :param invalid_rate: invalid ones among all.
    """

    start: datetime
    seconds: float
    requests: int
    rows: Mapping[str, int]
    per_second: float
    p50: float | None
    p95: float | None
    error_rate: float | None
    fallback_rate: float | None
    invalid_rate: float | None

    @classmethod
    def of(cls, window: WindowRollups, until: float) -> Self:
        """Return what a window says, of which the part behind *until* is yet to come."""
        found = Requests.of(list(window.rollups.values()))
        every = sum(found.rows.values())
        valid = every - found.rows["invalid"]
        seconds = max(1.0, min(window.end, until) - window.start)
        timed = sum(found.latencies) > 0
        return cls(
            start=as_datetime(window.start),
            seconds=seconds,
            requests=found.number,
            rows=found.rows,
            per_second=found.number / seconds,
            p50=found.quantile(0.5) if timed else None,
            p95=found.quantile(0.95) if timed else None,
            error_rate=_share(found.rows["error"], valid),
            fallback_rate=_share(found.rows["fallback"], valid),
            invalid_rate=_share(found.rows["invalid"], every),
        )


def read_live(database: Database, model: str, version: str, clock: Clock = now) -> Traffic:
    """Return the requests of the last minutes and of the one that is running.

    :raises StoreUnavailable: when the store does not answer.
    """
    current = clock()
    end = ceil(current, MINUTE)
    window = read_window(
        database, model, version, end - LIVE_MINUTES * MINUTE, end, blocks=_BLOCKS, clock=clock
    )
    return Traffic.of(window, current)


def read_minutes(
    database: Database, model: str, version: str, clock: Clock = now
) -> Sequence[Traffic]:
    """Return the requests of each minute of the last hour, the running one left out.

    :raises StoreUnavailable: when the store does not answer.
    """
    current = clock()
    end = floor(current, MINUTE)
    bounds = range(end - SHOWN_MINUTES * MINUTE, end + 1, MINUTE)
    windows = read_windows(database, model, version, bounds, blocks=_BLOCKS, clock=clock)
    return [Traffic.of(window, current) for window in windows]


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
