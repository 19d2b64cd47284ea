"""A new segment: made aside, locked, given its head, and only then named."""

import contextlib
import errno
import fcntl
import itertools
import os
import secrets
from pathlib import Path
from typing import Protocol

from flask_mlmonitor._folders import make_private
from flask_mlmonitor.journal.spool import SUFFIX, UNFINISHED

_sequence = itertools.count()


class System(Protocol):
    """The functions of :mod:`os` through which the writer touches the disk."""

    def open(self, path: str, flags: int, mode: int, /) -> int: ...
    def write(self, fd: int, data: bytes, /) -> int: ...
    def close(self, fd: int, /) -> None: ...
    def rename(self, source: str, target: str, /) -> None: ...
    def unlink(self, path: str, /) -> None: ...
    def stat(self, path: str, /) -> os.stat_result: ...
    def fsync(self, fd: int, /) -> None: ...
    def fstat(self, fd: int, /) -> os.stat_result: ...
    def statvfs(self, path: str, /) -> os.statvfs_result: ...
    def mkdir(self, path: str, mode: int, /) -> None: ...


def make_folder(system: System, folder: Path, *, free: int) -> None:
    """Create the spool's folder where it is missing.

    :raises OSError: also if fewer than *free* bytes are left on its disk.
    """
    make_private(folder, system.mkdir)
    disk = system.statvfs(str(folder))
    # A file system that does not tell its size reports 0 blocks.
    if disk.f_blocks and disk.f_bavail * disk.f_frsize < free:
        raise OSError(errno.ENOSPC, f"less than {free} bytes are free", str(folder))


def open_segment(system: System, folder: Path, head: bytes, *, time: float) -> tuple[int, str]:
    """Return the locked file descriptor of a new segment that begins with *head*, and its path.

    A segment that has its name is locked for as long as its writer lives, and its head is whole.

    :raises OSError: nothing is left behind, except by a process that dies here: a ``*.tmp``.
    """
    stem = f"{int(time * 1e9):020}-{os.getpid()}-{next(_sequence):06}-{secrets.token_hex(4)}"
    path = str(folder / (stem + SUFFIX))
    unfinished = str(folder / (stem + UNFINISHED))
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC
    fd = system.open(unfinished, flags, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        write_all(system, fd, head)
        system.rename(unfinished, path)
    except BaseException:
        close_segment(system, fd)
        with contextlib.suppress(OSError):
            system.unlink(unfinished)
        raise
    return fd, path


def write_all(system: System, fd: int, data: bytes) -> None:
    """Write *data* by one system call.

    :raises OSError: also if the disk took only a part of it.
    """
    written = system.write(fd, data)
    if written < len(data):
        raise OSError(errno.ENOSPC, f"{written} of {len(data)} bytes were written")


def close_segment(system: System, fd: int) -> None:
    """Close *fd* and give its lock up, even if a forked child still holds a copy of it."""
    with contextlib.suppress(OSError):
        fcntl.flock(fd, fcntl.LOCK_UN)
    with contextlib.suppress(OSError):
        system.close(fd)
