"""What goes when its time is over: rows by the retention, old rollups and old messages."""

from typing import Any, Final, NamedTuple

from sqlalchemy import Table, delete, func, select, tuple_

from flask_mlmonitor.store import tables
from flask_mlmonitor.store.database import Database
from flask_mlmonitor.store.levels import DAY, KEPT_SECONDS, first_kept

CHUNK: Final = 1000
"""Rows deleted in one transaction: what the drain may have to wait for."""

OUTBOX_SECONDS: Final = 7 * DAY
"""How long messages are shown, and how long those wait whose channel is not there any more."""

_AGES: Final = (
    ("pending_ground_truth", tables.pending_ground_truth, tables.pending_ground_truth.c.received),
    ("gaps", tables.gaps, tables.gaps.c.end),
    ("dead_letters", tables.dead_letters, tables.dead_letters.c.time),
    ("evaluations", tables.evaluations, tables.evaluations.c.end),
    ("segment_offsets", tables.segment_offsets, tables.segment_offsets.c.removed),
)


class Deletion(NamedTuple):
    """Rows that go, a chunk at a time.

    :param what: their name for people.
    """

    what: str
    table: Table
    conditions: tuple[Any, ...]

    def run(self, database: Database) -> bool:
        """Delete a chunk in a transaction of its own; return whether there may be more."""
        return self.delete(database) == CHUNK

    def delete(self, database: Database) -> int:
        """Delete a chunk in a transaction of its own; return how many rows went."""
        key = tuple_(*self.table.primary_key.columns)
        these = select(*self.table.primary_key.columns).where(*self.conditions).limit(CHUNK)
        with database.writing() as connection:
            return connection.execute(delete(self.table).where(key.in_(these))).rowcount

    def count(self, database: Database) -> int:
        """Return how many rows there are to delete."""
        query = select(func.count()).select_from(self.table).where(*self.conditions)
        with database.reading() as connection:
            return connection.execute(query).scalar_one()


def outlived(database: Database, before: float) -> list[Deletion]:
    """Return the deletions, in this order, of what is older than *before*.

    A prediction goes before its ground truth: what comes for it in between finds no prediction,
    and is not counted a second time.
    """
    predictions, truth = tables.predictions, tables.ground_truth
    with database.reading() as connection:
        owners = connection.execute(select(tables.totals.c.model, tables.totals.c.version)).all()
    by_owner = (("predictions", predictions, "time"), ("ground_truth", truth, "predicted"))
    return [
        Deletion(
            what,
            table,
            (table.c.model == model, table.c.version == version, table.c[time] < before),
        )
        for what, table, time in by_owner
        for model, version in owners
    ] + [Deletion(what, table, (time < before,)) for what, table, time in _AGES]


def worn_out(now: float) -> list[Deletion]:
    """Return the deletions of old messages, and of old rollups that the next level contains."""
    column = tables.rollups.c
    old = tables.outbox.c.created < now - OUTBOX_SECONDS
    return [Deletion("outbox", tables.outbox, (old,))] + [
        Deletion(
            "rollups",
            tables.rollups,
            (column.level == level, column.folded == 1, column.bucket < first_kept(level, now)),
        )
        for level in KEPT_SECONDS
    ]
