"""A drain may die at any step: whoever comes next stores what is missing, and nothing twice."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from flask_mlmonitor.background.drain import FORGET_SECONDS
from flask_mlmonitor.store.recording import read_offsets
from flask_mlmonitor.store.truth import Claim, record_ground_truth
from tests.background.damage import cut, flip
from tests.background.rigs import NOW, Rig, poisoned, request, requests
from tests.crashing import crashes

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")

LIMIT = 3


def drain(folder: Path, store_url: str) -> None:
    """Drain a host in small turns."""
    rig = Rig(folder, store_url)
    rig.drain(LIMIT)
    rig.close()


CrashEverywhere = Callable[[Rig], Counter[str]]


@pytest.fixture
def crash_everywhere(tmp_path: Path, new_store: Callable[[], str]) -> CrashEverywhere:
    """Kill a drain at every step, with stores to copy to."""
    return lambda rig: _crash_everywhere(rig, tmp_path, new_store)


def _crash_everywhere(rig: Rig, folder: Path, new_store: Callable[[], str]) -> Counter[str]:
    """Drain copies of *rig* in children that die one step later each time; drain the rest.

    Asserts that the store then holds what it holds without a crash, and that the spool is empty.
    Returns how often a child died before which call.
    """
    rig.database.prepare()
    whole = rig.copy(folder / "whole", new_store())
    whole.drain(LIMIT)
    wanted, files = whole.ledger(), whole.files()
    whole.close()
    died: Counter[str] = Counter()
    place = folder / "copy", new_store()
    rig.copy(*place)
    for step in crashes(lambda: drain(*place), room="flask_mlmonitor.background.drain"):
        died[step] += 1
        again = Rig(*place)
        try:
            again.drain(LIMIT)
            assert again.ledger() == wanted, died
            # A crash between the gap's commit and the quarantine takes the evidence away.
            assert again.files() in (files, []), died
            assert again.new_drain().backlog().size == 0
        finally:
            again.close()
        rig.copy(*place)
    return died


def test_whole_segments(rig: Rig, crash_everywhere: CrashEverywhere) -> None:
    """Commit, unlink, noting the removal and forgetting old ones."""
    rig.time = NOW - 2 * FORGET_SECONDS
    rig.write(requests(1, first=100))
    rig.drain()
    rig.time = NOW
    rig.write(requests(4))
    rig.write(requests(2, first=4))
    assert len(read_offsets(rig.database)) == 1
    died = crash_everywhere(rig)
    assert died["unlink"] == 2
    assert died["commit"] > 4


def test_a_torn_segment(rig: Rig, crash_everywhere: CrashEverywhere) -> None:
    """The tail is dropped once, and nothing with it."""
    cut(rig.write(requests(3)), 2)
    died = crash_everywhere(rig)
    assert died["unlink"] == 1


def test_a_corrupt_segment(rig: Rig, crash_everywhere: CrashEverywhere) -> None:
    """Its gap is known once."""
    flip(rig.write(requests(6)), 0.7)
    rig.write(requests(1, first=10))
    died = crash_everywhere(rig)
    assert died["rename"] == 1


def test_a_poisonous_record(rig: Rig, crash_everywhere: CrashEverywhere) -> None:
    """It is a dead letter once, and the records around it are rows once."""
    rig.write([request(0), poisoned(1), request(2)])
    died = crash_everywhere(rig)
    assert died["unlink"] == 1


def test_ids_that_repeat(rig: Rig, crash_everywhere: CrashEverywhere) -> None:
    """Found out by a transaction that is undone."""
    rig.write(requests(2))
    rig.drain()
    rig.write([request(1), request(2), request(2)])
    crash_everywhere(rig)


def test_ground_truth_that_waits(rig: Rig, crash_everywhere: CrashEverywhere) -> None:
    """It finds its prediction in the prediction's own transaction."""
    record_ground_truth(rig.database, [Claim("r000001", 1, NOW), Claim("r000009", 1, NOW)])
    rig.write(requests(2))
    crash_everywhere(rig)
