"""Transactions, whichever database it is."""

import os
import threading
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from flask_mlmonitor.exceptions import ConfigError, StoreUnavailable
from flask_mlmonitor.store import tables
from flask_mlmonitor.store.database import Database
from flask_mlmonitor.store.urls import open_store
from tests.processes import Child, run_in_child

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")


def note(database: Database, number: int) -> None:
    """Write something."""
    with database.writing() as connection:
        connection.execute(insert(tables.schema_version).values(version=-number))


def notes(database: Database) -> int:
    """Count what :func:`note` wrote."""
    versions = tables.schema_version.c.version
    with database.reading() as connection:
        return len(connection.execute(select(versions).where(versions < 0)).all())


def test_there_is_something_once_somebody_wrote(database: Database, store_url: str) -> None:
    """Also for another process that has asked before; and asking makes nothing."""
    other = open_store(store_url)
    assert (database.exists(), other.exists()) == (False, False)
    database.prepare()
    assert (database.exists(), other.exists()) == (True, True)
    other.close()


def test_a_file_without_tables_is_no_store_yet(sqlite: Database) -> None:
    """As it is while another process makes it."""
    Path(sqlite.name).touch()
    assert not sqlite.exists()
    sqlite.prepare()
    assert sqlite.exists()


def test_a_failed_transaction_leaves_nothing(database: Database) -> None:
    """And the next one works."""
    note(database, 1)
    with suppress(KeyError), database.writing() as connection:
        connection.execute(insert(tables.schema_version).values(version=-2))
        raise KeyError
    note(database, 3)
    assert notes(database) == 2


def test_a_reader_cannot_write(database: Database) -> None:
    """Whatever a page or an API does wrong, it changes nothing."""
    note(database, 1)
    with pytest.raises(StoreUnavailable, match=r"read-?only"), database.reading() as connection:
        connection.execute(insert(tables.schema_version).values(version=-2))
    assert notes(database) == 1


def test_a_reader_sees_one_state(database: Database) -> None:
    """What is committed while it reads is not half seen."""
    note(database, 1)
    versions = select(tables.schema_version)
    with database.reading() as connection:
        before = connection.execute(versions).all()
        note(database, 2)
        assert connection.execute(versions).all() == before
    assert notes(database) == 2


def test_a_writer_does_not_keep_readers_out(database: Database) -> None:
    """A scrape does not wait for a drain."""
    note(database, 1)
    with database.writing() as connection:
        connection.execute(insert(tables.schema_version).values(version=-2))
        assert notes(database) == 1


def test_writers_wait_for_their_turn(database: Database, store_url: str) -> None:
    """Four processes with two threads each: every transaction is there."""
    gate, opener = os.pipe()

    def write_ten(own: Database, first: int) -> None:
        for number in range(first, first + 10):
            note(own, number)

    def work() -> None:
        os.close(opener)
        own = open_store(store_url)
        os.read(gate, 1)  # ends when the parent closes its end too: all go at once
        first = os.getpid() * 1000
        threads = [threading.Thread(target=write_ten, args=(own, first + n)) for n in (0, 10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    children = [Child(work) for _ in range(4)]
    os.close(opener)
    try:
        assert [child.told for child in children] == [None] * 4
    finally:
        os.close(gate)
        for child in children:
            child.kill()
    assert notes(database) == 80


def test_a_fork_leaves_the_parents_connections_alone(database: Database, store_url: str) -> None:
    """A child that forgets them works with its own, and the parent goes on."""
    note(database, 1)
    assert notes(database) == 1

    def child() -> None:
        database.forget()
        note(database, 2)
        assert notes(database) == 2
        database.close()

    assert run_in_child(child) == 0
    note(database, 3)
    assert notes(database) == 3


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://",
        "sqlite:///",
        "nonsense",
        "postgresql://ann:secret@db",
        "postgresql://ann:secret@db:port/x",
        "postgresql+psycopg2://ann:secret@db/x",
        "postgresql+asyncpg://ann:secret@db/x",
        "mysql://ann:secret@db/x",
    ],
)
def test_a_url_that_cannot_be_used(url: str) -> None:
    """It is refused at once, naming the key and hiding a password."""
    with pytest.raises(ConfigError, match="MLMONITOR_STORE_URL") as refused:
        open_store(url)
    assert "secret" not in str(refused.value)
