"""Windows of time: the sums of the ground truth in them."""

from dataclasses import dataclass
from functools import cached_property
from math import ceil
from typing import Any, Final, NamedTuple

from sqlalchemy import bindparam, select

from flask_mlmonitor.stats.performance.truth import TruthLayout, TruthSums
from flask_mlmonitor.store import tables
from flask_mlmonitor.store.database import BINARY, Readable
from flask_mlmonitor.store.horizons import HORIZON
from flask_mlmonitor.store.levels import HOUR, floor
from flask_mlmonitor.store.truth_rows import add_up

_column = tables.truth_hours.c
_HOURS: Final = (
    select(_column.hour, _column.token, _column.summed, _column.layout, _column.sums)
    .add_columns(HORIZON.scalar_subquery().label("horizon"))
    .where(_column.model == bindparam("m"), _column.version == bindparam("v"))
    .where(_column.hour >= bindparam("first"), _column.hour < bindparam("end"))
    .order_by(_column.hour)
)


class Part(NamedTuple):
    """What of an hour lies in a window."""

    start: float
    end: float


@dataclass(frozen=True, kw_only=True)
class TruthWindow:
    """The ground truth of the predictions of [start, end), in seconds since the epoch.

    :param packed: of each hour with ground truth, the packed sums of what lies in the window.
    :param left_out: the hours whose sums cannot be told any more, because rows of them are deleted:
        nobody added them up in time, or over another layout, or the window holds a part of them.
    """

    start: float
    end: float
    layout: TruthLayout
    packed: tuple[tuple[int, bytes], ...]
    left_out: tuple[int, ...] = ()

    @property
    def hours(self) -> tuple[tuple[int, TruthSums], ...]:
        """Each hour with ground truth, and the sums of what of it lies in the window, by cell."""
        packed = [sums for _, sums in self.packed]
        sums = TruthSums.unpack_all(self.layout, packed, by_cell=True)
        return tuple(zip((hour for hour, _ in self.packed), sums, strict=True))

    @cached_property
    def sums(self) -> TruthSums:
        """The sums of all hours."""
        return TruthSums.add_up(self.layout, [sums for _, sums in self.packed])


def read_truth(
    database: Readable, model: str, version: str, layout: TruthLayout, start: float, end: float
) -> TruthWindow:
    """Return the ground truth of a window, all as of the same moment.

    Stored sums are used where they are as of the last change. The rest is added up from the rows:
    hours that begin or end outside of the window, and those that nobody has refreshed.

    :raises StoreUnavailable: when the store does not answer.
    """
    this = {"m": model, "v": version}
    bounds = {"first": floor(start, HOUR), "end": ceil(end)}
    found: list[tuple[int, bytes]] = []
    left_out = []
    with database.reading() as connection:
        stored = connection.execute(
            _HOURS, {**this, **bounds}, execution_options={BINARY: True}
        ).all()
        for hour in stored:
            part = Part(max(hour.hour, start), min(hour.hour + HOUR, end))
            sums = _stored(hour, layout, part)
            if sums is None and part.start >= hour.horizon:
                sums = add_up(connection, (model, version), layout, *part).pack()
            if sums is None:
                left_out.append(hour.hour)
            else:
                found.append((hour.hour, sums))
    return TruthWindow(
        start=start, end=end, layout=layout, packed=tuple(found), left_out=tuple(left_out)
    )


def _stored(hour: Any, layout: TruthLayout, part: Part) -> bytes | None:
    """Return the sums that are stored of an hour, if they can be used for this part of it."""
    if part != (hour.hour, hour.hour + HOUR) or hour.layout != layout.id:
        return None
    if hour.summed != hour.token and hour.hour >= hour.horizon:
        return None
    sums: bytes = hour.sums
    return sums
