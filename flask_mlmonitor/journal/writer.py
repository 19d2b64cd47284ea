"""One append per request, on the request's thread, that survives kill -9."""

import contextlib
import errno
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal

from flask_mlmonitor.clock import Clock, now
from flask_mlmonitor.forks import renew_after_fork
from flask_mlmonitor.journal.discarding import Discarded, discard_oldest
from flask_mlmonitor.journal.frames import RecordTooLarge, encode, encode_head, rows_in
from flask_mlmonitor.journal.losses import Losses
from flask_mlmonitor.journal.opening import (
    System,
    close_segment,
    make_folder,
    open_segment,
)
from flask_mlmonitor.journal.spool import Spool
from flask_mlmonitor.journal.syncing import sync
from flask_mlmonitor.records import Gap, Schema, Served

FIRST_DELAY: Final = 1.0
LONGEST_DELAY: Final = 30.0


class Journal:
    """The writing end of the spool: one segment at a time, of this process alone.

    Nothing is on disk before the first append. What cannot be recorded is counted, reported and,
    when writing works again, written down as a gap. Safe for threads and over a fork.

    :param spool: the folder of the segments, made with mode 0700 on first use.
    :param max_bytes: the bound of the whole spool.
    :param full: at the bound, ``drop_newest`` predictions or ``drop_oldest`` sealed segments.
    :param synced: whether :meth:`sync` has anything to do.
    :param on_drop: called with one of :data:`~flask_mlmonitor.records.DROP_REASONS` and a number
        of predictions.
    :param timer: seconds of a clock that never goes back.
    :param system: where the writer takes the functions of :mod:`os` from.
    """

    def __init__(
        self,
        spool: Path,
        *,
        max_bytes: int = 1 << 30,
        full: Literal["drop_newest", "drop_oldest"] = "drop_newest",
        synced: bool = False,
        on_drop: Callable[[str, int], None],
        clock: Clock = now,
        segment_bytes: int = 8 << 20,
        timer: Callable[[], float] = time.monotonic,
        system: System = os,
    ) -> None:
        self._spool = Spool(spool)
        self._max_bytes = max_bytes
        self._segment_bytes = min(segment_bytes, max_bytes // 4)
        self._full = full
        self._on_drop = on_drop
        self._clock = clock
        self._timer = timer
        self._system = system
        self._schemas: dict[Schema, int] = {}
        self._synced = synced
        self._begin()
        renew_after_fork(self._after_fork)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._fd = -1
        self._path = ""
        self._left = 0  # bytes until the next rotation; 0 without a segment
        self._unchecked = 0  # rows appended since the segment was last seen in its place
        self._checked = self._clock()
        self._unsynced: set[str] = set()
        self._named = False  # whether a segment got its name since the last sync
        self._losses = Losses()
        self._reason = ""
        self._delay = FIRST_DELAY
        self._retry_at = float("-inf")
        self.error: OSError | None = None
        """Why the last append failed; None while appending works."""

    @property
    def path(self) -> Path | None:
        """The segment that is being written, if there is one."""
        return Path(self._path) if self._path else None

    def missing(self) -> tuple[Gap, ...]:
        """Return the gaps that could not be written down yet."""
        with self._lock:
            return tuple(self._losses.gaps())

    def schema(self, schema: Schema) -> int:
        """Return the number that stands for *schema* in this process's records.

        A new one makes the next append begin a segment: all schemas stand at its beginning.
        """
        with self._lock:
            if schema not in self._schemas:
                self._schemas[schema] = len(self._schemas)
                self._left = 0
            return self._schemas[schema]

    def append(self, record: Served) -> bool:
        """Write *record* by one system call; False if it was dropped and counted.

        Once it returned True, the record survives the death of this process.
        """
        rows = len(record.rows) or 1
        try:
            frame = encode(record)
        except RecordTooLarge:
            with self._lock:
                self._lose("record_too_large", rows)
            appended = False
        else:
            with self._lock:
                appended = self._put(frame, rows)
        if self._losses.unreported:
            self._report()
        return appended

    def heartbeat(self) -> None:
        """Notice a segment that was unlinked or renamed, and write gaps down; every few seconds.

        Appends to an unlinked file go on "succeeding", so what was appended since the last
        heartbeat counts as lost. With ``drop_oldest`` it also makes room ahead of the request
        that would have to: counting 8 MiB of small records takes a tenth of a second.
        """
        gone: list[Discarded] = []
        if self._full == "drop_oldest":
            with contextlib.suppress(OSError):
                excess = self._excess(2 * self._segment_bytes)
                gone = discard_oldest(self._spool, excess, "journal_full")
        with self._lock:
            self._forget(gone)
            if self._is_displaced():
                self._seal()
            self._unchecked = 0
            self._checked = self._clock()
            if self._losses:
                self._put(b"", 0)
        self._report()

    def sync(self) -> None:
        """Bring what was appended onto the disk; appends go on meanwhile.

        :raises OSError: when the disk fails; the next append begins a segment.
        """
        with self._lock:
            unsynced, self._unsynced = self._unsynced, set()
            named, self._named = self._named, False
        try:
            sync(self._system, self._spool.path, unsynced, named=named)
        except OSError:
            with self._lock:
                self._seal()
            raise

    def close(self) -> None:
        """Write gaps down and seal the segment; a later append begins a new one."""
        with self._lock:
            if self._losses:
                self._retry_at = float("-inf")
                self._put(b"", 0)
            self._seal()
        self._report()

    # All below, but for `_report` and `_after_fork`, under the lock: without it a rotation may
    # close the descriptor another thread is about to write to, and the number may be reused.

    def _put(self, frame: bytes, rows: int) -> bool:
        try:
            if self._left <= 0:
                if self._timer() < self._retry_at:
                    return self._lose(self._reason, rows)
                self._rotate()
            lost = bool(self._losses)
            if lost:
                frame = self._losses.frames() + frame
            written = self._system.write(self._fd, frame)
            if written < len(frame):
                rows -= self._kept(frame[:written])
                raise OSError(errno.ENOSPC, "a part of a frame was written")
        except OSError as error:
            self._fail(error)
            return self._lose(self._reason, rows)
        except BaseException:
            self._seal()  # perhaps a part was written: nothing may follow it
            raise
        self._left -= len(frame)
        self._unchecked += rows
        if self._synced:
            self._unsynced.add(self._path)
        if lost:
            self._losses.written()
            self._delay = FIRST_DELAY
            self.error = None
        return True

    def _kept(self, part: bytes) -> int:
        """Return how many rows are in the whole frames of *part*: a drain will find them."""
        rows = rows_in(part)
        if rows:
            self._left -= len(part)  # the segment is not an empty one
        return rows

    def _rotate(self) -> None:
        self._seal()
        make_folder(self._system, self._spool.path, free=self._segment_bytes)
        self._make_room()
        head = encode_head(list(self._schemas))
        self._fd, self._path = open_segment(
            self._system, self._spool.path, head, time=self._clock()
        )
        self._left = self._segment_bytes
        self._checked = self._clock()
        self._named = self._synced

    def _make_room(self) -> None:
        excess = self._excess(self._segment_bytes)
        if self._full == "drop_oldest":
            excess -= self._forget(discard_oldest(self._spool, excess, "journal_full"))
        if excess > 0:
            raise _JournalFull(f"{self._spool.path} holds {self._max_bytes} bytes")

    def _excess(self, needed: int) -> int:
        return self._spool.size() + needed - self._max_bytes

    def _forget(self, gone: list[Discarded]) -> int:
        for one in gone:
            if one.predictions:
                self._losses.add(one.predictions)
            for gap in one.gaps:
                self._losses.keep(gap)
        return sum(one.size for one in gone)

    def _seal(self) -> None:
        if self._unchecked and self._is_displaced():
            self._lose("segment_lost", self._unchecked, since=self._checked)
        if self._fd >= 0:
            close_segment(self._system, self._fd)
        self._fd, self._path, self._left, self._unchecked = -1, "", 0, 0

    def _is_displaced(self) -> bool:
        if self._fd < 0:
            return False
        try:
            here, there = self._system.fstat(self._fd), self._system.stat(self._path)
        except (FileNotFoundError, NotADirectoryError):
            return True
        except OSError:  # a sick disk is no proof
            return False
        return not os.path.samestat(here, there)

    def _fail(self, error: OSError) -> None:
        if self._left == self._segment_bytes:  # nothing was acknowledged in it
            with contextlib.suppress(OSError):
                self._system.unlink(self._path)
        self._seal()
        self.error = error
        self._retry_at = self._timer() + self._delay
        if isinstance(error, _JournalFull):
            self._reason = "journal_full"  # a drain may make room at any moment: no back-off
            return
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        self._reason = "disk_full" if full else "write_error"
        self._delay = min(2 * self._delay, LONGEST_DELAY)

    def _lose(self, reason: str, rows: int, *, since: float | None = None) -> Literal[False]:
        if rows:
            end = self._clock()
            self._losses.add(Gap(end if since is None else since, end, rows, reason))
        return False

    def _report(self) -> None:
        with self._lock:
            unreported = self._losses.take_unreported()
        for reason, count in unreported:
            self._on_drop(reason, count)

    def _after_fork(self) -> None:
        if self._fd >= 0:  # only closed, not unlocked: the lock is the parent's
            with contextlib.suppress(OSError):
                os.close(self._fd)
        self._begin()


class _JournalFull(OSError):
    """The spool reached its bound."""
