"""The folder of segments as those see it who read it: what is there, and what stands in it."""

import fcntl
import os
import sys
import time
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import msgspec

from flask_mlmonitor.journal import frames
from flask_mlmonitor.records import Gap, Schema, Served

SUFFIX: Final = ".j"
UNFINISHED: Final = ".tmp"
QUARANTINED: Final = ".corrupt"
QUARANTINE_SECONDS: Final = 7 * 86400
_READ: Final = 256 * 1024
_LARGEST: Final = frames.MAX_RECORD + frames.FRAME_HEAD
_REST: Final = 64 << 20


class State(Enum):
    """What is to be done with a segment after a read."""

    MORE = "read on"
    WAIT = "its writer lives: read on later"
    DONE = "read to the end"
    TORN = "read to the end; the last frame was never finished"
    CORRUPT = "damaged; what could be read was read"
    FOREIGN = "not of this format or version: leave it alone"


class Chunk(msgspec.Struct, frozen=True):
    """What one read of a segment gave.

    :param offset: where the next read begins; commit it together with *records* and *lost*.
    :param lost: what this part of the segment held and nobody can read.
    """

    records: list[Served | Gap]
    offset: int
    state: State
    lost: Gap | None = None

    @property
    def end(self) -> bool:
        """Whether nothing more will come: remove it, or quarantine what is corrupt."""
        return self.state in (State.DONE, State.TORN, State.CORRUPT)


class Spool:
    """A folder of segments; it need not exist yet."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def segments(self) -> list[Path]:
        """Return the segments, the oldest first."""
        return sorted(path for path, _ in self._files(SUFFIX))

    def size(self) -> int:
        """Return how many bytes the segments take that nobody has removed yet."""
        return sum(stat.st_size for _, stat in self._files(SUFFIX))

    def sweep(self, *, older_than: float = 60.0) -> int:
        """Remove what dead writers left unfinished, and what was quarantined a week ago.

        :param older_than: seconds an unfinished file is left alone.
        :return: how many files went.
        """
        now = time.time()
        dead = [
            path
            for path, stat in self._files(UNFINISHED)
            if now - stat.st_mtime >= older_than and _is_unlocked(path)
        ]
        dead += [
            path
            for path, stat in self._files(QUARANTINED)
            if now - stat.st_mtime >= QUARANTINE_SECONDS
        ]
        for path in dead:
            path.unlink(missing_ok=True)
        return len(dead)

    def _files(self, suffix: str) -> Iterator[tuple[Path, os.stat_result]]:
        try:
            names = [name for name in os.listdir(self.path) if name.endswith(suffix)]
        except FileNotFoundError:
            return
        for name in names:
            path = self.path / name
            try:
                yield path, path.stat()
            except FileNotFoundError:  # a drain removed it meanwhile
                continue


class Segment:
    """A segment opened for reading; a context manager.

    :raises FileNotFoundError: if somebody removed it: all of it was read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> Self:
        self._fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            # Before anything is read: a writer that dies later may still add to what was read.
            self.sealed = _lock(self._fd)
            self._open()
        except BaseException:
            os.close(self._fd)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # Closing alone would leave the lock to a child that was forked meanwhile.
        fcntl.flock(self._fd, fcntl.LOCK_UN)
        os.close(self._fd)

    def _open(self) -> None:
        self.start = 0
        self.header: frames.Header | None = None
        self.schemas: list[Schema] = []
        self.foreign = False
        self._broken: frames.Verdict | None = None
        beginning = os.pread(self._fd, frames.MAX_HEADER, 0)
        if frames.is_foreign(beginning):
            self.foreign = True
            return
        header = frames.decode_header(beginning)
        if isinstance(header, frames.Verdict):
            self._broken = header
            # A foreign file may begin with zeros; what a power cut left of ours ends with them.
            self.foreign = header is frames.Verdict.ZERO and frames.any_set(self._rest(0))
            return
        self.header, self.start = header
        block = os.pread(self._fd, self.header.schema_bytes, self.start)
        self.start += self.header.schema_bytes
        schemas = frames.decode_schemas(block)
        if len(block) < self.header.schema_bytes:
            self._broken = frames.Verdict.SHORT
        elif isinstance(schemas, frames.Verdict):
            self._broken = schemas
        else:
            self.schemas = schemas

    def read(self, offset: int = 0, limit: int = sys.maxsize) -> Chunk:
        """Read the records behind *offset*.

        :param offset: 0, or that of the last chunk.
        :param limit: stop when this many rows are read; one frame's rows stay together.
        """
        if self.foreign:
            return Chunk([], offset, State.FOREIGN)
        if self._broken is not None:
            return self._chunk(frames.Frames([], 0, self._broken, 0), sys.maxsize)
        offset = max(offset, self.start)
        buffer = os.pread(self._fd, _READ, offset)
        found = frames.decode_frames(buffer, limit=limit)
        if found.offset == 0 and len(buffer) == _READ:
            buffer = os.pread(self._fd, _LARGEST, offset)
            found = frames.decode_frames(buffer, limit=limit)
        return self._chunk(found._replace(offset=offset + found.offset), offset + len(buffer))

    def chunks(self, offset: int = 0, limit: int = sys.maxsize) -> Iterator[Chunk]:
        """Read until there is no more for now."""
        state = State.MORE
        while state is State.MORE:
            chunk = self.read(offset, limit)
            offset, state = chunk.offset, chunk.state
            yield chunk

    def remove(self) -> None:
        """Unlink it; only when all of it is committed."""
        self.path.unlink(missing_ok=True)

    def quarantine(self) -> None:
        """Rename it to ``*.corrupt``, for a person to look at.

        A writer that is still alive notices at its next heartbeat and begins a new segment.
        """
        try:
            self.path.rename(self.path.with_suffix(QUARANTINED))
        except FileNotFoundError:  # a peer did
            pass

    def _chunk(self, found: frames.Frames, read_to: int) -> Chunk:
        stat = os.fstat(self._fd)
        state = self._state(found, read_to, stat.st_size)
        if state not in (State.TORN, State.CORRUPT):
            gap = self._gap(found.records, stat, found.unreadable, "unreadable")
            return Chunk(found.records, found.offset, state, gap)
        # Whole frames behind an unfinished one: not torn, a bit of its length is wrong.
        behind = frames.rows_in(self._rest(found.offset))
        if state is State.TORN and not behind:
            gap = self._gap(found.records, stat, found.unreadable, "unreadable")
            return Chunk(found.records, stat.st_size, state, gap)
        damaged = 0 if self._broken else 1
        count = found.unreadable + damaged + behind
        gap = self._gap(found.records, stat, count, "corrupt")
        return Chunk(found.records, stat.st_size, State.CORRUPT, gap)

    def _state(self, found: frames.Frames, read_to: int, size: int) -> State:
        if found.verdict is frames.Verdict.CORRUPT:
            return State.CORRUPT
        if found.verdict is frames.Verdict.ZERO:
            if frames.any_set(self._rest(found.offset)):
                return State.CORRUPT
            return State.TORN if self.sealed else State.WAIT
        if found.verdict is frames.Verdict.SHORT and read_to >= size:
            return State.TORN if self.sealed else State.WAIT
        if found.offset < size:
            return State.MORE
        if found.offset > size and not self.sealed:  # cut under its writer
            return State.CORRUPT
        return State.DONE if self.sealed else State.WAIT

    def _rest(self, offset: int) -> bytes:
        return os.pread(self._fd, _REST, offset)

    def _gap(
        self, before: list[Served | Gap], stat: os.stat_result, count: int, reason: str
    ) -> Gap | None:
        if not count:
            return None
        times = [record.time for record in before if isinstance(record, Served)]
        start = max([created(self.path), *times[-1:]])
        return Gap(min(start, stat.st_mtime), stat.st_mtime, count, reason)


def created(path: Path) -> float:
    """Return when a segment was begun, in seconds since the epoch; 0.0 if its name does not say.

    >>> created(Path("01384732800500000000-7-0-a1b2c3d4.j"))
    1384732800.5
    """
    digits = path.name.partition("-")[0]
    return int(digits) / 1e9 if digits.isdecimal() else 0.0


def _lock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_unlocked(path: Path) -> bool:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        return _lock(fd)
    finally:
        os.close(fd)
