"""PostgreSQL goes away while predictions are moved into it: each is stored once in the end."""

import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest

from flask_mlmonitor.exceptions import StoreUnavailable
from flask_mlmonitor.store.truth import Claim, record_ground_truth
from tests.background.rigs import NOW, Rig, expected, poisoned, requests
from tests.cutting import CuttingWire
from tests.postgres import Postgres

SEGMENTS, REQUESTS = 3, 300


@pytest.fixture
def filled(tmp_path: Path, postgres_url: str) -> Rig:
    """A host with some segments; of the first prediction of each the ground truth waits."""
    rig = Rig(tmp_path / "host", postgres_url)
    firsts = range(0, SEGMENTS * REQUESTS, REQUESTS)
    record_ground_truth(rig.database, [Claim(f"r{first:06}", 1, NOW) for first in firsts])
    for first in firsts:
        rig.write([*requests(REQUESTS - 1, first=first), poisoned(first + REQUESTS - 1)])
    return rig


def drain(rig: Rig, between: Callable[[int], object] = lambda moved: None) -> int:
    """Drain all in small turns, whatever it takes; return how often the store was not there."""
    drain, moved, failed = rig.new_drain(), 0, 0
    while rig.spool.segments():
        try:
            moved += drain.run_once(20)
        except StoreUnavailable:
            failed += 1
        between(moved)
    return failed


def assert_exact(rig: Rig) -> None:
    """Assert that all is stored once; what is poisonous was buried, and nothing else."""
    good = [
        request
        for first in range(0, SEGMENTS * REQUESTS, REQUESTS)
        for request in requests(REQUESTS - 1, first=first)
    ]
    found = rig.ledger()
    assert len(found.letters) == SEGMENTS
    in_totals = (len(good), len(good), SEGMENTS)
    assert found._replace(letters=[]) == expected(good, in_totals=in_totals)
    rig.close()


def test_it_crashes_again_and_again(filled: Rig, postgres: Postgres) -> None:
    """In the middle of whatever is under way."""

    def crash() -> None:
        postgres.stop(immediately=True)
        postgres.start()

    crashes: list[threading.Thread] = []

    def between(moved: int) -> None:
        if len(crashes) < 2 and moved > 250 * (len(crashes) + 1):
            crashes.append(threading.Thread(target=crash))
            crashes[-1].start()

    failed = drain(filled, between)
    for thread in crashes:
        thread.join()
    assert len(crashes) == 2
    assert failed > 1
    assert_exact(filled)


def test_the_answer_to_a_commit_is_lost(filled: Rig, postgres: Postgres) -> None:
    """Only the offset in the store can tell whether it came through."""
    with tempfile.TemporaryDirectory(prefix="mlmonitor-wire-") as name:
        here, there = (quote(str(folder), safe="") for folder in (name, postgres.folder))
        url = filled.store_url.replace(there, here)
        with CuttingWire(postgres.folder, Path(name), every=5) as wire:
            far = Rig(filled.folder, url)
            failed = drain(far)
            far.close()
        assert wire.cuts > 5
        assert failed == wire.cuts
    assert_exact(filled)
