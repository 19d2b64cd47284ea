"""What may befall a store, or a process that uses it: real faults, that end with a block."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

HOLD: Final = """
import signal, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
signal.pause()
"""


@contextmanager
def locked(path: Path) -> Iterator[int]:
    """Another program holds the write lock of a SQLite file; yields its process.

    A forked child would not do: it inherits what SQLite believes of the locks of this process.
    """
    command = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        try:
            assert other.stdout.readline() == b"held\n"
            yield other.pid
        finally:
            other.kill()


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
