"""Evaluations and their history."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from math import inf
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    bindparam,
    delete,
    func,
    literal_column,
    select,
    true,
    update,
)

from flask_mlmonitor.stats.verdicts.evaluation import Evaluation
from flask_mlmonitor.store import tables
from flask_mlmonitor.store.database import Database, Readable
from flask_mlmonitor.store.dialects import insert_into

_decode = msgspec.json.Decoder(Evaluation).decode


class WindowKey(NamedTuple):
    """Which window of which model."""

    model: str
    version: str
    window: str


# Asked for each window: to compose them takes longer than to run them.
_EVALUATIONS, _GAPS = tables.evaluations.c, tables.gaps.c
_BEFORE: Final = (
    select(_EVALUATIONS.result)
    .where(
        *(_EVALUATIONS[name] == bindparam(name) for name in WindowKey._fields),
        _EVALUATIONS.end < bindparam("before"),
    )
    .order_by(_EVALUATIONS.end.desc())
    .limit(1)
)
_ONE: Final = literal_column("1", Integer())  # as the index says it
_UNTOLD: Final = _EVALUATIONS.told == literal_column("0", Integer())
_LOST: Final = select(func.sum(_GAPS.count)).where(
    _GAPS.start < bindparam("before"), _GAPS.end >= bindparam("since")
)


class Run(NamedTuple):
    """One run of the evaluator: the end of its windows, and its seconds."""

    end: float
    seconds: float


class Untold(NamedTuple):
    """A stored evaluation by which alerts were not decided upon yet.

    :param result: all of it, as it is stored.
    """

    model: str
    version: str
    window: str
    end: float
    result: str

    @property
    def evaluation(self) -> Evaluation:
        """The evaluation.

        :raises msgspec.DecodeError: when it cannot be read.
        """
        return _decode(self.result)


def add_evaluations(
    database: Database,
    evaluations: Sequence[Evaluation],
    *,
    epoch: int = 0,
    seconds: float = 0.0,
    replace: bool = False,
    told: bool = False,
) -> list[Evaluation]:
    """Store evaluations; return those that nobody had stored before.

    What was evaluated by hand, maybe before the window was over, gives way to what is due.

    :param epoch: of the lease under which they were made; 0 for those made by hand.
    :param seconds: how long they took together.
    :param replace: overwrite what is stored of the same windows.
    :param told: leave alerts as they are: what was evaluated is over.
    :raises StoreUnavailable: when the store does not answer.
    """
    with database.writing() as connection:
        if replace or epoch:
            older = () if replace else (_EVALUATIONS.epoch == 0,)
            for one in evaluations:
                connection.execute(delete(tables.evaluations).where(*_same(one), *older))
        return [one for one in evaluations if _add(connection, one, epoch, seconds, told)]


def last_end(database: Database, models: Collection[tuple[str, str]]) -> float:
    """Return the end of the last windows that were judged for all of these models; 0.0 if none.

    :raises StoreUnavailable: when the store does not answer.
    """
    table = tables.evaluations.c
    query = select(table.model, table.version, func.max(table.end)).where(table.epoch > 0)
    with database.reading() as connection:
        rows = connection.execute(query.group_by(table.model, table.version))
        ends = {(model, version): end for model, version, end in rows}
    return min((ends.get(model, 0.0) for model in models), default=0.0)


def read_latest(
    database: Database, of: tuple[str, str] | None = None, until: float | None = None
) -> list[Evaluation]:
    """Return the evaluation of each window of each model and version that ended last.

    :param of: the one model and version to read; default: all.
    :param until: leave out what ended after this time.
    :raises StoreUnavailable: when the store does not answer.
    """
    return _last(database, _of_model(of), until)


def read_latest_measured(
    database: Database, of: tuple[str, str] | None = None, until: float | None = None
) -> list[Evaluation]:
    """Likewise, of those whose performance was measured: the truth of the last ones is yet to come.

    :raises StoreUnavailable: when the store does not answer.
    """
    return _last(database, (_EVALUATIONS.measured == _ONE) & _of_model(of), until)


def read_history(
    database: Database, key: WindowKey, *, start: float, end: float, limit: int | None = None
) -> list[Evaluation]:
    """Return the evaluations of a window that ended in (start, end], the oldest first.

    :param limit: how many at most: the last ones.
    :raises StoreUnavailable: when the store does not answer.
    """
    table = tables.evaluations.c
    query = (
        select(table.result)
        .where(*_of(key), table.end > start, table.end <= end)
        .order_by(table.end.desc())
        .limit(limit)
    )
    with database.reading() as connection:
        texts = connection.execute(query).scalars().all()
    return list(readable(reversed(texts)))


def read_before(database: Readable, key: WindowKey, end: float) -> Evaluation | None:
    """Return the last evaluation of a window that ended before *end*.

    :raises StoreUnavailable: when the store does not answer.
    """
    with database.reading() as connection:
        found = connection.execute(_BEFORE, {**key._asdict(), "before": end}).scalars()
        return next(readable(found), None)


def first_end(
    database: Database, of: tuple[str, str], *, after: float = -inf, window: str | None = None
) -> float | None:
    """Return when the first window ended that ended after a moment; ``None`` if none did.

    :param window: the only one to look at; default: all of the model's.
    :raises StoreUnavailable: when the store does not answer.
    """
    table = tables.evaluations.c
    query = select(func.min(table.end)).where(_of_model(of), table.end > after)
    if window is not None:
        query = query.where(table.window == window)
    with database.reading() as connection:
        return connection.execute(query).scalar()


def read_last_run(database: Database) -> Run | None:
    """Return when the last run was, and how long it took.

    :raises StoreUnavailable: when the store does not answer.
    """
    table = tables.evaluations.c
    query = select(table.end, table.seconds).order_by(table.end.desc(), table.seconds.desc())
    with database.reading() as connection:
        row = connection.execute(query.limit(1)).first()
    return None if row is None else Run(*row)


def read_untold(database: Database, models: Collection[tuple[str, str]]) -> list[Untold]:
    """Return what was evaluated, or evaluated again, since alerts were decided upon.

    :param models: whose, with their versions.
    :return: the oldest first.
    :raises StoreUnavailable: when the store does not answer.
    """
    table = tables.evaluations.c
    query = select(*(table[name] for name in Untold._fields)).where(_UNTOLD).order_by(table.end)
    with database.reading() as connection:
        return [Untold(*row) for row in connection.execute(query) if tuple(row[:2]) in models]


def mark_told(connection: Connection, untold: Iterable[Untold]) -> None:
    """Note that alerts were decided upon by these, in the transaction that stores them.

    One that was evaluated again meanwhile stays as it is.
    """
    table = tables.evaluations
    for one in untold:
        same = [table.c[name] == value for name, value in one._asdict().items()]
        connection.execute(update(table).where(*same).values(told=1))


def readable(results: Iterable[str]) -> Iterator[Evaluation]:
    """Yield evaluations, but for damaged ones: who decides upon alerts has told of them."""
    for result in results:
        with suppress(msgspec.DecodeError):
            yield _decode(result)


def count_lost(database: Readable, start: float, end: float) -> int:
    """Return how many predictions of [start, end) could not be recorded, at least.

    :raises StoreUnavailable: when the store does not answer.
    """
    with database.reading() as connection:
        return int(connection.execute(_LOST, {"since": start, "before": end}).scalar() or 0)


def columns_of(one: Evaluation) -> dict[str, Any]:
    """Return the columns that may become others when a window is judged again."""
    return {
        "start": one.start.timestamp(),
        "n": one.n,
        "status": one.status,
        "severity": one.verdict.severity,
        "measured": int(one.measured),
        "told": 0,
        "due": 0,
        "result": msgspec.json.encode(one).decode(),
    }


def _last(
    database: Database, condition: ColumnElement[bool], until: float | None
) -> list[Evaluation]:
    table = tables.evaluations
    if until is not None:
        condition &= table.c.end <= until
    key = (table.c.model, table.c.version, table.c.window)
    last = select(*key, func.max(table.c.end).label("end")).where(condition).group_by(*key)
    ends = last.subquery()
    same = [table.c[name] == ends.c[name] for name in (*WindowKey._fields, "end")]
    query = select(table.c.result).join(ends, same[0] & same[1] & same[2] & same[3])
    with database.reading() as connection:
        return list(readable(connection.execute(query).scalars()))


def _of_model(of: tuple[str, str] | None) -> ColumnElement[bool]:
    if of is None:
        return true()
    return (_EVALUATIONS.model == of[0]) & (_EVALUATIONS.version == of[1])


def _of(key: WindowKey) -> list[Any]:
    return [tables.evaluations.c[name] == value for name, value in key._asdict().items()]


def _same(one: Evaluation) -> list[Any]:
    key = WindowKey(one.model, one.version, one.window)
    return [*_of(key), tables.evaluations.c.end == one.end.timestamp()]


def _add(connection: Connection, one: Evaluation, epoch: int, seconds: float, told: bool) -> bool:
    table = tables.evaluations
    statement = insert_into(connection, table).on_conflict_do_nothing().returning(table.c.n)
    key = {"model": one.model, "version": one.version, "window": one.window}
    values = {**key, "end": one.end.timestamp(), "epoch": epoch, "seconds": seconds}
    added = connection.execute(statement, values | columns_of(one) | {"told": int(told)})
    return added.first() is not None
