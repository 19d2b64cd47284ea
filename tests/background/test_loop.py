"""The thread that works, rests, backs off and ends."""

import itertools
import random
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flask_mlmonitor.background import loop as module
from flask_mlmonitor.background.loop import Loop
from flask_mlmonitor.counters.faults import Faults
from flask_mlmonitor.counters.requests import MonitorCounters
from flask_mlmonitor.counters.slots import Slot
from flask_mlmonitor.exceptions import StoreUnavailable

Turn = Callable[[], bool]
MakeLoop = Callable[..., Loop]


@pytest.fixture
def slot(tmp_path: Path) -> Iterator[Slot]:
    """Where faults are counted."""
    slot = Slot(tmp_path / "slots")
    yield slot
    slot.close()


@pytest.fixture
def make_loop(slot: Slot) -> Iterator[MakeLoop]:
    """Make loops that rest a hundredth of a second, and stop them."""
    made: list[Loop] = []

    def make(turn: Turn, *, duty: float = 1.0, rest: float = 0.01) -> Loop:
        faults = Faults(MonitorCounters(slot))
        made.append(Loop(turn, faults, task="drain", rest=rest, duty=duty))
        return made[-1]

    yield make
    for loop in made:
        loop.stop(5)


class Turns:
    """Turns that do as they are told, and note when they were asked.

    :param answers: what each turn returns or raises; the last one again and again.
    """

    def __init__(self, *answers: bool | Exception, busy: float = 0) -> None:
        self.began: list[float] = []
        self.ended: list[float] = []
        self.enough = threading.Event()
        self.wanted = len(answers) + 1
        self._busy = busy
        self._answers = itertools.chain(answers, itertools.repeat(answers[-1]))

    def __call__(self) -> bool:
        self.began.append(time.monotonic())
        while time.monotonic() < self.began[-1] + self._busy:
            pass
        if len(self.began) >= self.wanted:
            self.enough.set()
        self.ended.append(time.monotonic())
        answer = next(self._answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def rests(self) -> list[float]:
        """Seconds between a turn and the next."""
        return [next_ - end for end, next_ in zip(self.ended, self.began[1:], strict=False)]


def test_it_asks_again_and_again(make_loop: MakeLoop) -> None:
    """While nothing waits, it rests between two turns."""
    turns = Turns(*[False] * 5)
    make_loop(turns).start()
    assert turns.enough.wait(5)
    assert min(turns.rests) >= 0.009


def test_a_backlog_is_worked_off_without_rest(make_loop: MakeLoop) -> None:
    """Where all of the time may be spent on it."""
    turns = Turns(*[True] * 50, busy=0.001)
    make_loop(turns, duty=1.0).start()
    assert turns.enough.wait(5)
    assert sorted(turns.rests)[25] < 0.009


def test_a_backlog_leaves_time_to_the_requests(make_loop: MakeLoop) -> None:
    """A quarter of the time is spent, three quarters are left."""
    turns = Turns(*[True] * 6, busy=0.02)
    make_loop(turns, duty=0.25).start()
    assert turns.enough.wait(5)
    assert min(turns.rests) >= 3 * 0.02


def test_it_backs_off_while_the_store_is_down(make_loop: MakeLoop) -> None:
    """Twice as long each time, and never all of it; at the first success as before."""
    down = StoreUnavailable("no route to host")
    turns = Turns(down, down, down, down, down, False, False)
    make_loop(turns).start()
    assert turns.enough.wait(10)
    longest = (0.02, 0.04, 0.08, 0.16, 0.32)
    assert all(rest >= most / 2 for rest, most in zip(turns.rests, longest, strict=False))
    assert turns.rests[5] < 0.16


def test_pauses_are_drawn_by_lot(make_loop: MakeLoop) -> None:
    """However an app seeds the shared generator, no two loops wait alike."""
    paused = []
    for _ in range(2):
        random.seed(1)
        turns = Turns(*[StoreUnavailable("down")] * 3, False)
        make_loop(turns).start()
        assert turns.enough.wait(5)
        paused.append(turns.rests[2] / 0.08)
    assert paused[0] != pytest.approx(paused[1], rel=1e-3)


def test_trouble_is_logged_when_it_begins_and_when_it_ends(
    make_loop: MakeLoop, caplog: pytest.LogCaptureFixture
) -> None:
    """Not at each try; and the next time again."""
    down = StoreUnavailable("no route to host")
    turns = Turns(down, down, down, False, False, down, down, False)
    loop = make_loop(turns)
    loop.start()
    assert turns.enough.wait(5)

    assert loop.trouble is None
    begins, ends = "no route to host", "The drain works again"
    said = [record.getMessage() for record in caplog.records]
    assert [begins in text or ends in text for text in said] == [True] * 4
    assert [ends in text for text in said] == [False, True, False, True]


def test_it_does_not_back_off_for_ever(
    make_loop: MakeLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is a longest pause."""
    monkeypatch.setattr(module, "LONGEST_PAUSE", 0.03)
    turns = Turns(*[StoreUnavailable("down")] * 10)
    make_loop(turns).start()
    assert turns.enough.wait(20)
    assert max(turns.rests) < 4  # ten times twice as long would be 10, or half of it by lot


def test_a_fault_does_not_end_it(
    make_loop: MakeLoop, slot: Slot, caplog: pytest.LogCaptureFixture
) -> None:
    """It is counted, logged once, and its end too; the loop backs off and goes on."""
    turns = Turns(KeyError("bug"), KeyError("bug"), False)
    make_loop(turns).start()
    assert turns.enough.wait(5)
    assert all(rest >= least for rest, least in zip(turns.rests, (0.01, 0.02), strict=False))
    (block,) = slot.blocks()
    assert dict(block.items())["internal_errors", "background"] == 2
    assert [record.exc_info is not None for record in caplog.records] == [True, False]


def test_it_stops_at_once_between_two_turns(make_loop: MakeLoop) -> None:
    """Nobody waits for the end of its pause."""
    loop = make_loop(Turns(False), rest=60.0)
    loop.start()
    began = time.monotonic()
    loop.stop(30)
    assert time.monotonic() - began < 5


def test_a_turn_under_way_may_end(make_loop: MakeLoop) -> None:
    """The stop waits for it, but not longer than told."""
    inside, release = threading.Event(), threading.Event()

    def turn() -> bool:
        inside.set()
        release.wait(10)
        return False

    loop = make_loop(turn)
    loop.start()
    assert inside.wait(5)
    began = time.monotonic()
    loop.stop(0.05)
    assert time.monotonic() - began < 2
    threading.Timer(0.05, release.set).start()
    loop.stop(5)
    assert release.is_set()


def test_a_loop_can_be_stopped_from_within_and_before(make_loop: MakeLoop) -> None:
    """A signal comes whenever it likes: in a turn, or before the first."""
    early = Turns(False)
    loop = make_loop(early)
    loop.stop(0)
    loop.run()
    assert early.began == []

    asked = []

    def turn() -> bool:
        asked.append(1)
        within.stop(5)
        return True

    within = make_loop(turn)
    within.run()
    assert asked == [1]
