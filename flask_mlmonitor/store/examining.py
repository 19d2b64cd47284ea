"""What the store knows of things that went wrong."""

from typing import Any

from sqlalchemy import func, select

from flask_mlmonitor.clock import Clock, now
from flask_mlmonitor.store import tables
from flask_mlmonitor.store.database import Database
from flask_mlmonitor.store.dialects import clock


def is_local(database: Database) -> bool:
    """Return whether the store is a file of this host's."""
    return database.folder is not None


def clock_skew(database: Database, ours: Clock = now) -> float:
    """Return how many seconds the store's clock is ahead of this host's."""
    with database.reading() as connection:
        before = ours()
        theirs = connection.execute(select(clock(connection))).scalar_one()
        return float(theirs) - (before + ours()) / 2


def count_missing(database: Database, since: float) -> dict[str, int]:
    """Return how many predictions could not be recorded after a time, by the reason."""
    gaps = tables.gaps.c
    query = select(gaps.reason, func.sum(gaps.count)).where(gaps.end >= since)
    with database.reading() as connection:
        found = connection.execute(query.group_by(gaps.reason).order_by(gaps.reason)).all()
    return {reason: int(number) for reason, number in found}


def count_waiting(database: Database, before: float) -> int:
    """Return how many values of ground truth have waited for their prediction since a time."""
    pending = tables.pending_ground_truth
    query: Any = select(func.count()).select_from(pending).where(pending.c.received < before)
    with database.reading() as connection:
        number: int = connection.execute(query).scalar_one()
    return number
