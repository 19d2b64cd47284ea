"""One elected process on a host."""

import contextlib
import fcntl
import os
from pathlib import Path

from flask_mlmonitor.forks import renew_after_fork


class HostElection:
    """A lock file; whoever holds it is elected, until its process ends.

    The kernel frees the lock however the holder dies. A child that was forked from the holder
    lets go of its copy, or it would keep the office after the holder's death.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd = -1
        renew_after_fork(self.resign)

    def win(self) -> bool:
        """Return whether this process is elected, standing for election if nobody is."""
        if self._fd >= 0:
            return True
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return False
        except OSError:
            os.close(fd)
            raise
        self._fd = fd
        with contextlib.suppress(OSError):
            os.pwrite(fd, f"{os.getpid()}\n".encode().ljust(20), 0)
        return True

    def resign(self) -> None:
        """Give the office up, if held."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)
