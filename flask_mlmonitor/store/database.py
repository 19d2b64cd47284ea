"""Connections to the store: one writer at a time on a host, any number of readers."""

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event, exc
from sqlalchemy.engine import make_url

from flask_mlmonitor.exceptions import ConfigError, StoreUnavailable
from flask_mlmonitor.store.steps import migrate

BUSY_SECONDS: Final = 5.0
"""How long a transaction waits for its turn before the store counts as unavailable."""


class Database:
    """The store behind a URL.

    SQLite allows one writer; every write transaction of this host holds one file lock as well,
    so there is never more than one connection writing or checkpointing (older SQLite versions
    can corrupt their WAL otherwise).

    :param url: a SQLAlchemy URL of a SQLite file.
    :raises ConfigError: for a URL that cannot be used.
    """

    def __init__(self, url: str) -> None:
        parsed = _parse(url)
        self.path = Path(parsed.database or "")
        self._url = parsed
        self._lock_path = self.path.with_name(self.path.name + ".lock")
        self._threads = threading.Lock()
        self._fd = -1
        self._writer: Engine | None = None
        self._reader: Engine | None = None

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Open a write transaction; it commits at the end of the block.

        :raises StoreUnavailable: when the store does not answer or is busy for too long.
        """
        with _translated(), self._turn():
            if self._writer is None:
                self._writer = self._open()
            with self._writer.begin() as connection:
                yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Open a read transaction: it sees one state of the store and can change nothing.

        :raises StoreUnavailable: when the store does not answer, or nothing was ever written.
        """
        with _translated():
            if self._reader is None:
                self._reader = create_engine(
                    f"sqlite:///file:{self.path}?mode=ro&uri=true",
                    connect_args={"isolation_level": None, "timeout": BUSY_SECONDS},
                )
                event.listen(self._reader, "begin", _begin("BEGIN"))
            with self._reader.begin() as connection:
                yield connection

    def forget(self) -> None:
        """Drop every connection without closing it: after a fork they belong to the parent."""
        for engine in (self._writer, self._reader):
            if engine is not None:
                engine.dispose(close=False)
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        self._threads = threading.Lock()
        self._writer = self._reader = None

    def close(self) -> None:
        """Close every connection."""
        for engine in (self._writer, self._reader):
            if engine is not None:
                engine.dispose()
        self._writer = self._reader = None

    def _open(self) -> Engine:
        os.close(_open_private(self.path))
        engine = create_engine(
            self._url, connect_args={"isolation_level": None, "timeout": BUSY_SECONDS}
        )
        event.listen(engine, "connect", _prepare)
        event.listen(engine, "begin", _begin("BEGIN IMMEDIATE"))
        with engine.begin() as connection:
            migrate(connection)
        return engine

    @contextmanager
    def _turn(self) -> Iterator[None]:
        deadline = time.monotonic() + BUSY_SECONDS
        if not self._threads.acquire(timeout=BUSY_SECONDS):
            raise StoreUnavailable("another thread of this process is writing for too long")
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._fd = _open_private(self._lock_path)
            try:
                _wait_for_lock(self._fd, deadline)
                yield
            finally:
                os.close(self._fd)
                self._fd = -1
        finally:
            self._threads.release()


def _open_private(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _parse(url: str) -> Any:
    try:
        parsed = make_url(url)
    except exc.ArgumentError:
        raise ConfigError("MLMONITOR_STORE_URL", url, "set sqlite:///path/to/file") from None
    if parsed.get_backend_name() != "sqlite" or not parsed.database:
        shown = parsed.render_as_string(hide_password=True)
        remedy = "set sqlite:///path/to/file; other databases are not supported yet"
        raise ConfigError("MLMONITOR_STORE_URL", shown, remedy)
    return parsed


def _prepare(connection: Any, _record: Any) -> None:
    # A commit is on the disk before the journal's segment goes away: hence FULL.
    for pragma in ("journal_mode=WAL", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin(statement: str) -> Any:
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql(statement)

    return begin


def _wait_for_lock(fd: int, deadline: float) -> None:
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise StoreUnavailable("another process is writing for too long") from None
            time.sleep(0.005)
        else:
            return


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except exc.OperationalError as error:
        raise StoreUnavailable(str(error.orig)) from error
    except OSError as error:
        raise StoreUnavailable(str(error)) from error
