"""What goes when its time is over: rows by the retention, old rollups and old messages."""

from collections.abc import Callable
from functools import partial
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Table, case, delete, func, select, tuple_

from flask_mlmonitor.store import tables
from flask_mlmonitor.store.database import Database
from flask_mlmonitor.store.horizons import raise_horizon
from flask_mlmonitor.store.levels import DAY, KEPT_SECONDS, first_kept

CHUNK: Final = 1000
"""Rows deleted in one transaction: what the drain may have to wait for."""

SUMS_SECONDS: Final = 365 * DAY
"""How much longer than its rows the sums of an hour's ground truth are kept."""

OUTBOX_SECONDS: Final = 7 * DAY
"""How long messages are kept; those wait no longer whose channel is not there any more."""
INCIDENT_SECONDS: Final = 90 * DAY
"""How long it is known who was told of an incident, so that its end is told to them."""

HISTORY_SECONDS: Final = 90 * DAY
"""How long it is known what happened to alerts, and when retraining was recommended."""

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
    :param note: what is written down in the transaction of a chunk.
    """

    what: str
    table: Table
    conditions: tuple[Any, ...]
    note: Callable[[Connection], object] | None = None

    def run(self, database: Database) -> bool:
        """Delete a chunk in a transaction of its own; return whether there may be more."""
        return self.delete(database) == CHUNK

    def delete(self, database: Database) -> int:
        """Delete a chunk in a transaction of its own; return how many rows went."""
        key = tuple_(*self.table.primary_key.columns)
        these = select(*self.table.primary_key.columns).where(*self.conditions).limit(CHUNK)
        with database.writing() as connection:
            number = connection.execute(delete(self.table).where(key.in_(these))).rowcount
            if number and self.note is not None:
                self.note(connection)
        return number

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
    sums = tables.truth_hours.c.hour < before - SUMS_SECONDS
    with database.reading() as connection:
        owners = connection.execute(select(tables.totals.c.model, tables.totals.c.version)).all()
    return [
        *(
            Deletion(
                "predictions",
                predictions,
                (*_of(predictions, owner), predictions.c.time < before),
                partial(raise_horizon, owner=tuple(owner), time=before),
            )
            for owner in owners
        ),
        *(
            Deletion("ground_truth", truth, (*_of(truth, owner), truth.c.predicted < before))
            for owner in owners
        ),
        *(Deletion(what, table, (time < before,)) for what, table, time in _AGES),
        Deletion("truth_hours", tables.truth_hours, (sums,)),
    ]


def worn_out(now: float) -> list[Deletion]:
    """Return the deletions of what has an age of its own, whatever the retention.

    Those are messages, histories, and rollups that the next level contains.
    """
    column = tables.rollups.c
    outbox = tables.outbox.c
    told = (outbox.state == "delivered") & (outbox.action == "trigger")
    ages = (
        (tables.outbox, outbox.created, case((told, INCIDENT_SECONDS), else_=OUTBOX_SECONDS)),
        (tables.alert_history, tables.alert_history.c.time, HISTORY_SECONDS),
        (tables.retraining_history, tables.retraining_history.c.time, HISTORY_SECONDS),
    )
    return [
        Deletion(table.name, table, (time < now - seconds,)) for table, time, seconds in ages
    ] + [
        Deletion(
            "rollups",
            tables.rollups,
            (column.level == level, column.folded == 1, column.bucket < first_kept(level, now)),
        )
        for level in KEPT_SECONDS
    ]


def _of(table: Table, owner: Any) -> tuple[Any, ...]:
    return table.c.model == owner.model, table.c.version == owner.version
