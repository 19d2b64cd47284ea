"""The numbered steps that bring a store's tables up to this version."""

from collections.abc import Callable
from typing import Final

from sqlalchemy import Connection, func, insert, inspect, select

from flask_mlmonitor.exceptions import SchemaTooNew
from flask_mlmonitor.store import tables
from flask_mlmonitor.store.dialects import lock


def _create_tables(connection: Connection) -> None:
    tables.METADATA.create_all(connection)


STEPS: Final[tuple[Callable[[Connection], None], ...]] = (_create_tables,)


def steps_done(connection: Connection) -> int:
    """Return how many steps this store has seen.

    :raises SchemaTooNew: when a later version of flask-mlmonitor made the tables.
    """
    version = tables.schema_version
    if not inspect(connection).has_table(version.name):
        return 0
    done = connection.execute(select(func.max(version.c.version))).scalar() or 0
    if done > len(STEPS):
        raise SchemaTooNew(
            f"The store's tables are of version {done}, this flask-mlmonitor knows version "
            f"{len(STEPS)}: upgrade flask-mlmonitor, or point MLMONITOR_STORE_URL elsewhere."
        )
    return done


def migrate(connection: Connection) -> None:
    """Run the steps that this store has not seen yet, inside the caller's transaction.

    :raises SchemaTooNew: when a later version of flask-mlmonitor made the tables.
    """
    if steps_done(connection) == len(STEPS):
        return
    lock(connection, "schema")
    done = steps_done(connection)  # another process may have been at it
    for number, step in enumerate(STEPS[done:], done + 1):
        step(connection)
        connection.execute(insert(tables.schema_version).values(version=number))
