"""The running totals of each model and version."""

from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy import Connection

from flask_mlmonitor.store import tables
from flask_mlmonitor.store.dialects import insert_into

Owner = tuple[str, str]
"""A model and its version."""


class Added(NamedTuple):
    """What a transaction adds to a model's totals."""

    predictions: int = 0
    answered: int = 0
    ground_truth: int = 0


def add_totals(connection: Connection, added: Mapping[Owner, Added]) -> None:
    """Add to the totals; the last thing that a transaction does, for others wait for its rows."""
    statement = insert_into(connection, tables.totals)
    new, old = statement.excluded, tables.totals.c
    statement = statement.on_conflict_do_update(
        index_elements=["model", "version"],
        set_={name: old[name] + new[name] for name in Added._fields},
    )
    for (model, version), numbers in sorted(added.items()):  # two transactions in one order
        row = {"model": model, "version": version, **numbers._asdict()}
        connection.execute(statement, row)
