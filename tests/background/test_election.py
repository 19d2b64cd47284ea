"""One elected process on a host, for as long as it lives."""

import os
import signal
import time
from functools import partial
from pathlib import Path

import pytest

from flask_mlmonitor.background.election import HostElection, Officer
from tests.processes import Child, run_in_child

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The lock file."""
    return tmp_path / "drain.lock"


def wins(path: Path) -> bool:
    """Tell whether another process would win now."""
    return run_in_child(lambda: os._exit(0 if HostElection(path).win() else 3)) == 0


def test_one_of_two_wins(path: Path) -> None:
    """And stays elected, however often both ask."""
    first, second = HostElection(path), HostElection(path)
    assert first.win()
    assert not second.win()
    assert first.win()
    assert not wins(path)
    assert first.officer() == second.officer() == Officer(os.getpid())
    first.resign()
    assert second.win()
    assert not first.win()
    second.resign()
    second.resign()
    assert wins(path)


def test_the_file_is_private(path: Path) -> None:
    """It is nobody else's to lock."""
    election = HostElection(path)
    election.win()
    assert path.stat().st_mode & 0o777 == 0o600
    election.resign()


def test_the_next_takes_over_after_kill_9(path: Path) -> None:
    """At once: the kernel gives the lock back."""
    heir = HostElection(path)
    held = HostElection(path)
    with Child(held.win) as child:
        assert child.told is True
        assert not heir.win()
    began = time.monotonic()
    assert heir.win()
    assert time.monotonic() - began < 0.5
    heir.resign()


def test_a_forked_child_is_not_elected(path: Path) -> None:
    """It stands for election like everybody; its parent keeps the office."""
    election = HostElection(path)
    assert election.win()
    with Child(election.win) as child:
        assert child.told is False
    assert election.win()
    assert not wins(path)
    election.resign()


def test_a_child_does_not_keep_its_dead_parents_office(path: Path) -> None:
    """The parent is killed, its child lives on: somebody else can win."""
    reader, writer = os.pipe()
    election = HostElection(path)

    def parent() -> bool:
        won = election.win()
        if os.fork() == 0:
            signal.alarm(10)
            os.close(writer)
            os.read(reader, 1)  # outlives its parent, until the test ends
            os._exit(0)
        os.close(writer)
        return won

    try:
        with Child(parent) as child:
            assert child.told is True
            assert not wins(path)
        assert wins(path)
    finally:
        os.close(writer)
        os.close(reader)


def test_of_many_at_once_one_wins(path: Path) -> None:
    """Ten processes stand for election in the same moment."""
    gate, opener = os.pipe()
    elections = [HostElection(path) for _ in range(10)]

    def stand(election: HostElection) -> bool:
        os.close(opener)
        os.read(gate, 1)  # ends when the parent closes its end too: all go at once
        return election.win()

    children = [Child(partial(stand, one)) for one in elections]
    os.close(opener)
    try:
        assert sorted(child.told for child in children) == [False] * 9 + [True]
    finally:
        os.close(gate)
        for child in children:
            child.kill()


def test_a_folder_that_is_gone(tmp_path: Path) -> None:
    """It raises, leaves nothing open, and works when the folder is back."""
    election = HostElection(tmp_path / "gone" / "drain.lock")
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        with pytest.raises(FileNotFoundError):
            election.win()
    assert len(os.listdir("/proc/self/fd")) == before
    (tmp_path / "gone").mkdir()
    assert election.win()
    election.resign()
