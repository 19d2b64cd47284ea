"""One writer at a time on a host, any number of readers, and faults with a name."""

import os
import sqlite3
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import insert, select, text

from flask_mlmonitor.exceptions import ConfigError, StoreUnavailable
from flask_mlmonitor.store import database as module
from flask_mlmonitor.store import tables
from flask_mlmonitor.store.database import Database
from flask_mlmonitor.store.recording import Span, apply
from tests.disks import SmallDisk
from tests.ledgers import NOTHING, read_ledger
from tests.processes import Child, run_in_child
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


def test_making_it_makes_no_file(database: Database, path: Path) -> None:
    """And reading what nobody ever wrote is no reason to make one."""
    with pytest.raises(StoreUnavailable), database.reading():
        pass
    assert list(path.parent.iterdir()) == []


def test_its_folder_is_made(tmp_path: Path) -> None:
    """When something is written, for this user alone."""
    database = Database(f"sqlite:///{tmp_path / 'new' / 'store.db'}")
    note(database, 1)
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700
    database.close()


@pytest.mark.parametrize("name", ["with space", "a#b", "100%", "ü'\";&mode=rw"])
def test_any_folder_name_will_do(tmp_path: Path, name: str) -> None:
    """Reader and writer find the same file."""
    database = Database(f"sqlite:///{tmp_path / name / 's.db'}")
    note(database, 1)
    assert notes(database) == 1
    assert (tmp_path / name / "s.db").is_file()
    database.close()


def test_what_was_closed_can_be_read(database: Database, path: Path) -> None:
    """The last connection takes the WAL with it."""
    note(database, 1)
    database.close()
    assert not path.with_name(path.name + "-wal").exists()
    again = Database(f"sqlite:///{path}")
    assert notes(again) == 1
    again.close()


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
    with pytest.raises(StoreUnavailable, match="readonly"), database.reading() as connection:
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


def test_writers_wait_for_their_turn(database: Database, path: Path) -> None:
    """Four processes with two threads each: every transaction is there."""
    gate, opener = os.pipe()

    def write_ten(own: Database, first: int) -> None:
        for number in range(first, first + 10):
            note(own, number)

    def work() -> None:
        os.close(opener)
        own = Database(f"sqlite:///{path}")
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


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits long for a turn."""
    monkeypatch.setattr(module, "BUSY_SECONDS", 0.05)


@pytest.mark.usefixtures("impatient")
def test_a_store_that_stays_locked_is_unavailable(database: Database, path: Path) -> None:
    """Another program's transaction keeps writers out, not readers; then it goes on."""
    note(database, 1)
    database.close()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match="locked"):
        note(database, 2)
    assert notes(database) == 1
    other.execute("ROLLBACK")
    other.close()
    note(database, 2)
    assert notes(database) == 2


def test_a_writer_has_its_turn_before_it_reads(database: Database, path: Path) -> None:
    """What it decides by is still so when it writes, whatever other programs do."""
    note(database, 1)
    other = sqlite3.connect(path, isolation_level=None, timeout=0)
    with database.writing(), pytest.raises(sqlite3.OperationalError, match="locked"):
        other.execute("BEGIN IMMEDIATE")
    other.close()


@pytest.mark.usefixtures("impatient")
def test_a_process_of_ours_that_writes_for_too_long(database: Database, path: Path) -> None:
    """The next one gives up; when the first is killed, its turn and its changes are gone."""

    own = Database(f"sqlite:///{path}")
    transaction = own.writing()

    def hang() -> None:
        note(own, 1)
        connection = transaction.__enter__()
        connection.execute(insert(tables.schema_version).values(version=-2))

    with Child(hang), pytest.raises(StoreUnavailable, match="another process"):
        note(database, 3)
    note(database, 3)
    assert notes(database) == 2


@pytest.mark.usefixtures("impatient")
def test_a_thread_of_ours_that_writes_for_too_long(database: Database) -> None:
    """As above, within a process."""
    note(database, 1)
    refused: list[str] = []

    def write() -> None:
        try:
            note(database, 2)
        except StoreUnavailable as error:
            refused.append(str(error))

    with database.writing():
        thread = threading.Thread(target=write)
        thread.start()
        thread.join()
    assert refused == ["another thread of this process is writing for too long"]


@pytest.mark.parametrize("content", [b"no database\n" * 500, b"SQLite format 3\x00" + bytes(5000)])
def test_a_file_that_is_no_database_is_unavailable(
    database: Database, path: Path, content: bytes
) -> None:
    """It is not overwritten either."""
    path.write_bytes(content)
    with pytest.raises(StoreUnavailable):
        note(database, 1)
    with pytest.raises(StoreUnavailable):
        notes(database)
    assert path.read_bytes() == content


def test_a_damaged_store_is_unavailable(database: Database, path: Path) -> None:
    """A page of nonsense in the middle."""
    apply(database, Span("a.j", 0, 10), batch(*(f"p{number:03}" for number in range(500))))
    database.close()
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(path.stat().st_size - 4096))
    with pytest.raises(StoreUnavailable):
        read_ledger(database)
    with pytest.raises(StoreUnavailable):
        apply(database, Span("a.j", 10, 20), batch("p999"))


def test_a_folder_that_cannot_be_made_is_unavailable(tmp_path: Path) -> None:
    """A file stands where the folder should."""
    (tmp_path / "taken").touch()
    database = Database(f"sqlite:///{tmp_path / 'taken' / 's.db'}")
    with pytest.raises(StoreUnavailable, match="taken"):
        note(database, 1)


def test_a_full_disk_is_unavailable(small_disk: SmallDisk) -> None:
    """Nothing is half written; when there is room again, all goes on."""
    database = Database(f"sqlite:///{small_disk.path / 's.db'}")
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


def test_a_fork_leaves_the_parents_connections_alone(database: Database, path: Path) -> None:
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
    with database.reading() as connection:
        assert connection.execute(text("PRAGMA integrity_check")).scalar() == "ok"


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://",
        "sqlite:///",
        "nonsense",
        "postgresql://ann:secret@db/x",
        "mysql://ann:secret@db/x",
    ],
)
def test_a_url_that_cannot_be_used(url: str) -> None:
    """It is refused at once, naming the key and hiding a password."""
    with pytest.raises(ConfigError, match="MLMONITOR_STORE_URL") as refused:
        Database(url)
    assert "secret" not in str(refused.value)


def test_a_reader_before_the_writer_keeps_its_locks(database: Database, path: Path) -> None:
    """Another program that closes the store must not take it for nobody's and drop the WAL."""
    note(database, 1)
    database.close()
    mine = Database(f"sqlite:///{path}")
    assert notes(mine) == 1
    note(mine, 2)
    visit = (
        "import sys; from flask_mlmonitor.store.database import Database; "
        "store = Database(sys.argv[1]); store.prepare(); store.close()"
    )
    subprocess.run([sys.executable, "-c", visit, f"sqlite:///{path}"], check=True, timeout=60)

    note(mine, 3)
    with sqlite3.connect(path) as elsewhere:
        assert elsewhere.execute("SELECT count(*) FROM schema_version").fetchone() == (4,)
    elsewhere.close()
    mine.close()


def test_a_file_that_was_deleted_or_replaced_is_let_go(database: Database, path: Path) -> None:
    """What is written next is in the file that has the name, not in one that nobody can open."""
    note(database, 1)
    for file in path.parent.glob(path.name + "*"):
        file.unlink()
    note(database, 2)
    assert notes(database) == 1

    other = Database(f"sqlite:///{path.with_name('backup.db')}")
    for number in (1, 2, 3):
        note(other, number)
    other.close()
    for end in ("-wal", "-shm"):
        path.with_name(path.name + end).unlink(missing_ok=True)
    path.with_name("backup.db").rename(path)
    assert notes(database) == 3
    note(database, 4)
    assert notes(database) == 4
