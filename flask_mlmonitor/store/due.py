"""Which evaluations are to be made again, because ground truth of their windows came since.

That an hour's truth changed becomes, in one transaction, that every evaluation of the hour is due;
so it does not matter who makes them again, in how many runs, and who dies meanwhile. What is due
has a number; an evaluation that was made of what it was before the number changed is not kept.
"""

import secrets
from bisect import bisect_right
from collections.abc import Sequence
from math import inf
from typing import Final, NamedTuple

import msgspec
from sqlalchemy import Integer, bindparam, literal_column, select, update

from flask_mlmonitor.stats.verdicts.evaluation import Evaluation
from flask_mlmonitor.store import tables
from flask_mlmonitor.store.database import Database, Readable
from flask_mlmonitor.store.levels import HOUR
from flask_mlmonitor.store.results import columns_of, readable
from flask_mlmonitor.store.truth_hours import changed_hours, settle_hours

TOGETHER: Final = 100
"""Evaluations that are written in one transaction."""

_NUMBER_BITS: Final = 62
_column = tables.evaluations.c
# Asked for each model at each evaluation: to compose them takes longer than to run them.
_OF: Final = (_column.model == bindparam("m"), _column.version == bindparam("v"))
_THIS: Final = (*_OF, _column.window == bindparam("w"), _column.end == bindparam("e"))
_NOT_DUE: Final = literal_column("0", Integer())  # as the index says it
_LATEST: Final = (_column.end.desc(), _column.window)  # all who write lock in one order
_DUE: Final = (
    select(_column.window, _column.end, _column.due)
    .where(*_OF, _column.due > _NOT_DUE)
    .order_by(*_LATEST)
)
_SPANS: Final = (
    select(_column.window, _column.start, _column.end)
    .where(*_OF, _column.end > bindparam("first"), _column.start < bindparam("stop"))
    .order_by(*_LATEST)
)
_RESULT: Final = select(_column.result).where(*_THIS, _column.due == bindparam("d"))
_MAKE_DUE: Final = update(tables.evaluations).where(*_THIS).values(due=bindparam("d"))
_REVISE: Final = update(tables.evaluations).where(*_THIS, _column.due == bindparam("d"))


class Due(NamedTuple):
    """An evaluation that is to be made again; *number* says since which change."""

    window: str
    end: float
    number: int


class Revision(msgspec.Struct, frozen=True):
    """An evaluation that was made again, of the truth that was known when it had this number."""

    evaluation: Evaluation
    number: int


def make_due(database: Database, model: str, version: str) -> int:
    """Let all evaluations be due that hold an hour whose ground truth changed; return how many.

    :raises StoreUnavailable: when the store does not answer.
    """
    changed = changed_hours(database, model, version)
    if not changed:
        return 0
    hours = sorted(changed)
    this = {"m": model, "v": version}
    number = 1 + secrets.randbits(_NUMBER_BITS)
    with database.writing() as connection:
        spans = connection.execute(_SPANS, {**this, "first": hours[0], "stop": hours[-1] + HOUR})
        touched = [
            {**this, "w": window, "e": end, "d": number}
            for window, start, end in spans
            if _next(hours, start - HOUR) < end
        ]
        if touched:
            connection.execute(_MAKE_DUE, touched)
        settle_hours(connection, model, version, changed)
    return len(touched)


def find_due(database: Readable, model: str, version: str) -> list[Due]:
    """Return what is due, the latest first.

    :raises StoreUnavailable: when the store does not answer.
    """
    with database.reading() as connection:
        rows = connection.execute(_DUE, {"m": model, "v": version}).all()
    return [Due(*row) for row in rows]


def read_due(database: Readable, model: str, version: str, due: Due) -> Evaluation | None:
    """Return an evaluation that is due; ``None`` if it is no more, became so again, or is damaged.

    :raises StoreUnavailable: when the store does not answer.
    """
    key = {"m": model, "v": version, "w": due.window, "e": due.end, "d": due.number}
    with database.reading() as connection:
        return next(readable(connection.execute(_RESULT, key).scalars()), None)


def revise(database: Database, revisions: Sequence[Revision]) -> None:
    """Put evaluations in the place of those that were due, which say when they were made.

    Of those that became due again, or are not stored any more, nothing is written.

    :raises StoreUnavailable: when the store does not answer.
    """
    for first in range(0, len(revisions), TOGETHER):
        with database.writing() as connection:
            for one in revisions[first : first + TOGETHER]:
                made = one.evaluation
                key = (made.model, made.version, made.window, made.end.timestamp(), one.number)
                statement = _REVISE.values(**columns_of(made))
                connection.execute(statement, dict(zip("mvwed", key, strict=True)))


def _next(ascending: Sequence[int], after: float) -> float:
    """Return the first number that is greater than *after*; infinity if none."""
    place = bisect_right(ascending, after)
    return ascending[place] if place < len(ascending) else inf
