"""What goes when its time is over, and what stays right afterwards."""

from collections import Counter

import pytest
from sqlalchemy import func, insert, select

from flask_mlmonitor.records import Gap
from flask_mlmonitor.store import pruning, tables
from flask_mlmonitor.store.database import Database
from flask_mlmonitor.store.levels import DAY
from flask_mlmonitor.store.pruning import outlived
from flask_mlmonitor.store.reading import read_totals
from flask_mlmonitor.store.recording import Batch, Span, apply, bury, retire
from flask_mlmonitor.store.truth import Claim, record_ground_truth
from flask_mlmonitor.store.urls import open_store
from tests.crashing import crashes
from tests.store.batches import NOW, batch_of_rows, row

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")

OLD, YOUNG = NOW - 31 * DAY, NOW - 29 * DAY
BEFORE = NOW - 30 * DAY
KEPT = (
    *(tables.predictions, tables.ground_truth, tables.pending_ground_truth, tables.gaps),
    *(tables.dead_letters, tables.evaluations, tables.segment_offsets),
)


@pytest.fixture
def database(database: Database) -> Database:
    """A store with something old and something young of each kind."""
    for name, time in (("old", OLD), ("young", YOUNG)):
        rows = [row(f"{name}{number}", time=time) for number in range(3)]
        gap = Gap(time - 60, time, 7, "disk_full")
        apply(database, Span(f"{name}.j", 0, 10), batch_of_rows(rows, [gap]))
        bury(database, Span(f"{name}.j", 10, 20), time, "no reason", b"record")
        claims = [Claim(f"{name}0", 1, time), Claim(f"{name}9", 1, time)]
        record_ground_truth(database, claims, clock=lambda time=time: time)  # type: ignore[misc]
        evaluate(database, time)
        retire(database, [f"{name}.j"], now=time, keep=1000 * DAY)
    return database


def evaluate(database: Database, time: float) -> None:
    """Store an evaluation whose window ended then."""
    words = {"model": "fraud", "version": "2", "window": "1h", "status": "ok", "severity": "ok"}
    numbers = {"start": time - 3600, "end": time, "n": 3, "epoch": 0, "seconds": 0.1}
    numbers |= {"measured": 0, "told": 1, "due": 0}
    with database.writing() as connection:
        connection.execute(insert(tables.evaluations).values(**words, **numbers, result="{}"))


def prune(database: Database) -> Counter[str]:
    """Prune all that is older than thirty days; return what went."""
    gone: Counter[str] = Counter()
    for deletion in outlived(database, BEFORE):
        while number := deletion.delete(database):
            gone[deletion.what] += number
    return gone


def rows(database: Database) -> dict[str, int]:
    """Count the rows of the tables whose rows go."""
    with database.reading() as connection:
        return {
            table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in KEPT
        }


def test_the_old_goes_and_the_young_stays(database: Database) -> None:
    """Of every kind, after the number that was announced."""
    before = rows(database)
    announced = {deletion.what: deletion.count(database) for deletion in outlived(database, BEFORE)}
    wanted = {"predictions": 3, **dict.fromkeys(list(before)[1:], 1)}

    assert announced == wanted | {"truth_hours": 0}
    assert prune(database) == wanted
    assert rows(database) == {name: before[name] - wanted[name] for name in before}
    assert prune(database) == {}
    with database.reading() as connection:
        found = connection.execute(select(tables.predictions.c.id)).scalars()
        assert sorted(found) == ["young0", "young1", "young2"]


def test_of_every_model(database: Database) -> None:
    """Also of those that nobody serves any more."""
    owner, nothing = ("shop", "retired", "1"), (None, None, None)
    other = ("r1", None, *owner, OLD, "{}", *nothing, "primary", "error", None, None)
    apply(database, Span("x.j", 0, 1), Batch([other], {("retired", "1"): (1, 0)}, {}, {}))
    assert prune(database)["predictions"] == 4


def test_a_segment_that_may_still_be_read_keeps_its_offset(database: Database) -> None:
    """However old: without the offset it would be drained again."""
    with database.writing() as connection:
        connection.execute(insert(tables.segment_offsets).values(segment="here.j", offset=10))
    prune(database)
    assert rows(database)["segment_offsets"] == 2


def test_in_small_parts(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """No transaction deletes more than a chunk."""
    monkeypatch.setattr(pruning, "CHUNK", 2)
    deletions = [found for found in outlived(database, BEFORE) if found.what == "predictions"]

    assert [deletions[0].run(database) for _ in range(2)] == [True, False]
    assert rows(database)["predictions"] == 3


def test_totals_are_of_all_times(database: Database) -> None:
    """Coverage is what it was."""
    before = read_totals(database)
    prune(database)
    assert read_totals(database) == before
    assert before[0].coverage == 2 / 6


def test_ground_truth_for_a_pruned_prediction(database: Database) -> None:
    """It waits like any that comes too early, is not counted, and goes in its time."""
    prune(database)
    claim = Claim("old0", 1, NOW)
    (verdict,) = record_ground_truth(database, [claim], clock=lambda: NOW)

    assert verdict.result == "pending"
    assert read_totals(database)[0].ground_truth == 2
    waiting = [found for found in outlived(database, NOW + 1) if found.what.startswith("pending")]
    assert [found.count(database) for found in waiting] == [2]


def test_a_death_in_the_middle_counts_no_truth_twice(database: Database, store_url: str) -> None:
    """A prediction goes before its ground truth, so that a second one cannot be accepted."""
    database.close()
    died = 0
    for _ in crashes(lambda: prune(open_store(store_url)), room="flask_mlmonitor.store.pruning"):
        died += 1
        (verdict,) = record_ground_truth(database, [Claim("old0", 1, NOW)], clock=lambda: NOW)
        assert verdict.result in ("updated", "pending")
        assert read_totals(database)[0].coverage == 2 / 6
        database.close()
    assert died >= 6
    assert rows(database)["predictions"] == 3
