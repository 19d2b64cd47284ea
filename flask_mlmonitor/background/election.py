"""One elected process on a host."""

import contextlib
import fcntl
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from flask_mlmonitor.counters.faults import LOGGER
from flask_mlmonitor.forks import renew_after_fork

LIFELESS_SECONDS: Final = 10.0
"""How long the elected process may give no sign of life before another takes its place."""


class Officer(msgspec.Struct, frozen=True):
    """The elected process, as it last wrote into its file.

    :param trouble: what keeps it from its work.
    """

    pid: int
    trouble: str | None = None


class HostElection:
    """A lock file; whoever holds it is elected, until its process ends.

    The kernel frees the lock however the holder dies. A child that was forked from the holder
    lets go of its copy, or it would keep the office after the holder's death. A holder that was
    stopped keeps its lock: one that gives no sign of life loses the file instead, and a new one is
    made. So two processes may act as elected for a moment; nothing may rest on there being one.

    :param timer: seconds of a clock that never goes back.
    """

    def __init__(self, path: Path, *, timer: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._timer = timer
        self._lock = threading.Lock()
        self._fd = -1
        self._written = b""
        self._seen: tuple[int, int] | None = None
        self._seen_at = 0.0
        renew_after_fork(self._after_fork)

    def win(self) -> bool:
        """Return whether this process is elected, standing for election if nobody is."""
        with self._lock:
            if self._fd >= 0 and not self._in_place(self._fd):
                self._leave()
            return self._fd >= 0 or self._stand()

    def sign(self, trouble: str | None = None) -> None:
        """If elected, give a sign of life; to be called every second or so.

        :param trouble: what keeps this process from its work, for the others to read.
        """
        with self._lock:
            if self._fd >= 0:
                self._sign(trouble)

    def officer(self) -> Officer | None:
        """Return the elected process if it gave a sign of life lately."""
        try:
            age = time.time() - self._path.stat().st_mtime
            text = self._path.read_bytes() if abs(age) < LIFELESS_SECONDS else b""
            return msgspec.json.decode(text, type=Officer)
        except (OSError, msgspec.DecodeError):
            return None

    def resign(self) -> None:
        """Give the office up, if held."""
        with self._lock:
            self._leave()

    def _stand(self) -> bool:
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._watch(fd)
            os.close(fd)
            return False
        except OSError:
            os.close(fd)
            raise
        if not self._in_place(fd):  # it was replaced before it was locked
            os.close(fd)
            return False
        self._fd, self._written, self._seen = fd, b"", None
        self._sign(None)
        return True

    def _sign(self, trouble: str | None) -> None:
        text = msgspec.json.encode(Officer(os.getpid(), trouble and trouble[:1000]))
        with contextlib.suppress(OSError):  # on a full disk, the old text will do
            if text != self._written:
                os.ftruncate(self._fd, os.pwrite(self._fd, text, 0))
                self._written = text
            os.utime(self._fd)

    def _leave(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def _after_fork(self) -> None:
        self._lock = threading.Lock()  # another thread of the parent may have held it
        self._leave()

    def _in_place(self, fd: int) -> bool:
        try:
            return os.path.samestat(os.fstat(fd), self._path.stat())
        except FileNotFoundError:
            return False

    def _watch(self, fd: int) -> None:
        """Take the file away from a holder that was silent for too long.

        The time of its last sign is only compared, with the time it was first seen by a clock
        of our own: the time of day may step.
        """
        stat = os.fstat(fd)
        sign = (stat.st_ino, stat.st_mtime_ns)
        if sign != self._seen:
            self._seen, self._seen_at = sign, self._timer()
        elif self._timer() - self._seen_at > LIFELESS_SECONDS and self._in_place(fd):
            self._seen = None
            LOGGER.warning(
                "The elected process gives no sign of life (%s): process %d takes over.",
                os.pread(fd, 200, 0).decode(errors="replace"), os.getpid(),
            )  # fmt: skip
            self._path.unlink(missing_ok=True)
