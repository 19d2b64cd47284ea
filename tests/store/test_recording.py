"""Rows, rollups and the segment's offset: all of it, once, or nothing."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from flask_mlmonitor.exceptions import StoreUnavailable
from flask_mlmonitor.records import Gap
from flask_mlmonitor.store import tables
from flask_mlmonitor.store.database import Database
from flask_mlmonitor.store.recording import (
    AlreadyStored,
    OffsetMoved,
    Span,
    apply,
    bury,
    read_offsets,
    retire,
)
from flask_mlmonitor.store.urls import open_store
from tests.crashing import ALL, crashes
from tests.ledgers import NOTHING, Ledger, add_rollups, read_ledger
from tests.processes import Child
from tests.store.batches import BINNING, NOW, batch, batch_of_rows, row
from tests.stores import assert_sound, copy_store

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")

FIRST = Span("a.j", 0, 100)
ONE = Ledger(["p1", "p2"], 2, (2, 2, 0), {"a.j": 100}, [], [])


def test_a_span_is_recorded(database: Database) -> None:
    """Rows, rollup, totals and offset stand in the store together."""
    assert apply(database, FIRST, batch("p1", "p2")) == []
    assert read_ledger(database) == ONE
    total = add_rollups(database, BINNING)
    assert total.n == 2
    assert total.feature("amount").cells[2] == 2
    with database.reading() as connection:
        stored = connection.execute(select(tables.predictions)).first()
        assert stored is not None
        # PostgreSQL has blanks in its JSON.
        assert tuple(stored) == (*row("p1")[:6], stored.features, *row("p1")[7:])
        assert stored.features.replace(" ", "") == row("p1")[6]


def test_the_next_span_goes_on(database: Database) -> None:
    """From where the last one ended."""
    apply(database, FIRST, batch("p1", "p2"))
    apply(database, Span("a.j", 100, 250), batch("p3"))
    apply(database, Span("b.j", 0, 70), batch("p4"))
    assert read_ledger(database) == Ledger(
        ["p1", "p2", "p3", "p4"], 4, (4, 4, 0), {"a.j": 250, "b.j": 70}, [], []
    )


@pytest.mark.parametrize("span", [FIRST, Span("a.j", 50, 150), Span("b.j", 10, 20)])
def test_a_span_that_does_not_begin_at_the_offset_is_refused(
    database: Database, span: Span
) -> None:
    """Another drain was first, or the offset is unknown: nothing is written."""
    apply(database, FIRST, batch("p1", "p2"))
    with pytest.raises(OffsetMoved, match=span.segment):
        apply(database, span, batch("p3"))
    assert read_ledger(database) == ONE


def test_of_drains_at_once_one_records(database: Database, store_url: str) -> None:
    """Six processes, one span: five are refused."""
    database.prepare()
    gate, opener = os.pipe()

    def work() -> bool:
        os.close(opener)
        os.read(gate, 1)  # ends when the parent closes its end too: all go at once
        try:
            apply(open_store(store_url), FIRST, batch("p1", "p2"))
        except OffsetMoved:
            return False
        return True

    children = [Child(work) for _ in range(6)]
    os.close(opener)
    try:
        assert sorted(child.told for child in children) == [False] * 5 + [True]
    finally:
        os.close(gate)
        for child in children:
            child.kill()
    assert read_ledger(database) == ONE


def test_ids_that_repeat_are_told(database: Database) -> None:
    """Whoever records is told which were there, and nothing was written."""
    apply(database, FIRST, batch("p1", "p2"))
    with pytest.raises(AlreadyStored) as refused:
        apply(database, Span("b.j", 0, 50), batch("p3", "p2"))
    assert refused.value.ids == {"p2"}
    assert read_ledger(database) == ONE


def test_ids_that_repeat_within_a_span_are_refused(database: Database) -> None:
    """None of them is stored, so none is told."""
    with pytest.raises(AlreadyStored) as refused:
        apply(database, FIRST, batch("p1", "p1"))
    assert refused.value.ids == set()
    assert read_ledger(database) == NOTHING


def test_many_ids_that_repeat(database: Database) -> None:
    """More than one statement can ask for."""
    keys = [f"p{number:04}" for number in range(1200)]
    apply(database, FIRST, batch(*keys))
    with pytest.raises(AlreadyStored) as refused:
        apply(database, Span("b.j", 0, 50), batch(*keys[:700], "new", *keys[700:]))
    assert refused.value.ids == set(keys)


def test_an_external_id_may_repeat(database: Database) -> None:
    """Five predictions under one request id are five rows."""
    rows = [row(f"p{number}", external="order-7") for number in range(5)]
    apply(database, FIRST, batch_of_rows(rows))
    assert len(read_ledger(database).ids) == 5


def test_gaps_are_kept_with_their_span(database: Database) -> None:
    """Several of one span, and of a span without rows."""
    gaps = [Gap(1.0, 2.0, 3, "write_error"), Gap(4.0, 5.0, 6, "journal_full")]
    apply(database, FIRST, batch("p1", "p2", gaps=gaps))
    apply(database, Span("a.j", 100, 120), batch(gaps=[Gap(7.0, 8.0, 9, "corrupt")]))
    assert read_ledger(database) == ONE._replace(
        offsets={"a.j": 120}, gaps=[*gaps, Gap(7.0, 8.0, 9, "corrupt")]
    )


def test_a_row_that_the_store_refuses_undoes_its_span(database: Database) -> None:
    """Offset and all, so that the drain can look for it."""
    poison = (*row("p2")[:5], None, *row("p2")[6:])
    with pytest.raises(IntegrityError):
        apply(database, FIRST, batch_of_rows([row("p1"), poison]))
    assert read_ledger(database) == NOTHING


def test_a_dead_letter_moves_the_offset(database: Database) -> None:
    """It is kept as it was, with the reason, and stands in nobody's way."""
    apply(database, FIRST, batch("p1", "p2"))
    bury(database, Span("a.j", 100, 130), NOW, "no time", b"\x00record")
    assert read_ledger(database) == ONE._replace(offsets={"a.j": 130}, letters=["no time"])
    with database.reading() as connection:
        letter = connection.execute(select(tables.dead_letters)).one()
    assert tuple(letter) == ("a.j", 100, NOW, "no time", b"\x00record")
    with pytest.raises(OffsetMoved):
        bury(database, Span("a.j", 100, 130), NOW, "no time", b"\x00record")
    assert len(read_ledger(database).letters) == 1


def test_the_first_record_may_be_a_dead_letter(database: Database) -> None:
    """Then the offset begins with it."""
    bury(database, FIRST, NOW, "no time", b"record")
    assert read_ledger(database).offsets == {"a.j": 100}


def test_offsets_of_removed_segments_are_forgotten_later(database: Database) -> None:
    """Not at once: a drain that still has the file open must not read it from its start."""
    for number in range(700):
        bury(database, Span(f"{number:03}.j", 0, 10), NOW, "", b"")
    names = sorted(read_offsets(database))
    retire(database, names[:600], now=NOW, keep=60)
    assert len(read_offsets(database)) == 700
    retire(database, names[600:650], now=NOW + 61, keep=60)
    assert sorted(read_offsets(database)) == names[600:]
    with pytest.raises(OffsetMoved):
        apply(database, Span(names[600], 0, 10), batch("p1"))
    retire(database, [], now=NOW + 130, keep=60)
    assert sorted(read_offsets(database)) == names[650:]


def test_there_are_no_offsets_before_there_is_a_store(database: Database) -> None:
    """Nothing is made by asking."""
    assert read_offsets(database) == {}
    with pytest.raises(StoreUnavailable):
        read_ledger(database)


def test_there_are_no_offsets_in_a_file_without_tables(sqlite: Database, path: Path) -> None:
    """It is no error."""
    assert read_offsets(sqlite) == {}
    assert not path.exists()
    path.touch()
    assert read_offsets(sqlite) == {}


def test_a_crash_at_any_step_records_all_or_nothing(
    database: Database, store_url: str, new_store: Callable[[], str]
) -> None:
    """The span is recorded, or can be; never twice, never a part of it."""
    apply(database, Span("before.j", 0, 10), batch("p0"))
    database.close()
    before = new_store()
    copy_store(store_url, before)

    def work() -> None:
        apply(open_store(store_url), FIRST, batch("p1", "p2"))

    whole = Ledger(["p0", "p1", "p2"], 3, (3, 3, 0), {"before.j": 10, "a.j": 100}, [], [])
    part = Ledger(["p0"], 1, (1, 1, 0), {"before.j": 10}, [], [])
    found = []
    for step in crashes(work, room="flask_mlmonitor.store", before=ALL):
        again = open_store(store_url)
        try:
            again.prepare()
            recorded = read_ledger(again) == whole
            assert recorded or read_ledger(again) == part
            found.append((recorded, step))
            if not recorded:
                apply(again, FIRST, batch("p1", "p2"))
            assert read_ledger(again) == whole, step
            assert_sound(again)
        finally:
            again.close()
        copy_store(before, store_url)
    recorded_at = [recorded for recorded, _ in found]
    assert recorded_at == sorted(recorded_at)
    assert set(recorded_at) == {False, True}
    assert [step for _, step in found].count("commit") == 2  # the tables' check, then the span
    assert 10 < len(found) < 200
