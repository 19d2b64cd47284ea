"""One elected process on a host, for as long as it lives."""

import os
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from flask_mlmonitor.background import election
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
    assert time.monotonic() - began < 5
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
        deadline = time.monotonic() + 10
        while not wins(path):  # the child lets go as soon as it runs
            assert time.monotonic() < deadline
    finally:
        os.close(writer)
        os.close(reader)


def test_of_many_at_once_one_wins(path: Path) -> None:
    """Ten processes stand for election in the same moment."""
    gate, opener = os.pipe()
    elections = [HostElection(path) for _ in range(10)]

    def stand(one: HostElection) -> bool:
        os.close(opener)
        os.read(gate, 1)  # ends when the parent closes its end too: all go at once
        return one.win()

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


def test_who_gives_no_sign_of_life_loses_the_office(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A stopped process keeps its lock; one other takes over, and it knows when it goes on."""
    monkeypatch.setattr(election, "LIFELESS_SECONDS", 0.3)
    held, heir, third = (HostElection(path) for _ in range(3))

    def live() -> None:
        held.win()
        os.write(writer, b".")
        while True:
            held.sign()
            time.sleep(0.02)
            os.write(writer, b"y" if held.win() else b"n")

    reader, writer = os.pipe()
    child = Child(live)
    try:
        assert os.read(reader, 1) == b"."
        assert os.read(reader, 1) == b"y"
        for _ in range(20):  # it lives: nobody takes its place, however often they ask
            assert not any([heir.win(), third.win()])
            time.sleep(0.03)
        os.kill(child.pid, signal.SIGSTOP)
        wait_for(heir.win)
        assert not third.win()
        assert third.officer() == Officer(os.getpid())
        (warning,) = caplog.messages
        assert all(str(pid) in warning for pid in (child.pid, os.getpid()))

        os.read(reader, 65536)
        os.kill(child.pid, signal.SIGCONT)
        wait_for(lambda: b"n" in os.read(reader, 1))
        assert [heir.win(), third.win()] == [True, False]
        assert os.read(reader, 1) == b"n"
    finally:
        child.kill()
        os.close(reader)
        os.close(writer)
    assert heir.win()
    heir.resign()


def test_a_step_of_the_clock_deposes_nobody(path: Path) -> None:
    """The time of the sign is only compared with itself; our own clock never goes back."""
    timer = [0.0]
    held, heir = HostElection(path), HostElection(path, timer=lambda: timer[0])
    assert held.win()
    for step in (0, 86400, -86400, 7200):
        held.sign()
        os.utime(path, (time.time() + step,) * 2)
        timer[0] += 8
        assert not heir.win()
    timer[0] += 10.1
    assert not heir.win()  # takes the file away
    assert heir.win()
    assert not held.win()
    heir.resign()


def test_a_holder_notices_that_its_file_is_gone(path: Path) -> None:
    """The folder was deleted: who asks first is elected, in the new one."""
    held, heir = HostElection(path), HostElection(path)
    assert held.win()
    path.unlink()
    assert heir.win()
    assert not held.win()
    heir.resign()
    assert held.win()
    held.resign()


def test_trouble_is_told_to_all(path: Path) -> None:
    """For as long as somebody lives who tells it."""
    held, other = HostElection(path), HostElection(path)
    assert other.officer() is None
    assert held.win()
    held.sign("the store is locked, by process 7")
    assert other.officer() == Officer(os.getpid(), "the store is locked, by process 7")
    held.sign()
    assert other.officer() == Officer(os.getpid())
    held.sign("x" * 5000)
    assert len((other.officer() or Officer(0)).trouble or "") == 1000
    os.utime(path, (time.time() - 60,) * 2)
    assert other.officer() is None
    path.write_bytes(b"\xffnonsense")
    assert other.officer() is None
    held.resign()


def wait_for(condition: Callable[[], object]) -> None:
    """Return when *condition* holds."""
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
