"""A store in a file: one writer at a time on a host, any number of readers."""

import errno
import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine, event, exc

from flask_mlmonitor._folders import make_private
from flask_mlmonitor.exceptions import StoreUnavailable
from flask_mlmonitor.store import database
from flask_mlmonitor.store.database import Database
from flask_mlmonitor.store.locks import holders
from flask_mlmonitor.store.patience import Disappointment, patience
from flask_mlmonitor.store.steps import migrate, steps_done


class SQLite(Database):
    """The store in a SQLite file.

    SQLite allows one writer; every write transaction of this host holds one file lock as well,
    so there is never more than one connection writing or checkpointing (older SQLite versions
    can corrupt their WAL otherwise).

    :param url: of the file.
    """

    def __init__(self, url: URL) -> None:
        self.path = Path(url.database or "")
        self.name = str(self.path)
        self.folder = self.path.parent
        self._url = url
        self._lock_path = self.path.with_name(self.path.name + ".lock")
        self._threads = threading.Lock()
        self._meeting = threading.Lock()
        self._opening = threading.Lock()
        self._fd = -1
        self._folder_fd = -1
        self._existed = False
        self._deadline = 0.0
        self._writes, self._reads = Disappointment(), Disappointment()
        self._writer: Engine | None = None
        self._reader: Engine | None = None
        self._file: tuple[int, int] | None = None

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Open a write transaction, when it is this one's turn."""
        with self._writes.spared(), self._translated(), self._turn():
            with self._opening:
                self._follow()
            if self._writer is None:
                self._writer = self._open()
            with self._writer.begin() as connection:
                yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Open a read transaction; it waits for no writer."""
        with self._reads.spared(), self._translated():
            with self._opening:
                self._follow()
                if self._reader is None:
                    self._reader = self._open_reader()
                reader = self._reader
            with reader.begin() as connection:
                yield connection

    def exists(self) -> bool:
        """Return whether the file is there with its tables, or was: then it is away, not empty.

        Who has asked knows the folder, and makes no other in its place.
        """
        if not self._existed:
            with self._meeting, suppress(OSError):
                if self._folder_fd < 0:
                    self._folder_fd = _open_folder(self.path.parent)
            self._existed = self.path.exists()
        return self._existed and super().exists()

    def forget(self) -> None:
        """Drop every connection without closing it: after a fork they belong to the parent."""
        self._writes, self._reads = Disappointment(), Disappointment()
        for engine in (self._writer, self._reader):
            if engine is not None:
                engine.dispose(close=False)
        for fd in (self._fd, self._folder_fd):
            with suppress(OSError):  # there is none, or the parent was about to close it
                os.close(fd)
        self._fd = self._folder_fd = -1
        self._threads = threading.Lock()
        self._meeting, self._opening = threading.Lock(), threading.Lock()
        self._writer = self._reader = None

    def close(self) -> None:
        """Close every connection."""
        self._writes.forget()
        self._reads.forget()
        fd, self._folder_fd = self._folder_fd, -1
        if fd >= 0:
            os.close(fd)
        self._disconnect()

    def _disconnect(self) -> None:
        for engine in (self._reader, self._writer):  # the last one takes the WAL with it
            if engine is not None:
                engine.dispose()
        self._writer = self._reader = None

    def _follow(self) -> None:
        """Let go of a file that was deleted or replaced: what is written to it is lost."""
        if self._file is not None and self._file != _identity(self.path):
            self._disconnect()
            self._file = None

    def _open(self) -> Engine:
        _create(self.path)
        self._file = _identity(self.path)
        engine = _engine(self._url, self._begin)
        event.listen(engine, "connect", _prepare)
        return _tried(engine, migrate)

    def _open_reader(self) -> Engine:
        path = quote(str(self.path.absolute()))
        self._file = _identity(self.path)
        url = URL.create("sqlite", database=f"file:{path}", query={"mode": "ro", "uri": "true"})
        return _tried(_engine(url, lambda: ("BEGIN",)), steps_done)

    def _begin(self) -> Iterable[str]:
        left = max(0.0, self._deadline - time.monotonic())
        return f"PRAGMA busy_timeout = {int(1000 * left)}", "BEGIN IMMEDIATE"

    @contextmanager
    def _turn(self) -> Iterator[None]:
        seconds = min(database.BUSY_SECONDS, patience())
        deadline = time.monotonic() + seconds
        if not self._threads.acquire(timeout=seconds):
            raise StoreUnavailable("another thread of this process is writing for too long")
        try:
            self._deadline = deadline
            self._enter_folder()
            self._fd = os.open(self._lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                self._wait_for_lock()
                yield
            finally:
                fd, self._fd = self._fd, -1
                os.close(fd)
        finally:
            self._threads.release()

    def _enter_folder(self) -> None:
        """Make the folder, but not in the place of one that was moved, or whose disk is away.

        It may come back: what is written to another one meanwhile would be gone then.
        """
        with self._meeting:
            if self._folder_fd < 0:
                make_private(self.path.parent)
                self._folder_fd = _open_folder(self.path.parent)
        known = os.fstat(self._folder_fd)
        if _identity(self.path.parent) == (known.st_dev, known.st_ino):
            return
        if known.st_nlink:
            raise StoreUnavailable(
                f"the folder {self.folder} was moved, or its disk is away: bring it back, or "
                f"restart the app to begin a new store there"
            )
        os.close(self._folder_fd)  # it was deleted
        self._folder_fd = -1
        self._enter_folder()

    def _wait_for_lock(self) -> None:
        while True:
            try:
                fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > self._deadline:
                    raise StoreUnavailable(f"it is locked{self._by_whom()}") from None
                time.sleep(0.005)
            else:
                return

    def _by_whom(self) -> str:
        others = holders(self._lock_path, self.path, self.path.with_name(self.path.name + "-shm"))
        return f" by process {', '.join(map(str, others))}" if others else ""

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except exc.DatabaseError as error:
            # Of the rest, the bare class says that the file is damaged or no database at all; its
            # other children blame the statement or its values.
            if not (isinstance(error, exc.OperationalError) or type(error) is exc.DatabaseError):
                raise
            reason = str(error.orig)
            raise StoreUnavailable(
                reason + self._by_whom() if "locked" in reason else reason
            ) from error
        except (OSError, exc.TimeoutError) as error:
            raise StoreUnavailable(str(error)) from error


def _open_folder(path: Path) -> int:
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


def _create(path: Path) -> None:
    """Make an empty file that only its owner can read, where there is none.

    It gets its name when it is closed: closing any descriptor of a file drops the locks that
    SQLite holds on it in this process, and without them another process deletes the WAL.
    """
    if path.is_dir():  # SQLite would only say that it cannot open it
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if path.exists():
        return
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    os.close(os.open(new, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    try:
        with suppress(FileExistsError):
            os.link(new, path)
    finally:
        new.unlink()


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _prepare(connection: Any, _record: Any) -> None:
    # A commit is on the disk before the journal's segment goes away: hence FULL.
    for pragma in ("journal_mode=WAL", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}").close()


def _engine(url: URL, begin: Callable[[], Iterable[str]]) -> Engine:
    def start(connection: Connection) -> None:
        for statement in begin():
            connection.exec_driver_sql(statement)

    # Without an isolation level the driver begins nothing by itself.
    arguments = {"isolation_level": None, "timeout": database.BUSY_SECONDS}
    engine = create_engine(url, connect_args=arguments)
    event.listen(engine, "begin", start)
    return engine


def _tried(engine: Engine, first: Callable[[Connection], object]) -> Engine:
    try:
        with engine.begin() as connection:
            first(connection)
    except BaseException:
        engine.dispose()
        raise
    return engine
