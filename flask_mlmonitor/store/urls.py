"""Which database a URL means."""

from typing import Final

from sqlalchemy import URL, exc
from sqlalchemy.engine import make_url

from flask_mlmonitor.exceptions import ConfigError
from flask_mlmonitor.store.database import Database
from flask_mlmonitor.store.postgresql import PostgreSQL
from flask_mlmonitor.store.sqlite import SQLite

KEY: Final = "MLMONITOR_STORE_URL"
REMEDY: Final = "set sqlite:///path/to/file or postgresql://user:password@host/database"
POSTGRESQL: Final = ("postgresql", "postgres", "postgresql+psycopg")


def open_store(url: str) -> Database:
    """Return the store behind a URL; it is not connected to before it is used.

    :raises ConfigError: for a URL that cannot be used, or whose driver is not installed.
    """
    try:
        parsed = make_url(url)
    except (exc.ArgumentError, ValueError):  # a port that is no number
        raise ConfigError(KEY, _without_password(url), REMEDY) from None
    if parsed.drivername in POSTGRESQL:
        return _postgresql(parsed)
    if parsed.drivername in ("sqlite", "sqlite+pysqlite") and parsed.database:
        return SQLite(parsed)
    raise ConfigError(KEY, parsed.render_as_string(), REMEDY)


def is_in_memory(url: str) -> bool:
    """Return whether a URL means a SQLite database without a file.

    >>> is_in_memory("sqlite:///:memory:"), is_in_memory("sqlite:///mlmonitor.sqlite3")
    (True, False)
    """
    return url.startswith("sqlite") and (":memory:" in url or "mode=memory" in url)


def _postgresql(url: URL) -> Database:
    if not url.database:
        raise ConfigError(KEY, url.render_as_string(), "name the database behind the last slash")
    try:
        import psycopg  # noqa: F401  without it, or without its libpq, nothing works
    except ImportError as error:
        reason = str(error).strip().splitlines()[0]
        remedy = f"{reason}: pip install 'flask-mlmonitor[postgresql]'"
        raise ConfigError(KEY, url.render_as_string(), remedy) from None
    return PostgreSQL(url.set(drivername="postgresql+psycopg"))


def _without_password(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    return f"{scheme}{separator}***@{rest.rpartition('@')[2]}" if "@" in rest else url
