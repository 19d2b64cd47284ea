"""A store in a file: one writer at a time on a host, and faults with a name."""

import os
import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from sqlalchemy import insert, select

from flask_mlmonitor.exceptions import StoreUnavailable
from flask_mlmonitor.store import database as module
from flask_mlmonitor.store import tables
from flask_mlmonitor.store.database import Database
from flask_mlmonitor.store.recording import Span, apply
from flask_mlmonitor.store.urls import open_store
from tests.disks import SmallDisk
from tests.ledgers import NOTHING, read_ledger
from tests.processes import Child
from tests.store.batches import batch

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


def test_making_it_makes_no_file(sqlite: Database, path: Path) -> None:
    """And reading what nobody ever wrote is no reason to make one."""
    with pytest.raises(StoreUnavailable), sqlite.reading():
        pass
    assert list(path.parent.iterdir()) == []


def test_its_folder_is_made(tmp_path: Path) -> None:
    """When something is written, for this user alone."""
    database = open_store(f"sqlite:///{tmp_path / 'new' / 'store.db'}")
    note(database, 1)
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700
    database.close()


@pytest.mark.parametrize("name", ["with space", "a#b", "100%", "ü'\";&mode=rw"])
def test_any_folder_name_will_do(tmp_path: Path, name: str) -> None:
    """Reader and writer find the same file."""
    database = open_store(f"sqlite:///{tmp_path / name / 's.db'}")
    note(database, 1)
    assert notes(database) == 1
    assert (tmp_path / name / "s.db").is_file()
    database.close()


def test_what_was_closed_can_be_read(sqlite: Database, path: Path) -> None:
    """The last connection takes the WAL with it."""
    note(sqlite, 1)
    sqlite.close()
    assert not path.with_name(path.name + "-wal").exists()
    again = open_store(f"sqlite:///{path}")
    assert notes(again) == 1
    again.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits long for a turn."""
    monkeypatch.setattr(module, "BUSY_SECONDS", 0.05)


@pytest.mark.usefixtures("impatient")
def test_a_store_that_stays_locked_is_unavailable(sqlite: Database, path: Path) -> None:
    """Another program's transaction keeps writers out, not readers; then it goes on."""
    note(sqlite, 1)
    sqlite.close()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match="locked"):
        note(sqlite, 2)
    assert notes(sqlite) == 1
    other.execute("ROLLBACK")
    other.close()
    note(sqlite, 2)
    assert notes(sqlite) == 2


def test_a_writer_has_its_turn_before_it_reads(sqlite: Database, path: Path) -> None:
    """What it decides by is still so when it writes, whatever other programs do."""
    note(sqlite, 1)
    other = sqlite3.connect(path, isolation_level=None, timeout=0)
    with sqlite.writing(), pytest.raises(sqlite3.OperationalError, match="locked"):
        other.execute("BEGIN IMMEDIATE")
    other.close()


@pytest.mark.usefixtures("impatient")
def test_a_process_of_ours_that_writes_for_too_long(sqlite: Database, path: Path) -> None:
    """The next one gives up; when the first is killed, its turn and its changes are gone."""

    own = open_store(f"sqlite:///{path}")
    transaction = own.writing()

    def hang() -> None:
        note(own, 1)
        connection = transaction.__enter__()
        connection.execute(insert(tables.schema_version).values(version=-2))

    with Child(hang) as child, pytest.raises(StoreUnavailable, match=f"by process {child.pid}"):
        note(sqlite, 3)
    note(sqlite, 3)
    assert notes(sqlite) == 2


@pytest.mark.usefixtures("impatient")
def test_a_thread_of_ours_that_writes_for_too_long(sqlite: Database) -> None:
    """As above, within a process."""
    note(sqlite, 1)
    refused: list[str] = []

    def write() -> None:
        try:
            note(sqlite, 2)
        except StoreUnavailable as error:
            refused.append(str(error))

    with sqlite.writing():
        thread = threading.Thread(target=write)
        thread.start()
        thread.join()
    assert refused == ["another thread of this process is writing for too long"]


@pytest.mark.parametrize("content", [b"no sqlite\n" * 500, b"SQLite format 3\x00" + bytes(5000)])
def test_a_file_that_is_no_database_is_unavailable(
    sqlite: Database, path: Path, content: bytes
) -> None:
    """It is not overwritten either."""
    path.write_bytes(content)
    with pytest.raises(StoreUnavailable):
        note(sqlite, 1)
    with pytest.raises(StoreUnavailable):
        notes(sqlite)
    assert path.read_bytes() == content


def test_a_damaged_store_is_unavailable(sqlite: Database, path: Path) -> None:
    """A page of nonsense in the middle."""
    apply(sqlite, Span("a.j", 0, 10), batch(*(f"p{number:03}" for number in range(500))))
    sqlite.close()
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(path.stat().st_size - 4096))
    with pytest.raises(StoreUnavailable):
        read_ledger(sqlite)
    with pytest.raises(StoreUnavailable):
        apply(sqlite, Span("a.j", 10, 20), batch("p999"))


def test_a_folder_that_cannot_be_made_is_unavailable(tmp_path: Path) -> None:
    """A file stands where the folder should."""
    (tmp_path / "taken").touch()
    database = open_store(f"sqlite:///{tmp_path / 'taken' / 's.db'}")
    with pytest.raises(StoreUnavailable, match="taken"):
        note(database, 1)


def test_a_full_disk_is_unavailable(small_disk: SmallDisk) -> None:
    """Nothing is half written; when there is room again, all goes on."""
    database = open_store(f"sqlite:///{small_disk.path / 's.db'}")
    apply(database, Span("a.j", 0, 10), batch("p1"))
    ballast = small_disk.path / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(4096)) == 4096:
            pass
    many = batch(*(f"q{number:04}" for number in range(3000)))
    for _ in range(3):
        with pytest.raises(StoreUnavailable, match=r"full|disk"):
            apply(database, Span("a.j", 10, 20), many)
    ballast.unlink()
    assert read_ledger(database)._replace(offsets={}) == NOTHING._replace(
        ids=["p1"], in_rollups=1, in_totals=(1, 1, 0)
    )
    apply(database, Span("a.j", 10, 20), batch("p2"))
    assert read_ledger(database).ids == ["p1", "p2"]
    database.close()


def test_a_reader_before_the_writer_keeps_its_locks(sqlite: Database, path: Path) -> None:
    """Another program that closes the store must not take it for nobody's and drop the WAL."""
    note(sqlite, 1)
    sqlite.close()
    mine = open_store(f"sqlite:///{path}")
    assert notes(mine) == 1
    note(mine, 2)
    visit = (
        "import sys; from flask_mlmonitor.store.urls import open_store; "
        "store = open_store(sys.argv[1]); store.prepare(); store.close()"
    )
    subprocess.run([sys.executable, "-c", visit, f"sqlite:///{path}"], check=True, timeout=60)

    note(mine, 3)
    with sqlite3.connect(path) as elsewhere:
        assert elsewhere.execute("SELECT count(*) FROM schema_version").fetchone() == (4,)
    elsewhere.close()
    mine.close()


def test_threads_that_read_first_share_a_connection_pool(sqlite: Database, path: Path) -> None:
    """Of the pools that each would make, all but one would stay open behind the store's back."""
    note(sqlite, 1)
    sqlite.close()
    together = threading.Barrier(8)

    def read() -> int:
        together.wait()
        return notes(sqlite)

    with ThreadPoolExecutor(8) as pool:
        assert [one.result() for one in [pool.submit(read) for _ in range(8)]] == [1] * 8
    sqlite.close()
    opened = [file.path for file in psutil.Process().open_files()]
    assert [name for name in opened if name.startswith(str(path))] == []


def test_a_file_that_was_deleted_or_replaced_is_let_go(sqlite: Database, path: Path) -> None:
    """What is written next is in the file that has the name, not in one that nobody can open."""
    note(sqlite, 1)
    for file in path.parent.glob(path.name + "*"):
        file.unlink()
    note(sqlite, 2)
    assert notes(sqlite) == 1

    other = open_store(f"sqlite:///{path.with_name('backup.db')}")
    for number in (1, 2, 3):
        note(other, number)
    other.close()
    for end in ("-wal", "-shm"):
        path.with_name(path.name + end).unlink(missing_ok=True)
    path.with_name("backup.db").rename(path)
    assert notes(sqlite) == 3
    note(sqlite, 4)
    assert notes(sqlite) == 4


def test_only_its_owner_can_read_it(sqlite: Database, path: Path) -> None:
    """Features are nobody else's business."""
    sqlite.prepare()
    assert path.stat().st_mode & 0o777 == 0o600
