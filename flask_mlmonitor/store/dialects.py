"""What the databases say differently: all statements that are not the same for each."""

import re
from collections.abc import Sequence
from functools import lru_cache
from importlib import import_module
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Float, Table, literal_column, text
from sqlalchemy.engine import Dialect

from flask_mlmonitor.store import tables

_NUL: Final = re.compile(r"\\(u0000|.)")
_CLOCKS: Final = {
    "sqlite": "(julianday('now') - 2440587.5) * 86400.0",
    # PostgreSQL's now() is when the transaction began.
    "postgresql": "CAST(extract(epoch FROM clock_timestamp()) AS float8)",
}


def insert_into(connection: Connection, table: Table) -> Any:
    """Return an insert that knows what to do on a conflict."""
    return import_module(f"sqlalchemy.dialects.{connection.dialect.name}").insert(table)


def insert_new(connection: Connection, table: Table, rows: Sequence[tuple[Any, ...]]) -> int:
    """Insert many rows, but for those whose key is there; return how many were inserted.

    :param rows: in the order of the table's columns.
    """
    if connection.dialect.name == "sqlite":
        return connection.exec_driver_sql(_one_by_one(table), list(rows)).rowcount
    # All rows are one parameter: no temporary table, and for our process less work than COPY.
    json = msgspec.json.encode(_without_nul(table, rows)).decode()
    return connection.exec_driver_sql(_from_json(table, connection.dialect), (json,)).rowcount


def lock(connection: Connection, name: str, *, shared: bool = False) -> None:
    """Wait until no other transaction holds the lock *name*, and hold it until this one ends.

    :param shared: others that share it may hold it too.
    """
    if connection.dialect.name == "sqlite":  # who writes is alone
        return
    function = "pg_advisory_xact_lock_shared" if shared else "pg_advisory_xact_lock"
    key = "hashtextextended(current_schema() || '.mlmonitor.' || :name, 0)"
    connection.execute(text(f"SELECT {function}({key})"), {"name": name})


def clock(connection: Connection) -> Any:
    """Return the database's clock in seconds since the epoch, for use in a statement."""
    return literal_column(_CLOCKS[connection.dialect.name], Float())


@lru_cache
def _one_by_one(table: Table) -> str:
    values = ", ".join("?" for _ in table.columns)
    return f"INSERT INTO {_names(table)} VALUES ({values}) ON CONFLICT ({_key(table)}) DO NOTHING"


@lru_cache
def _from_json(table: Table, dialect: Dialect) -> str:
    fields = ", ".join(
        f"CAST(one->>{number} AS {column.type.compile(dialect)})"
        for number, column in enumerate(table.columns)
    )
    return (
        f"INSERT INTO {_names(table)} SELECT {fields} FROM jsonb_array_elements(%s::jsonb) AS one "
        f"ON CONFLICT ({_key(table)}) DO NOTHING"
    )


def _names(table: Table) -> str:
    return f"{table.name} ({', '.join(column.name for column in table.columns)})"


def _key(table: Table) -> str:
    return ", ".join(column.name for column in table.primary_key)


def _without_nul(table: Table, rows: Sequence[tuple[Any, ...]]) -> Sequence[tuple[Any, ...]]:
    """Put the replacement character in the place of NUL, which JSONB cannot hold."""
    columns = enumerate(table.columns)
    places = [number for number, column in columns if isinstance(column.type, tables.Json)]
    if not any("\\u0000" in row[place] for row in rows for place in places):
        return rows
    return [
        tuple(
            _NUL.sub(_replaced, value) if number in places else value
            for number, value in enumerate(row)
        )
        for row in rows
    ]


def _replaced(match: re.Match[str]) -> str:
    return "\ufffd" if match[1] == "u0000" else match[0]
