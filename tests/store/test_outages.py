"""A store that is away: nobody waits for long, nothing is half done, and afterwards all is well."""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from flask_mlmonitor.exceptions import StoreUnavailable
from flask_mlmonitor.store import database as database_module
from flask_mlmonitor.store import patience, silence
from flask_mlmonitor.store.database import Database
from flask_mlmonitor.store.patience import Disappointment, in_a_request
from flask_mlmonitor.store.recording import read_offsets
from flask_mlmonitor.store.urls import open_store
from tests.postgres import Postgres
from tests.processes import Child
from tests.store.test_database import note, notes
from tests.troubles import locked, moved, stopped

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
FOR_EVER = 60.0
"""What a wait would take that nothing ends; each test fails by its time then."""


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Within a request one waits half a second, elsewhere for ever."""
    monkeypatch.setattr(patience, "REQUEST_SECONDS", 0.5)
    monkeypatch.setattr(silence, "MARGIN_SECONDS", 0.2)
    monkeypatch.setattr(database_module, "BUSY_SECONDS", FOR_EVER)
    with in_a_request():
        yield


def refused(database: Database) -> str:
    """Return why a transaction was refused, before anybody lost patience."""
    began = time.monotonic()
    with pytest.raises(StoreUnavailable) as raised:
        note(database, 99)
    assert time.monotonic() - began < FOR_EVER / 4
    return str(raised.value)


def test_what_failed_slowly_is_not_tried_at_once_again() -> None:
    """For as long as it had taken; what failed quickly is."""
    clock = [0.0]
    memory = Disappointment(lambda: clock[0])

    def wait(seconds: float) -> str | None:
        try:
            with memory.spared():
                clock[0] += seconds
                raise StoreUnavailable(f"after {seconds}")
        except StoreUnavailable as error:
            return str(error)

    assert [wait(0.1), wait(0.2), wait(4.0)] == ["after 0.1", "after 0.2", "after 4.0"]
    before = clock[0]
    assert wait(1.0) == "after 4.0"
    assert clock[0] == before
    clock[0] += 4.0
    assert wait(2.0) == "after 2.0"
    memory.forget()
    with memory.spared():
        pass


@pytest.mark.usefixtures("hurried")
def test_who_holds_the_lock_is_named(sqlite: Database, path: Path) -> None:
    """Another program's transaction, or a process of ours that was stopped in the midst of one."""
    note(sqlite, 1)
    with locked(path) as other:
        assert refused(sqlite) == f"database is locked by process {other}"
        assert notes(sqlite) == 1  # who only reads waits for nobody
    sqlite.close()
    own = open_store(f"sqlite:///{path}")
    transaction = own.writing()

    def begin() -> None:
        transaction.__enter__()

    with Child(begin) as child, stopped([child.pid]):
        assert refused(sqlite) == f"it is locked by process {child.pid}"
    sqlite.close()
    note(sqlite, 2)
    assert notes(sqlite) == 2


def test_who_only_asked_for_the_store_knows_that_it_was_moved(tmp_path: Path) -> None:
    """As does a worker whose first ground truth comes while the disk is away."""
    folder = tmp_path / "store"
    url = f"sqlite:///{folder}/s.sqlite3"
    first, second = open_store(url), open_store(url)
    first.prepare()
    assert second.exists()
    with moved(folder):
        with pytest.raises(StoreUnavailable, match="was moved"):
            second.prepare()
        assert not folder.exists()
    second.prepare()
    for database in (first, second):
        database.close()


def test_a_folder_that_was_moved_is_not_made_anew(tmp_path: Path) -> None:
    """What was written to another store in its place would be gone when it comes back."""
    folder = tmp_path / "disk"
    database = open_store(f"sqlite:///{folder / 'store.sqlite3'}")
    note(database, 1)
    assert read_offsets(database) == {}
    with moved(folder):
        for _ in range(2):
            with pytest.raises(StoreUnavailable):  # nobody knows how much of a segment is stored
                read_offsets(database)
            assert "its disk is away" in refused(database)
            with pytest.raises(StoreUnavailable):
                notes(database)
        assert not folder.exists()
        folder.mkdir()  # as the place where a disk is mounted
        assert "its disk is away" in refused(database)
        assert list(folder.iterdir()) == []
        folder.rmdir()
    note(database, 2)
    assert notes(database) == 2
    database.close()


def test_a_folder_that_was_deleted_is_made_anew(tmp_path: Path) -> None:
    """It cannot come back."""
    folder = tmp_path / "disk"
    database = open_store(f"sqlite:///{folder / 'store.sqlite3'}")
    note(database, 1)
    before = len(os.listdir("/proc/self/fd"))
    shutil.rmtree(folder)
    note(database, 2)
    assert notes(database) == 1
    assert len(os.listdir("/proc/self/fd")) <= before + 6
    database.close()


def test_who_may_not_write_any_more() -> None:
    """The folder's permissions are taken away, and given back; nobody is root here."""
    folder = Path(tempfile.mkdtemp())
    database = open_store(f"sqlite:///{folder / 'store.sqlite3'}")

    def work() -> list[str]:
        if os.geteuid() == 0:
            os.setuid(65534)
        note(database, 1)
        database.close()
        folder.chmod(0o500)
        reasons = [refused(database)]
        folder.chmod(0o000)
        reasons.append(refused(database))
        folder.chmod(0o700)
        note(database, 2)
        assert notes(database) == 2
        return reasons

    if os.geteuid() == 0:
        os.chown(folder, 65534, 65534)
    with Child(work) as child:
        assert ["readonly" in child.told[0], "Permission denied" in child.told[1]] == [True, True]
    shutil.rmtree(folder)


def backends(postgres: Postgres) -> list[int]:
    """Return the server's processes that work for us."""
    query = "SELECT pid FROM pg_stat_activity WHERE application_name = 'flask-mlmonitor'"
    return [pid for (pid,) in postgres.execute(query)]


@pytest.mark.usefixtures("hurried")
def test_a_silent_server_is_given_up(postgresql: Database, postgres: Postgres) -> None:
    """Its processes are stopped: connections are open, and nobody answers."""
    note(postgresql, 1)
    with (
        pytest.raises(StoreUnavailable, match="silent"),
        postgresql.writing() as connection,
        stopped(backends(postgres)),
    ):
        connection.exec_driver_sql("INSERT INTO schema_version VALUES (-2)")
    postgresql.close()
    note(postgresql, 3)
    with stopped(backends(postgres)):
        note(postgresql, 4)  # by another connection: the silent one was tried in vain
    with stopped([*backends(postgres), postgres.pid]):
        assert "timeout" in refused(postgresql)
        with pytest.raises(StoreUnavailable):
            notes(postgresql)
    postgresql.close()
    note(postgresql, 5)
    assert notes(postgresql) == 4


def test_a_server_that_crashes_in_mid_transaction(postgresql: Database, postgres: Postgres) -> None:
    """What was not committed is gone; it refuses connections, and then it is there again."""
    note(postgresql, 1)
    with suppress(StoreUnavailable), postgresql.writing() as connection:
        connection.exec_driver_sql("INSERT INTO schema_version VALUES (-2)")
        postgres.stop(immediately=True)
        connection.exec_driver_sql("INSERT INTO schema_version VALUES (-3)")
    assert refused(postgresql)
    postgres.start()
    note(postgresql, 4)
    assert notes(postgresql) == 2


def test_a_database_that_is_dropped(postgres: Postgres) -> None:
    """It is named; when there is one again, its tables are made."""
    postgres.execute("CREATE DATABASE gone")
    database = open_store(postgres.url("gone"))
    note(database, 1)
    postgres.execute("DROP DATABASE gone WITH (FORCE)")
    refused(database)
    assert 'database "gone" does not exist' in refused(database)
    postgres.execute("CREATE DATABASE gone")
    note(database, 2)
    assert notes(database) == 1
    database.close()
    postgres.execute("DROP DATABASE gone WITH (FORCE)")


@pytest.mark.usefixtures("hurried")
def test_a_client_that_was_stopped_in_mid_transaction(
    postgresql: Database, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It holds its locks until the server loses patience; what it had not committed is gone."""
    note(postgresql, 1)
    transaction = open_store(postgres_url).writing()

    def begin() -> None:
        monkeypatch.setattr(patience, "REQUEST_SECONDS", 3.0)
        with in_a_request():
            connection = transaction.__enter__()
        connection.exec_driver_sql("UPDATE schema_version SET version = version")

    def touch() -> bool:
        with suppress(StoreUnavailable), postgresql.writing() as connection:
            connection.exec_driver_sql("UPDATE schema_version SET version = version")
            return True
        return False

    deadline = time.monotonic() + FOR_EVER / 4
    with Child(begin) as child, stopped([child.pid]):
        assert not touch()
        while not touch():
            assert time.monotonic() < deadline
