"""The tables are brought up to the code's version, once."""

import os

import pytest
from sqlalchemy import Connection, insert, inspect, select, text

from flask_mlmonitor.exceptions import SchemaTooNew
from flask_mlmonitor.store import steps, tables
from flask_mlmonitor.store.database import Database
from flask_mlmonitor.store.recording import Span, apply
from flask_mlmonitor.store.urls import open_store
from tests.ledgers import read_ledger
from tests.processes import Child
from tests.store.batches import batch

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")


def versions(database: Database) -> list[int]:
    """Return the steps that a store has seen."""
    with database.reading() as connection:
        return list(connection.execute(select(tables.schema_version.c.version)).scalars())


def test_a_fresh_store_gets_every_table(database: Database) -> None:
    """And every step is noted."""
    database.prepare()
    with database.reading() as connection:
        assert set(inspect(connection).get_table_names()) == set(tables.METADATA.tables)
    assert versions(database) == list(range(1, len(steps.STEPS) + 1))


def test_a_known_store_is_left_as_it_is(database: Database, store_url: str) -> None:
    """Opening it again runs no step and keeps what is in it."""
    apply(database, Span("a.j", 0, 10), batch("p1"))
    database.close()
    again = open_store(store_url)
    again.prepare()
    assert versions(again) == list(range(1, len(steps.STEPS) + 1))
    assert read_ledger(again).ids == ["p1"]
    again.close()


def test_a_store_of_a_later_version_is_refused(
    database: Database, store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever reads or writes it is told both versions and what to do; nothing changes."""
    database.prepare()
    later = len(steps.STEPS) + 1
    with database.writing() as connection:
        connection.execute(insert(tables.schema_version).values(version=later))
        known = inspect(connection).get_table_names()
    database.close()
    for use in ("reading", "writing"):
        newer = open_store(store_url)
        with pytest.raises(SchemaTooNew, match=rf"{later}.*{len(steps.STEPS)}.*upgrade"):
            getattr(newer, use)().__enter__()
        newer.close()
    with pytest.raises(SchemaTooNew):
        database.prepare()
    monkeypatch.setattr(steps, "STEPS", (*steps.STEPS, add_a_column))
    assert versions(database) == list(range(1, later + 1))
    with database.reading() as connection:
        assert inspect(connection).get_table_names() == known


def add_a_column(connection: Connection) -> None:
    """Stand for the step of a later version."""
    connection.execute(text("ALTER TABLE gaps ADD COLUMN note TEXT"))


def test_an_older_store_gets_what_it_lacks(
    database: Database, store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the new steps run, and its content stays."""
    apply(database, Span("a.j", 0, 10), batch("p1"))
    database.close()
    monkeypatch.setattr(steps, "STEPS", (*steps.STEPS, add_a_column))
    newer = open_store(store_url)
    newer.prepare()
    assert versions(newer) == list(range(1, len(steps.STEPS) + 1))
    assert read_ledger(newer).ids == ["p1"]
    with newer.reading() as connection:
        assert "note" in {column["name"] for column in inspect(connection).get_columns("gaps")}
    newer.close()


def test_a_step_that_fails_leaves_nothing_half_done(
    database: Database, store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Steps run in one transaction; the next process tries again."""
    database.prepare()
    database.close()

    def fail(connection: Connection) -> None:
        add_a_column(connection)
        raise RuntimeError("half done")

    known = steps.STEPS
    monkeypatch.setattr(steps, "STEPS", (*known, fail))
    for _ in range(2):
        newer = open_store(store_url)
        with pytest.raises(RuntimeError, match="half done"):
            newer.prepare()
        newer.close()
    monkeypatch.setattr(steps, "STEPS", (*known, add_a_column))
    newer = open_store(store_url)
    newer.prepare()
    assert versions(newer) == list(range(1, len(known) + 2))
    newer.close()


def test_many_processes_open_a_fresh_store_at_once(database: Database, store_url: str) -> None:
    """Each step runs once, and nobody fails."""
    gate, opener = os.pipe()

    def work() -> None:
        os.close(opener)
        os.read(gate, 1)  # ends when the parent closes its end too: all go at once
        own = open_store(store_url)
        apply(own, Span(f"{os.getpid()}.j", 0, 10), batch(f"p{os.getpid()}"))

    children = [Child(work) for _ in range(8)]
    os.close(opener)
    try:
        assert [child.told for child in children] == [None] * 8
    finally:
        os.close(gate)
        pids = [child.pid for child in children]
        for child in children:
            child.kill()
    assert versions(database) == list(range(1, len(steps.STEPS) + 1))
    assert sorted(read_ledger(database).ids) == sorted(f"p{pid}" for pid in pids)
