"""One slot for each living process: a file of cells that its next owner goes on counting in."""

import contextlib
import fcntl
import os
import threading
import time
import weakref
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from flask_mlmonitor.counters.cells import Block, Name, Owner, UnreadableSlot, pack, unpack

MOST_SLOTS: Final = 1024
LIVE: Final = ("in_progress", "circuit_open")
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
        self._reset()
        reference = weakref.WeakMethod(self._after_fork)
        os.register_at_fork(after_in_child=lambda: (call := reference()) and call())

    def _reset(self) -> None:
        self.lock = threading.Lock()
        self.number: int | None = None
        self._lock_fd = -1
        self._fd = -1
        self._blocks: dict[tuple[Owner, tuple[Name, ...]], Block] = {}

    def _after_fork(self) -> None:
        inherited = (self._lock_fd, self._fd)
        self._reset()
        for fd in inherited:
            if fd >= 0:
                os.close(fd)

    def block(self, owner: Owner, names: Sequence[Name]) -> Block:
        """Return the owner's block with exactly these cells, made when there is none.

        What the slot's former owner counted in it goes on from its values. An owner may have
        several blocks, of several deployments; readers add them up by name.

        :raises OSError: when the slot cannot be taken or its file cannot be written.
        """
        with self.lock:
            if self.number is None:
                self._take()
            key = (owner, tuple(names))
            if key not in self._blocks:
                self._blocks[key] = Block(owner, names)
                self._rewrite()
            return self._blocks[key]

    def write(self, cells: memoryview, offset: int) -> None:
        """Write a part of a block's view through to the file.

        :raises OSError: when the file cannot be written.
        """
        if self._fd < 0:
            with self.lock:
                self._rewrite()
        else:
            # The kernel copies what memory holds now, so the last writer writes all.
            os.pwrite(self._fd, cells, offset)

    def close(self) -> None:
        """Give the slot back; its values stay for the next owner."""
        with self.lock:
            for fd in (self._fd, self._lock_fd):
                if fd >= 0:
                    os.close(fd)
            self.number, self._fd, self._lock_fd = None, -1, -1
            self._blocks.clear()

    def _take(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        known = len(list(self.folder.glob("*.lock")))
        # A scrape that probes a free slot holds its lock for a moment: look twice before
        # opening a new one.
        for attempt in range(2):
            for number in range(known):
                if self._try(number):
                    return
            if known and not attempt:
                time.sleep(0.01)
        for number in range(known, MOST_SLOTS):
            if self._try(number):
                return
        raise OSError(f"all {MOST_SLOTS} slots in {self.folder} are taken")

    def _try(self, number: int) -> bool:
        fd = os.open(self.folder / f"{number}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(fd)
            return False
        self.number, self._lock_fd = number, fd
        with contextlib.suppress(FileNotFoundError, UnreadableSlot):
            for block in unpack((self.folder / f"{number}.cells").read_bytes()):
                for place, name in enumerate(block.names):
                    if name[0] in LIVE:
                        block.values[place] = 0.0
                self._blocks[block.owner, block.names] = block
        return True

    def _rewrite(self) -> None:
        """Replace the file as a whole; readers see the old one or the new one."""
        path = self.folder / f"{self.number}.cells"
        new = path.with_suffix(".new")
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        data = pack(self._blocks.values())
        new.unlink(missing_ok=True)
        fd = os.open(new, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            if os.write(fd, data) != len(data):
                raise OSError(f"{new} could only be written in part")
            new.rename(path)
        except OSError:
            os.close(fd)
            new.unlink(missing_ok=True)
            raise
        self._fd = fd


def read_slots(slot: Slot) -> Iterator[tuple[bool, list[Block] | None]]:
    """Yield each slot in the folder of *slot*: whether its process lives, and its blocks.

    The blocks are ``None`` where the file cannot be read; one bad file never hides another.
    """
    for path in sorted(slot.folder.glob("*.cells")):
        if path.stem == str(slot.number):
            with slot.lock:
                yield True, list(slot._blocks.values())
            continue
        try:
            blocks = unpack(path.read_bytes())
        except (OSError, UnreadableSlot):
            yield False, None
        else:
            yield _lives(path.with_suffix(".lock")), blocks


def _lives(path: Path) -> bool:
    try:
        with path.open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
