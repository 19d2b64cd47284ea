"""From the spool to the store: each record once, whoever drains."""

import contextlib
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Final

import msgspec

from flask_mlmonitor.background.backlog import Backlog, backlog_of
from flask_mlmonitor.background.batches import Meaning, batch_of, ids_of
from flask_mlmonitor.clock import Clock, now
from flask_mlmonitor.counters.faults import LOGGER
from flask_mlmonitor.counters.requests import MonitorCounters
from flask_mlmonitor.counters.slots import EXHAUSTED
from flask_mlmonitor.exceptions import StoreError
from flask_mlmonitor.journal.frames import rows_of
from flask_mlmonitor.journal.spool import QUARANTINED, Chunk, Segment, Spool, State
from flask_mlmonitor.records import Gap, Served
from flask_mlmonitor.store.database import Database
from flask_mlmonitor.store.recording import (
    AlreadyStored,
    OffsetMoved,
    Span,
    apply,
    bury,
    read_offsets,
    retire,
)
from flask_mlmonitor.store.truth import Matched

BATCH_ROWS: Final = 1000
FORGET_SECONDS: Final = 600.0
"""How long the offset of a removed segment is kept: another drain may still have it open."""

_meaning: Final = lru_cache(maxsize=256)(Meaning)


class Drain:
    """Moves what the spool holds into the store.

    Several drains may run at once: the offset's compare-and-set lets one of them win each span.

    :param on_matched: called with ground truth that had waited for the predictions now stored.
    """

    def __init__(
        self,
        spool: Spool,
        database: Database,
        counters: MonitorCounters,
        *,
        on_matched: Callable[[Sequence[Matched]], None],
        clock: Clock = now,
    ) -> None:
        self._spool = spool
        self._database = database
        self._counters = counters
        self._on_matched = on_matched
        self._clock = clock
        self._offsets: dict[str, int] | None = None
        self._removed: list[str] = []
        self._warned: set[Path] = set()

    def run_once(self, limit: int) -> int:
        """Move about *limit* rows; return how many were moved.

        :raises StoreError: when the store cannot be used; the rest stays in the spool.
        """
        try:
            return self._run(limit)
        except StoreError:
            self._offsets = None  # what was being committed, only the store knows
            raise

    def _run(self, limit: int) -> int:
        if self._offsets is None:
            self._database.prepare()
            self._offsets = read_offsets(self._database)
        moved = 0
        for path in self._spool.segments():
            if moved >= limit:
                return moved
            moved += self._drain(path, limit - moved)
        self._tidy_up()
        return moved

    def backlog(self) -> Backlog:
        """Return what waits in the spool, as the store's offsets have it."""
        return backlog_of(self._spool, self._database, self._clock)

    def _drain(self, path: Path, limit: int) -> int:
        moved = 0
        try:
            with Segment(path) as segment:
                while moved < limit:
                    offset = self._offset(path)
                    chunk = segment.read(offset, min(BATCH_ROWS, limit - moved))
                    if chunk.offset != offset and (chunk.records or chunk.lost):
                        moved += self._record(segment, offset, chunk)
                    if chunk.end:
                        self._finish(segment, chunk.state)
                    if chunk.state is State.FOREIGN:
                        self._warn_of(
                            path,
                            "no segment of this version's format. If a later version of "
                            "flask-mlmonitor wrote it, that version will drain it",
                        )
                    if chunk.state is not State.MORE:
                        break
        except FileNotFoundError:  # another drain finished it
            pass
        except OSError as error:  # one bad file is not in the way of the others
            if error.errno in EXHAUSTED:
                raise
            self._warn_of(path, str(error))
        except OffsetMoved:
            self._offsets = read_offsets(self._database)
        return moved

    def _offset(self, path: Path) -> int:
        return (self._offsets or {}).get(path.name, 0)

    def _record(self, segment: Segment, offset: int, chunk: Chunk) -> int:
        records = [*chunk.records, *([chunk.lost] if chunk.lost else [])]
        try:
            self._apply(segment, Span(segment.path.name, offset, chunk.offset), records)
        except (StoreError, OffsetMoved):
            raise
        except Exception:  # noqa: BLE001  whatever a poisonous record makes the store say
            self._one_by_one(segment, offset, chunk)
        if chunk.lost is not None:
            self._count("dropped", chunk.lost.reason, amount=chunk.lost.count)
        return sum(map(rows_of, records))

    def _one_by_one(self, segment: Segment, offset: int, chunk: Chunk) -> None:
        """Record a chunk record by record; what the store refuses goes to the dead letters."""
        while offset < chunk.offset:
            single = segment.read(offset, 1)
            span = Span(segment.path.name, offset, single.offset)
            records = [*single.records, *([single.lost] if single.lost else [])]
            try:
                self._apply(segment, span, records)
            except (StoreError, OffsetMoved):
                raise
            except Exception as refused:  # noqa: BLE001  as above
                letter = msgspec.msgpack.encode(records)
                bury(self._database, span, self._clock(), repr(refused)[:1000], letter)
                self._moved_to(span)
                self._count("dropped", "rejected", amount=sum(map(rows_of, records)))
            offset = single.offset

    def _apply(self, segment: Segment, span: Span, records: Sequence[Served | Gap]) -> None:
        meanings = [_meaning(schema) for schema in segment.schemas]
        try:
            matched = apply(self._database, span, batch_of(records, meanings, self._clock))
        except AlreadyStored as again:
            new = _without(records, again.ids)
            matched = apply(self._database, span, batch_of(new, meanings, self._clock))
        self._moved_to(span)
        self._on_matched(matched)

    def _moved_to(self, span: Span) -> None:
        assert self._offsets is not None
        self._offsets[span.segment] = span.end

    def _finish(self, segment: Segment, state: State) -> None:
        if state is State.CORRUPT:
            LOGGER.error(
                "%s is damaged: what could be read is stored, the rest is a gap. It is kept for a "
                "week, as *%s.",
                segment.path, QUARANTINED,
            )  # fmt: skip
            segment.quarantine()
        else:
            segment.remove()
        if state is State.TORN:
            self._count("torn")
        self._removed.append(segment.path.name)

    def _count(self, *name: str, amount: float = 1) -> None:
        with contextlib.suppress(OSError):  # on a full disk it is counted in memory
            self._counters.add(*name, amount=amount)

    def _warn_of(self, path: Path, problem: str) -> None:
        if path not in self._warned:
            self._warned.add(path)
            LOGGER.warning("%s is left alone: %s.", path, problem)

    def _tidy_up(self) -> None:
        if self._removed:
            self._spool.sweep()
            retire(self._database, self._removed, now=self._clock(), keep=FORGET_SECONDS)
            self._removed.clear()
            self._offsets = read_offsets(self._database)


def _without(records: Iterable[Served | Gap], stored: Collection[str]) -> list[Served | Gap]:
    """Return the records whose ids are new; of an id that repeats, the first."""
    seen = set(stored)
    new: list[Served | Gap] = []
    for record in records:
        ids = ids_of(record) if isinstance(record, Served) else []
        if seen.isdisjoint(ids):
            new.append(record)
            seen.update(ids)
    return new
