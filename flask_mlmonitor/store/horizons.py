"""From when on all predictions of a model are kept: the sums of older rows are not the whole."""

from math import ceil
from typing import Final

from sqlalchemy import Connection, bindparam, func, select

from flask_mlmonitor.store import tables
from flask_mlmonitor.store.dialects import insert_into
from flask_mlmonitor.store.totals import Owner

_NONE_YET: Final = -(2**62)
_column = tables.horizons.c

HORIZON: Final = select(func.coalesce(func.max(_column.time), _NONE_YET)).where(
    _column.model == bindparam("m"), _column.version == bindparam("v")
)
"""The horizon of a model and version, in seconds since the epoch."""


def raise_horizon(connection: Connection, owner: Owner, time: float) -> None:
    """Note that predictions of before *time* are deleted; in the transaction that deletes them."""
    model, version = owner
    statement = insert_into(connection, tables.horizons)
    statement = statement.on_conflict_do_update(
        index_elements=["model", "version"],
        set_={"time": statement.excluded.time},
        where=_column.time < statement.excluded.time,
    )
    connection.execute(statement, {"model": model, "version": version, "time": ceil(time)})
