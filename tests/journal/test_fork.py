"""A fork gives each side a journal of its own."""

import contextlib
import errno
import gc
import os
import threading
import weakref
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from flask_mlmonitor.journal.spool import Segment
from flask_mlmonitor.journal.writer import Journal
from flask_mlmonitor.records import Served

if TYPE_CHECKING:
    from tests.journal.conftest import Rig

Make = Callable[..., Served]
Forked = Callable[[Callable[[], object]], int]


def is_open_here(path: Path) -> bool:
    """Tell whether a descriptor of this process refers to *path*."""
    links = []
    for number in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):  # that of the listing itself
            links.append(os.readlink(f"/proc/self/fd/{number}"))
    return str(path) in links


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_fork_amid_appending_threads_harms_neither_side(
    rig: "Rig", served: Make, forked: Forked
) -> None:
    """The child gets a lock and a segment of its own, even if the lock was held at the fork."""
    journal = rig.journal(segment_bytes=50_000)
    stop = threading.Event()
    appended: list[int] = []

    def work(first: int) -> None:
        number = first
        while not stop.is_set():
            assert journal.append(served(number))
            appended.append(number)
            number += 1

    threads = [threading.Thread(target=work, args=(10**6 * n,)) for n in range(1, 5)]
    for thread in threads:
        thread.start()

    def child(first: int) -> None:
        assert journal.path is None
        for number in range(first, first + 10):
            assert journal.append(served(number))
        journal.heartbeat()
        journal.close()

    try:
        for generation in range(20):
            assert forked(partial(child, 100 * generation)) == 0
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    journal.close()

    children = [100 * generation + n for generation in range(20) for n in range(10)]
    assert sorted(rig.numbers()) == sorted(children + appended)


def test_a_child_does_not_keep_its_parents_segment(rig: "Rig", served: Make) -> None:
    """Neither open nor locked: it would seem to live until the child ends."""
    journal = rig.journal()
    journal.append(served(1))
    (path,) = rig.spool.segments()
    held, release = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(release)
        os.read(held, 1)  # until the parent lets go
        os._exit(is_open_here(path))
    try:
        with Segment(path) as segment:
            assert not segment.sealed
        journal.close()
        with Segment(path) as segment:
            assert segment.sealed
    finally:
        os.close(release)
        os.close(held)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_a_child_does_not_write_its_parents_gaps(rig: "Rig", served: Make, forked: Forked) -> None:
    """They would count twice; and its own disk is worth an attempt at once."""
    journal = rig.journal()
    rig.disk.fail("open", errno.EACCES)
    assert not journal.append(served(1))

    def child() -> None:
        assert journal.append(served(2))

    assert forked(child) == 0
    assert rig.gaps() == []
    rig.clock.time += 1
    journal.append(served(3))
    assert [gap.count for gap in rig.gaps()] == [1]


def test_a_forgotten_journal_is_no_burden_to_a_fork(tmp_path: Path, forked: Forked) -> None:
    """What is called in the child does not keep it alive."""
    journal = Journal(tmp_path, on_drop=lambda reason, count: None)
    gone = weakref.ref(journal)
    del journal
    gc.collect()

    assert gone() is None
    assert forked(lambda: None) == 0
