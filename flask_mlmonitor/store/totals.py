"""The running totals of each model and version."""

from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy import Connection, func

from flask_mlmonitor.clock import Clock, now
from flask_mlmonitor.store import tables
from flask_mlmonitor.store.dialects import insert_into

Owner = tuple[str, str]
"""A model and its version."""


class Added(NamedTuple):
    """What a transaction adds to a model's totals."""

    predictions: int = 0
    answered: int = 0
    ground_truth: int = 0


def add_totals(connection: Connection, added: Mapping[Owner, Added], *, clock: Clock = now) -> None:
    """Add to the totals; the last thing that a transaction does, for others wait for its rows."""
    statement = insert_into(connection, tables.totals)
    new, old = statement.excluded, tables.totals.c
    changed = {name: old[name] + new[name] for name in Added._fields}
    changed["truth_time"] = func.coalesce(new.truth_time, old.truth_time)
    statement = statement.on_conflict_do_update(index_elements=["model", "version"], set_=changed)
    for (model, version), numbers in sorted(added.items()):  # two transactions in one order
        row = {"model": model, "version": version, **numbers._asdict()}
        row["truth_time"] = clock() if numbers.ground_truth else None
        connection.execute(statement, row)
