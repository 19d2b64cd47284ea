"""Predictions with their ground truth, page by page."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from sqlalchemy import and_, func, or_, select

from flask_mlmonitor.store import tables
from flask_mlmonitor.store.database import Database

PAGE: Final = 5000


class Stored(NamedTuple):
    """A prediction and its ground truth as the store keeps them; times are in seconds.

    :param features: JSON, as are *prediction*, *probability* and *ground_truth*.
    """

    prediction_id: str
    external_id: str | None
    app: str
    model: str
    version: str
    time: float
    features: str
    prediction: str | None
    probability: str | None
    latency: float | None
    source: str
    status: str
    error_type: str | None
    fallback_reason: str | None
    ground_truth: str | None
    ground_truth_time: float | None


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which predictions: ``None`` and nothing mean all.

    :param since: seconds since the epoch, included.
    :param until: not included.
    """

    model: str | None = None
    version: str | None = None
    since: float | None = None
    until: float | None = None
    statuses: Sequence[str] = ()


def read_pages(database: Database, selection: Selection) -> Iterator[list[Stored]]:
    """Yield the predictions by model, version and time, in pages of at most :data:`PAGE`.

    Each page is a short transaction of its own, found by the key behind the last one: however
    long the reader takes, nobody waits for it.
    """
    for model, version in _owners(database, selection):
        last: Stored | None = None
        while True:
            query = _page(selection, model, version, last)
            with database.reading() as connection:
                page = [Stored(*row) for row in connection.execute(query)]
            if page:
                yield page
            if len(page) < PAGE:
                break
            last = page[-1]


def count(database: Database, selection: Selection) -> int:
    """Return how many predictions there are now."""
    number = 0
    for model, version in _owners(database, selection):
        query = select(func.count()).where(*_conditions(selection, model, version))
        with database.reading() as connection:
            number += connection.execute(query).scalar_one()
    return number


def _owners(database: Database, selection: Selection) -> Sequence[Any]:
    column = tables.totals.c
    query = select(column.model, column.version).order_by(column.model, column.version)
    if selection.model is not None:
        query = query.where(column.model == selection.model)
    if selection.version is not None:
        query = query.where(column.version == selection.version)
    with database.reading() as connection:
        return connection.execute(query).all()


def _page(selection: Selection, model: str, version: str, last: Stored | None) -> Any:
    column, truth = tables.predictions.c, tables.ground_truth
    own = (column[name] for name in Stored._fields[1:-2])
    query = (
        select(column.id, *own, truth.c.value, truth.c.time)
        .select_from(tables.predictions.outerjoin(truth, truth.c.prediction_id == column.id))
        .where(*_conditions(selection, model, version))
        .order_by(column.time, column.id)
        .limit(PAGE)
    )
    if last is None:
        return query
    behind = or_(
        column.time > last.time, and_(column.time == last.time, column.id > last.prediction_id)
    )
    return query.where(column.time >= last.time, behind)


def _conditions(selection: Selection, model: str, version: str) -> Iterator[Any]:
    column = tables.predictions.c
    yield column.model == model
    yield column.version == version
    if selection.since is not None:
        yield column.time >= selection.since
    if selection.until is not None:
        yield column.time < selection.until
    if selection.statuses:
        yield column.status.in_(selection.statuses)
