"""A store in PostgreSQL: any number of hosts."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, create_engine, event, exc

from flask_mlmonitor.exceptions import StoreUnavailable
from flask_mlmonitor.store import database
from flask_mlmonitor.store.database import Database
from flask_mlmonitor.store.patience import STATEMENT_SECONDS, Disappointment, patience
from flask_mlmonitor.store.steps import migrate, steps_done

CONNECTION: Final[dict[str, Any]] = {
    "application_name": "flask-mlmonitor",
    "connect_timeout": 3,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": int(1000 * STATEMENT_SECONDS),
    "prepare_threshold": None,  # prepared statements do not outlive a transaction in a pooler
}
"""What a connection is opened with, unless the URL says otherwise."""

BLAMES_VALUES: Final = ("22", "23", "54")
"""The classes of SQLSTATE for data, constraints and limits; anything else may pass by itself."""


class PostgreSQL(Database):
    """The store in a PostgreSQL database.

    :param url: for the driver psycopg.
    """

    def __init__(self, url: URL) -> None:
        self.name = url.render_as_string()
        self._url = url
        self._opening = threading.Lock()
        self._engine: Engine | None = None
        self._done: set[Callable[[Connection], object]] = set()
        self._writes, self._reads = Disappointment(), Disappointment()

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Open a write transaction; others may write at the same time."""
        with self._writes.spared(), self._translated():
            with self._after(migrate).begin() as connection:
                yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Open a read transaction."""
        with self._reads.spared(), self._translated():
            engine = self._after(steps_done).execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )
            with engine.begin() as connection:
                yield connection

    def forget(self) -> None:
        """Drop every connection without closing it: after a fork they belong to the parent."""
        if self._engine is not None:
            self._engine.dispose(close=False)
        self._opening = threading.Lock()

    def close(self) -> None:
        """Close every connection."""
        self._done.clear()
        self._writes.forget()
        self._reads.forget()
        if self._engine is not None:
            self._engine.dispose()

    def _after(self, check: Callable[[Connection], object]) -> Engine:
        """Return the engine, once *check* went well since the server was last away."""
        with self._opening:
            if self._engine is None:
                self._engine = _engine(self._url)
        if check not in self._done:
            with self._engine.begin() as connection:
                check(connection)
            self._done.add(check)
        return self._engine

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except exc.DBAPIError as error:
            if _blames_values(error):
                raise
            self._done.clear()  # who knows what database comes back
            raise StoreUnavailable(str(error.orig).strip()) from error
        except exc.TimeoutError as error:
            raise StoreUnavailable(str(error)) from error


def _engine(url: URL) -> Engine:
    arguments = {name: value for name, value in CONNECTION.items() if name not in url.query}
    engine = create_engine(
        url,
        connect_args=arguments,
        pool_size=1,  # a host has many processes, and few of them write
        max_overflow=4,
        pool_timeout=database.BUSY_SECONDS,
        pool_pre_ping=True,
    )
    event.listen(engine, "do_connect", _connect)
    event.listen(engine, "connect", _read_json_as_text)
    event.listen(engine, "begin", _limit_waiting)
    event.listen(engine, "before_cursor_execute", _ask_for_binary)
    return engine


def _connect(_dialect: Any, _record: Any, arguments: Any, options: Any) -> Any:
    from flask_mlmonitor.store.silence import ImpatientConnection

    return ImpatientConnection.connect(*arguments, **options)


def _read_json_as_text(connection: Any, _record: Any) -> None:
    from psycopg.types.string import TextLoader

    connection.adapters.register_loader("jsonb", TextLoader)


def _ask_for_binary(
    _connection: Connection, cursor: Any, _statement: str, _values: Any, context: Any, _many: bool
) -> None:
    if context.execution_options.get(database.BINARY):
        cursor.format = 1


def _limit_waiting(connection: Connection) -> None:
    # For this transaction alone: a pooler gives the session to somebody else after it.
    statement = int(1000 * patience())
    lock = min(statement, int(1000 * database.BUSY_SECONDS))
    connection.exec_driver_sql(
        f"SELECT set_config('statement_timeout', '{statement}', true), "
        f"set_config('lock_timeout', '{lock}', true), "
        f"set_config('idle_in_transaction_session_timeout', '{statement}', true)"
    )


def _blames_values(error: exc.DBAPIError) -> bool:
    state: str | None = getattr(error.orig, "sqlstate", None)
    if state is None:  # the driver's own: lost connections, or values that it cannot send
        return isinstance(error, exc.DataError | exc.ProgrammingError)
    return state.startswith(BLAMES_VALUES)
