"""Rows, rollups and the segment's offset in one transaction."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, delete, insert, inspect, select, update

from flask_mlmonitor.exceptions import MLMonitorError
from flask_mlmonitor.records import Gap
from flask_mlmonitor.stats.cells.rollup import PackedRollup
from flask_mlmonitor.store import tables
from flask_mlmonitor.store.database import Database
from flask_mlmonitor.store.dialects import insert_into, insert_new, lock
from flask_mlmonitor.store.levels import MINUTE
from flask_mlmonitor.store.totals import Added, Owner, add_totals
from flask_mlmonitor.store.truth import TRUTH, Matched, chunks, count_matched, match_pending


class OffsetMoved(MLMonitorError):
    """Another drain recorded this part of the segment first; nothing was written."""


class AlreadyStored(MLMonitorError):
    """Some of the batch's ids are in the store already; nothing was written.

    :param ids: those.
    """

    def __init__(self, ids: frozenset[str]) -> None:
        super().__init__(f"{len(ids)} predictions are stored already")
        self.ids = ids


class Span(NamedTuple):
    """A part of a segment: from where, to where."""

    segment: str
    start: int
    end: int


class RollupKey(NamedTuple):
    """Whose rollup, in which cells, of which minute (seconds since the epoch)."""

    model: str
    version: str
    bins_id: str
    bucket: int


class Batch(NamedTuple):
    """What one span of a segment adds to the store.

    :param rows: in the order of the columns of ``predictions``.
    :param answered: how many predictions each model and version had, and how many of *rows* have
        a value: ground truth can come for those.
    :param definitions: the binning of each bins id in *rollups*.
    """

    rows: Sequence[tuple[Any, ...]]
    answered: Mapping[Owner, tuple[int, int]]
    rollups: dict[RollupKey, PackedRollup]
    definitions: dict[str, bytes]
    gaps: Sequence[Gap] = ()


class _Repeated(Exception):
    """Fewer rows were added than given: rolls the transaction back."""


def read_offsets(database: Database) -> dict[str, int]:
    """Return how far each segment is drained; none before the store's tables are made."""
    if not database.exists():
        return {}
    offsets = tables.segment_offsets
    with database.reading() as connection:
        if not inspect(connection).has_table(offsets.name):
            return {}
        rows = connection.execute(select(offsets.c.segment, offsets.c.offset)).all()
    return {segment: offset for segment, offset in rows}


def apply(database: Database, span: Span, batch: Batch) -> list[Matched]:
    """Record a span of a segment, once and for all, or not at all.

    The offset moves by compare-and-set inside the same transaction: after a crash the span is
    either recorded or still to be recorded, and of two drains one is refused.

    :raises OffsetMoved: when the segment's offset is not the span's start.
    :raises AlreadyStored: when ids repeat.
    :raises StoreUnavailable: when the store does not answer.
    """
    try:
        with database.writing() as connection:
            _move_offset(connection, span)
            _add_rows(connection, batch.rows)
            _add_rollups(connection, span, batch)
            _add_gaps(connection, span, batch.gaps)
            # From here on ground truth waits for the commit, and then finds these predictions;
            # what came before is seen now.
            lock(connection, TRUTH, shared=True)
            matched = match_pending(connection, batch.rows)
            _add_totals(connection, batch.answered, matched)
            return matched
    except _Repeated:
        raise AlreadyStored(_stored(database, [row[0] for row in batch.rows])) from None


def bury(database: Database, span: Span, time: float, reason: str, record: bytes) -> None:
    """Put a record that the store refuses among the dead letters, and step over it.

    :raises OffsetMoved: when the segment's offset is not the span's start.
    """
    letter = {
        "segment": span.segment,
        "offset": span.start,
        "time": time,
        "reason": reason,
        "record": record,
    }
    with database.writing() as connection:
        _move_offset(connection, span)
        connection.execute(
            insert_into(connection, tables.dead_letters).on_conflict_do_nothing(), letter
        )


def retire(database: Database, segments: Sequence[str], *, now: float, keep: float) -> None:
    """Note that segments were removed, and forget the offsets of those removed long ago.

    :param keep: seconds an offset is kept: another drain may still have the file open.
    """
    offsets = tables.segment_offsets
    with database.writing() as connection:
        for chunk in chunks(segments):
            connection.execute(
                update(offsets).where(offsets.c.segment.in_(chunk)).values(removed=now)
            )
        connection.execute(delete(offsets).where(offsets.c.removed < now - keep))


def _move_offset(connection: Connection, span: Span) -> None:
    offsets = tables.segment_offsets
    if span.start == 0:
        connection.execute(
            insert_into(connection, offsets)
            .values(segment=span.segment, offset=0)
            .on_conflict_do_nothing()
        )
    moved = connection.execute(
        update(offsets)
        .where(offsets.c.segment == span.segment, offsets.c.offset == span.start)
        .values(offset=span.end)
    )
    if moved.rowcount != 1:
        raise OffsetMoved(span.segment)


def _add_rows(connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    if rows and insert_new(connection, tables.predictions, rows) != len(rows):
        raise _Repeated


def _stored(database: Database, ids: Sequence[str]) -> frozenset[str]:
    known: set[str] = set()
    column = tables.predictions.c.id
    with database.reading() as connection:
        for chunk in chunks(ids):
            known.update(connection.execute(select(column).where(column.in_(chunk))).scalars())
    return frozenset(known)


def _add_rollups(connection: Connection, span: Span, batch: Batch) -> None:
    known = insert_into(connection, tables.bins).on_conflict_do_nothing()
    for bins_id in sorted(batch.definitions):  # in the same order as every other drain
        connection.execute(known, {"id": bins_id, "definition": batch.definitions[bins_id]})
    if batch.rollups:
        connection.execute(
            insert(tables.rollups),
            [
                {
                    **key._asdict(),
                    "level": MINUTE,
                    "folded": 0,
                    "segment": span.segment,
                    "offset": span.start,
                    **msgspec.structs.asdict(packed),
                }
                for key, packed in batch.rollups.items()
            ],
        )


def _add_totals(
    connection: Connection, answered: Mapping[Owner, tuple[int, int]], matched: Sequence[Matched]
) -> None:
    came = count_matched(matched)
    add_totals(
        connection,
        {
            owner: Added(*answered.get(owner, (0, 0)), came.get(owner, 0))
            for owner in answered.keys() | came.keys()
        },
    )


def _add_gaps(connection: Connection, span: Span, gaps: Sequence[Gap]) -> None:
    if gaps:
        connection.execute(
            insert(tables.gaps),
            [
                {
                    "segment": span.segment,
                    "offset": span.start,
                    "part": part,
                    **msgspec.structs.asdict(gap),
                }
                for part, gap in enumerate(gaps)
            ],
        )
