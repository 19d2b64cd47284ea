"""One slot for each living process: a file of cells that its next owner goes on counting in."""

import contextlib
import errno
import fcntl
import os
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from flask_mlmonitor._folders import make_private
from flask_mlmonitor.counters.cells import MAGIC, Block, Name, Owner, UnreadableSlot, unpack
from flask_mlmonitor.forks import renew_after_fork

MOST_SLOTS: Final = 1024
EXHAUSTED: Final = (errno.EMFILE, errno.ENFILE)
"""No more files can be opened: says nothing about the one that was to be."""

LIVE: Final = ("in_progress", "circuit_open", "abandoned_in_progress")
"""The gauges: only the values of living processes mean anything."""


class Slot:
    """This process's cells, kept in memory and written through to a file.

    A slot is taken by locking ``<n>.lock``; the kernel frees the lock however its process dies,
    and the next process that takes the slot goes on from the values in ``<n>.cells``. So nothing
    counted is lost at ``kill -9``, and there are never more files than processes lived at once.

    Memory is what counts: where the file cannot be written (a full disk), counting goes on, and
    the next successful write brings the file up to date.

    :param folder: where the slots lie; made at the first :meth:`block`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._begin()
        renew_after_fork(self._after_fork)

    def _begin(self) -> None:
        self.lock = threading.Lock()
        self.number: int | None = None
        self._fds: list[int] = []
        self._blocks: dict[tuple[Owner, tuple[Name, ...]], Block] = {}
        self._end = 0

    def _after_fork(self) -> None:
        inherited = self._fds
        self._begin()
        for fd in inherited:  # only closed, not unlocked: the slot is the parent's
            os.close(fd)

    def block(self, owner: Owner, names: Sequence[Name]) -> Block:
        """Return the owner's block with exactly these cells, added when there is none.

        What the slot's former owner counted in it goes on from its values. An owner may have
        several blocks, of several deployments; readers add them up by name.
        """
        with self.lock:
            if self.number is None:
                with contextlib.suppress(OSError):  # count in memory until a write succeeds
                    self._take()
            return self._blocks.setdefault((owner, tuple(names)), Block(owner, names))

    def blocks(self) -> list[Block]:
        """Return every block of this process's slot."""
        with self.lock:
            return list(self._blocks.values())

    def write(self, block: Block, cells: memoryview, place: int = 0) -> None:
        """Write *cells*, a part of the block's view that begins at *place*, through to the file.

        :raises OSError: when the file cannot be written.
        """
        if not block.offset:
            with self.lock:
                self._add(block)
        # The kernel copies what memory holds now, so the last writer writes everybody's counts.
        os.pwrite(self._fds[0], cells, block.offset + 8 * place)

    def flush(self) -> None:
        """Write every block through: what was not worth a write, or could not be written.

        :raises OSError: when the file cannot be written.
        """
        with self.lock:
            if self._fds and not os.fstat(self._fds[0]).st_nlink:
                self._replace_deleted()
        for block in self.blocks():
            self.write(block, block.view)

    def close(self) -> None:
        """Give the slot back; its values stay for the next owner."""
        with self.lock:
            fds, self._fds, self.number = self._fds, [], None
            self._blocks.clear()
        for fd in fds:
            os.close(fd)

    def _replace_deleted(self) -> None:
        """Go on in new files: what was deleted, no other process can read.

        All keeps its place, and the descriptors their numbers, for the threads that write
        meanwhile. Files that were only moved may come back with all that they hold: they stay.
        """
        cells, lock = self._fds
        make_private(self.folder)
        for number in range(MOST_SLOTS):
            with contextlib.suppress(BlockingIOError), contextlib.ExitStack() as opened:
                new_cells, new_lock = self._lock_slot(number, opened)
                if os.fstat(new_cells).st_size:  # a dead process's: the next one to start has it
                    continue
                _write_all(new_cells, os.pread(cells, self._end, 0), 0)
                os.dup2(new_cells, cells, inheritable=False)
                os.dup2(new_lock, lock, inheritable=False)
                self.number = number
                return

    def _add(self, block: Block) -> None:
        """Put a block behind the others, where readers find it once it is whole."""
        if self.number is None:
            self._take()
        if not block.offset:
            data = block.pack()
            _write_all(self._fds[0], data, self._end)
            block.offset = self._end + len(data) - 8 * len(block.values)
            self._end += len(data)

    def _take(self) -> None:
        make_private(self.folder)
        known = len(list(self.folder.glob("*.lock")))
        # A scrape that probes a free slot holds its lock for a moment: look twice before
        # opening a new one.
        for attempt in range(2):
            for number in range(known):
                with contextlib.suppress(OSError):  # what lies there may be no file of ours
                    self._try(number)
                    return
            if known and not attempt:
                time.sleep(0.01)
        for number in range(known, MOST_SLOTS):
            with contextlib.suppress(BlockingIOError):
                self._try(number)
                return
        raise OSError(f"all {MOST_SLOTS} slots in {self.folder} are taken")

    def _try(self, number: int) -> None:
        with contextlib.ExitStack() as opened:
            cells, lock = self._lock_slot(number, opened)
            self._go_on(cells)
            opened.pop_all()
        self.number, self._fds = number, [cells, lock]

    def _lock_slot(self, number: int, opened: contextlib.ExitStack) -> tuple[int, int]:
        lock = _open(self.folder / f"{number}.lock")
        opened.callback(os.close, lock)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        cells = _open(self.folder / f"{number}.cells")
        opened.callback(os.close, cells)
        return cells, lock

    def _go_on(self, cells: int) -> None:
        """Take over what the former owner counted; cut off what it had not finished."""
        try:
            blocks, self._end = unpack(os.pread(cells, os.fstat(cells).st_size, 0))
        except UnreadableSlot:
            os.ftruncate(cells, 0)
            _write_all(cells, MAGIC, 0)
            blocks, self._end = [], len(MAGIC)
        os.ftruncate(cells, self._end)
        for block in blocks:
            own = self._blocks.setdefault(
                (block.owner, block.names), Block(block.owner, block.names)
            )
            own.offset = block.offset
            for place, name in enumerate(block.names):
                if name[0] not in LIVE:
                    own.values[place] += block.values[place]


def _write_all(fd: int, data: bytes, offset: int) -> None:
    if os.pwrite(fd, data, offset) != len(data):
        raise OSError("a slot's file could only be written in part")


def read_slots(slot: Slot) -> Iterator[tuple[bool, list[Block] | None]]:
    """Yield each slot in the folder of *slot*: whether its process lives, and its blocks.

    The blocks are ``None`` where the file cannot be read; one bad file never hides another.

    :raises OSError: when this process can open no more files: what it read would be too little.
    """
    own = slot.blocks()
    if own:
        yield True, own
    for path in sorted(slot.folder.glob("*.cells")):
        if path.stem != str(slot.number):
            try:
                blocks, _ = unpack(path.read_bytes())
            except (OSError, UnreadableSlot) as error:
                if isinstance(error, OSError) and error.errno in EXHAUSTED:
                    raise
                yield False, None
            else:
                yield _lives(path.with_suffix(".lock")), blocks


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _lives(path: Path) -> bool:
    try:
        with path.open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
