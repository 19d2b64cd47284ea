"""Processes that die at a chosen step of what they do.

A step is a call that changes something outside of the process: a file, a lock, the database; right
before it, the process is gone. Counting them needs no seam in the code, and misses none.
"""

import os
import sys
from collections.abc import Callable, Collection, Iterator
from functools import partial
from itertools import count
from types import FrameType
from typing import Any, Final

from tests.processes import run_in_child

DIED: Final = 99
LASTING: Final = frozenset(("commit", "rename", "unlink"))
"""The steps whose effect outlives the process: between two of them, it may die anywhere."""

ALL: Final = LASTING | {
    *("close", "execute", "executemany", "flock", "ftruncate", "mkdir", "open", "pwrite"),
    *("rollback", "write"),
}


DRIVER: Final = ("psycopg.connection", "psycopg.cursor")
"""What PostgreSQL's driver shows to the world, in Python."""


def crashes(
    work: Callable[[], object], *, room: str, before: Collection[str] = LASTING
) -> Iterator[str]:
    """Run *work* again and again in a child that dies one step later each time.

    The caller restores the world between two runs. Yields the call that the child died before,
    and ends when a child lived to the end.

    :param room: only what is called from this package of ours counts, however deep.
    :param before: the calls that are steps.
    """
    for number in count():
        reader, writer = os.pipe()
        try:
            status = run_in_child(partial(_die_at, number, writer, work, room, before))
            os.close(writer)
            step = os.read(reader, 200).decode()
        finally:
            os.close(reader)
        if status == 0:
            return
        assert status == DIED, status
        yield step


def _die_at(
    number: int, pipe: int, work: Callable[[], object], room: str, before: Collection[str]
) -> None:
    left = number

    def watch(frame: FrameType, event: str, function: Any) -> None:
        nonlocal left
        name = _called(frame, event, function)
        if name not in before or not _comes_from(frame, room):
            return
        if left == 0:
            os.write(pipe, name.encode())
            os._exit(DIED)
        left -= 1

    sys.setprofile(watch)
    try:
        work()
    finally:
        sys.setprofile(None)


def _called(frame: FrameType, event: str, function: Any) -> str:
    if event == "c_call":
        return str(function.__name__)
    # Our own code calls the driver's; what that does further down is one step.
    if event == "call" and frame.f_globals.get("__name__") in DRIVER:
        return frame.f_code.co_name
    return ""


def _comes_from(frame: FrameType | None, room: str) -> bool:
    while frame is not None:
        if frame.f_globals.get("__name__", "").startswith(room):
            return True
        frame = frame.f_back
    return False
