"""The store stays small: when, and a short step at a time."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import select, update

from flask_mlmonitor.background.maintenance import (
    COMPACT_SECONDS,
    PRUNE_SECONDS,
    Every,
    Maintenance,
)
from flask_mlmonitor.exceptions import StoreUnavailable
from flask_mlmonitor.store import tables
from flask_mlmonitor.store.levels import DAY, HOUR, MINUTE, floor
from flask_mlmonitor.store.windows import read_window
from tests.background.rigs import BINNING, NOW, Rig, request
from tests.ledgers import add_rollups

MINUTE_OF_NOW = floor(NOW, MINUTE)


class Upkeep:
    """The maintenance of a rig, and what it told.

    :ivar writes: how many transactions there were.
    """

    def __init__(self, rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
        self.rig = rig
        self.writes = 0
        self.faults: list[Exception] = []
        self.down = False
        self._writing = rig.database.writing
        monkeypatch.setattr(rig.database, "writing", self._counted)
        self.maintenance = Maintenance(
            rig.database,
            retention_days=30,
            on_fault=self.faults.append,
            clock=lambda: rig.time,
        )

    @contextmanager
    def _counted(self) -> Iterator[object]:
        if self.down:
            raise StoreUnavailable("no route to host")
        self.writes += 1
        with self._writing() as connection:
            yield connection

    def run(self) -> int:
        """Run until nothing waits; return the number of transactions."""
        before = self.writes
        while self.maintenance.run_once():
            pass
        return self.writes - before


@pytest.fixture
def upkeep(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> Upkeep:
    """The maintenance of a host."""
    rig.database.prepare()
    return Upkeep(rig, monkeypatch)


def drain(rig: Rig, *times: float) -> None:
    """Drain a request of each time, each from a segment of its own."""
    first = len(rig.ledger().ids)
    for number, time in enumerate(times, first):
        rig.write([request(number, time=time)])
    rig.drain()


def buckets(rig: Rig) -> list[float]:
    """Return the bucket of each rollup."""
    query = select(tables.rollups.c.bucket).order_by(tables.rollups.c.bucket)
    with rig.database.reading() as connection:
        return list(connection.execute(query).scalars())


def test_something_is_due_at_first_and_then_after_a_while() -> None:
    """And a clock that is put back delays nothing."""
    times = iter([1000.0, 1000.0, 1059.0, 1060.0, 1061.0, 500.0, 501.0, 560.0])
    every = Every(60, lambda: next(times))
    told = [every.due() for _ in range(8)]
    assert told == [True, False, False, True, False, True, False, True]


def test_rollups_are_compacted_every_minute(rig: Rig, upkeep: Upkeep) -> None:
    """Several parts of a minute, once it is over: one transaction; before that, none."""
    drain(rig, NOW, NOW, NOW)
    upkeep.run()
    rig.time = NOW + 10 * MINUTE
    drain(rig, NOW)
    writes = upkeep.run()
    assert writes == 1
    drain(rig, NOW)
    rig.time += COMPACT_SECONDS - 1
    assert upkeep.run() == 0
    rig.time += 1
    assert upkeep.run() == 1
    assert add_rollups(rig.database, BINNING).n == 5


def test_a_turn_is_one_transaction(rig: Rig, upkeep: Upkeep) -> None:
    """So that the drain never waits for more."""
    drain(rig, *[NOW + minute * MINUTE for minute in range(5) for _ in range(2)])
    rig.time = NOW + DAY
    before = upkeep.writes
    while upkeep.maintenance.run_once():
        assert upkeep.writes - before <= 1
        before = upkeep.writes
    assert add_rollups(rig.database, BINNING).n == 10


def test_rows_go_every_hour(rig: Rig, upkeep: Upkeep) -> None:
    """When they are older than the retention; their rollups stay."""
    drain(rig, NOW)
    rig.time = NOW + 30 * DAY
    upkeep.run()
    assert len(rig.ledger().ids) == 1
    rig.time += PRUNE_SECONDS - 1
    upkeep.run()
    assert len(rig.ledger().ids) == 1
    rig.time += 1
    upkeep.run()
    assert rig.ledger().ids == []
    assert rig.ledger().in_totals[0] == 1
    hour = floor(NOW, HOUR)
    window = read_window(rig.database, "fraud", "2", hour, hour + HOUR, clock=lambda: rig.time)
    assert window.n == 1


def test_while_the_store_is_down_a_step_waits(rig: Rig, upkeep: Upkeep) -> None:
    """It is repeated, and nothing after it is forgotten."""
    drain(rig, NOW, NOW, NOW - MINUTE, NOW - MINUTE)
    rig.time = NOW + 10 * MINUTE
    upkeep.maintenance.run_once()
    upkeep.down = True
    for _ in range(3):
        with pytest.raises(StoreUnavailable):
            upkeep.run()
    upkeep.down = False
    before = upkeep.writes
    upkeep.run()
    assert upkeep.writes - before >= 2
    assert upkeep.faults == []
    assert add_rollups(rig.database, BINNING).n == 4


def test_one_of_several_hosts_does_it(
    rig: Rig, upkeep: Upkeep, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other only asks whether it is its turn."""
    drain(rig, NOW, NOW)
    rig.time = NOW + 10 * MINUTE
    upkeep.maintenance.run_once()
    other = Upkeep(rig, monkeypatch)
    assert other.run() <= 2
    assert len(buckets(rig)) == 2
    upkeep.run()
    assert len(buckets(rig)) == 1


def test_a_damaged_rollup_is_not_in_the_way(rig: Rig, upkeep: Upkeep) -> None:
    """It is told as a fault and left alone; the others are compacted."""
    drain(rig, NOW, NOW, NOW - MINUTE, NOW - MINUTE)
    damaged = tables.rollups.c.bucket == MINUTE_OF_NOW
    with rig.database.writing() as connection:
        connection.execute(update(tables.rollups).where(damaged).values(counts=b"?"))
    rig.time = NOW + 10 * MINUTE
    upkeep.run()
    assert [type(fault) for fault in upkeep.faults] == [ValueError]
    assert buckets(rig) == [MINUTE_OF_NOW - MINUTE, MINUTE_OF_NOW, MINUTE_OF_NOW]
