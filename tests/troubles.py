"""What may befall a store, or a process that uses it: real faults, that end with a block."""

import os
import signal
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from tests.processes import Child


@contextmanager
def locked(path: Path) -> Iterator[int]:
    """Another program holds the write lock of a SQLite file; yields its process."""

    def hold() -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            os.write(ready, b".")
            signal.pause()

    reader, ready = os.pipe()
    child = Child(hold)
    os.close(ready)
    try:
        assert os.read(reader, 1) == b"."
        yield child.pid
    finally:
        os.close(reader)
        child.kill()


@contextmanager
def moved(folder: Path) -> Iterator[None]:
    """A folder lies elsewhere, as when its disk is away."""
    away = folder.rename(folder.with_name(folder.name + "-away"))
    try:
        yield
    finally:
        away.rename(folder)


@contextmanager
def stopped(pids: Iterable[int]) -> Iterator[None]:
    """Processes are stopped as by SIGSTOP: they keep all that they hold, and do nothing."""
    halted = list(pids)
    for pid in halted:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in halted:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
