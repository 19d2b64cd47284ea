"""Several drains at once, without any lock between them: the offset alone decides."""

import os
from pathlib import Path

import pytest

from tests.background.rigs import CHURN, FRAUD, ROW, Rig, expected, request
from tests.processes import Child

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")

SEGMENTS, REQUESTS = 12, 150


def test_three_drains_store_everything_once(rig: Rig) -> None:
    """In three processes, in small turns, over segments that all of them read at once."""
    records = [
        request(number, rows=[ROW] * (number % 3 + 1), schema=number % 2)
        for number in range(SEGMENTS * REQUESTS)
    ]
    for first in range(0, len(records), REQUESTS):
        rig.write(records[first : first + REQUESTS], FRAUD, CHURN)
    gate, opener = os.pipe()

    def work() -> int:
        os.close(opener)
        own = Rig(rig.folder, rig.store_url)
        drain = own.new_drain()
        os.read(gate, 1)  # ends when the parent closes its end too: all go at once
        moved = 0
        while own.spool.segments():
            moved += drain.run_once(40)
        return moved

    children = [Child(work) for _ in range(3)]
    os.close(opener)
    try:
        shares = [child.told for child in children]
    finally:
        os.close(gate)
        for child in children:
            child.kill()
    assert rig.ledger() == expected(records)
    assert sum(shares) == len(rig.ledger().ids)
    assert sum(share > 0 for share in shares) > 1, "nobody had a rival: the test proves nothing"


def test_a_drain_is_killed_again_and_again_beside_another(rig: Rig, tmp_path: Path) -> None:
    """Whatever the dead one had begun, the store ends up exact."""
    records = [request(number) for number in range(1500)]
    for first in range(0, len(records), 300):
        rig.write(records[first : first + 300])

    def work() -> None:
        own = Rig(rig.folder, rig.store_url)
        while own.new_drain().run_once(30):
            pass

    while rig.spool.segments():
        victim = Child(work)
        rig.new_drain().run_once(60)
        victim.kill()
    assert rig.ledger() == expected(records)
