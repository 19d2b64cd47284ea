"""Bringing onto the disk what the kernel has taken but may not have written yet."""

import contextlib
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from flask_mlmonitor.journal.opening import System


def sync(system: System, folder: Path, segments: Iterable[str], *, named: bool) -> None:
    """Bring segments onto the disk; it takes as long as the disk does.

    Each is opened anew: its writer's descriptor may be closed at any moment.

    :param named: whether segments got their names since the last time.
    :raises OSError: when the disk fails; what could be brought onto it is there.
    """
    flush = getattr(system, "fdatasync", system.fsync)  # macOS has only the latter
    with contextlib.ExitStack() as every:
        for path in segments:
            _sync(every, path, flush)
        for name in (folder, folder.parent) if named else ():
            _sync(every, str(name), system.fsync)


def _sync(every: contextlib.ExitStack, path: str, flush: Callable[[int], None]) -> None:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:  # a drain was faster: it is in the store
        return
    every.callback(os.close, fd)
    every.callback(flush, fd)
