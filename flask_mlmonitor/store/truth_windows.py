"""Windows of time: the sums of the ground truth in them."""

from dataclasses import dataclass
from functools import reduce
from math import inf
from operator import add
from typing import Any, Final, NamedTuple

from sqlalchemy import bindparam, select

from flask_mlmonitor.stats.truth import TruthLayout, TruthSums
from flask_mlmonitor.store import tables
from flask_mlmonitor.store.database import BINARY, Database
from flask_mlmonitor.store.levels import HOUR, floor
from flask_mlmonitor.store.truth_rows import add_up

_column, _horizon = tables.truth_hours.c, tables.horizons.c
_HOURS: Final = (
    select(_column.hour, _column.token, _column.summed, _column.layout, _column.sums)
    .where(_column.model == bindparam("m"), _column.version == bindparam("v"))
    .where(_column.hour >= bindparam("first"), _column.hour < bindparam("end"))
    .order_by(_column.hour)
)
_HORIZON: Final = select(_horizon.time).where(
    _horizon.model == bindparam("m"), _horizon.version == bindparam("v")
)


class Part(NamedTuple):
    """What of an hour lies in a window."""

    start: float
    end: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TruthWindow:
    """The ground truth of the predictions of [start, end), in seconds since the epoch.

    :param hours: each hour with ground truth, and the sums of what of it lies in the window.
    :param left_out: the hours with ground truth whose sums cannot be told any more: predictions
        of them are deleted, and what is stored is of another layout, or of the whole hour.
    """

    start: float
    end: float
    layout: TruthLayout
    hours: tuple[tuple[int, TruthSums], ...]
    left_out: tuple[int, ...] = ()

    @property
    def sums(self) -> TruthSums:
        """The sum of all hours."""
        nothing = TruthSums.of(self.layout, ())
        return reduce(add, (sums for _, sums in self.hours), nothing)


def read_truth(
    database: Database, model: str, version: str, layout: TruthLayout, start: float, end: float
) -> TruthWindow:
    """Return the ground truth of a window, all as of the same moment.

    Stored sums are used where they are as of the last change. The rest is added up from the rows:
    hours that begin or end outside of the window, and those that nobody has refreshed.

    :raises StoreUnavailable: when the store does not answer.
    """
    this = {"m": model, "v": version}
    bounds = {"first": floor(start, HOUR), "end": end}
    found: list[tuple[int, TruthSums]] = []
    left_out = []
    with database.reading() as connection:
        horizon = connection.execute(_HORIZON, this).scalar() or -inf
        stored = connection.execute(
            _HOURS, {**this, **bounds}, execution_options={BINARY: True}
        ).all()
        for hour in stored:
            part = Part(max(hour.hour, start), min(hour.hour + HOUR, end))
            sums = _stored(hour, layout, part, horizon)
            if sums is None and part.start >= horizon:
                sums = add_up(connection, (model, version), layout, *part)
            if sums is None:
                left_out.append(hour.hour)
            else:
                found.append((hour.hour, sums))
    return TruthWindow(
        start=start, end=end, layout=layout, hours=tuple(found), left_out=tuple(left_out)
    )


def _stored(hour: Any, layout: TruthLayout, part: Part, horizon: float) -> TruthSums | None:
    """Return the sums that are stored of an hour, if they can be used for this part of it."""
    if part != (hour.hour, hour.hour + HOUR) or hour.layout != layout.id:
        return None
    if hour.summed != hour.token and hour.hour >= horizon:
        return None
    return TruthSums.unpack(layout, hour.sums)
