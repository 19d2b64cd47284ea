"""What is in the store, for people and programs."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import func, select

from flask_mlmonitor.records import STATUSES, Prediction
from flask_mlmonitor.store import tables
from flask_mlmonitor.store.database import Database, Readable
from flask_mlmonitor.store.levels import DAY, HOUR, MINUTE


class ModelTotals(NamedTuple):
    """All that was ever counted for one model and version.

    :param answered: stored predictions with a value: successes and fallbacks.
    :param ground_truth: those whose ground truth came.
    """

    model: str
    version: str
    predictions: int
    answered: int
    ground_truth: int

    @property
    def coverage(self) -> float | None:
        """The share of answered predictions whose ground truth came."""
        return self.ground_truth / self.answered if self.answered else None


def read_totals(database: Readable) -> list[ModelTotals]:
    """Return the totals of every model and version."""
    columns = (tables.totals.c[name] for name in ModelTotals._fields)
    query = select(*columns).order_by("model", "version")
    with database.reading() as connection:
        return [ModelTotals(*row) for row in connection.execute(query)]


def first_after(database: Database, model: str, version: str, time: float) -> float | None:
    """Return when a model was asked for the first prediction since *time*, to the next bucket.

    :param time: seconds since the epoch.
    :return: ``None`` when it was not.
    :raises StoreUnavailable: when the store does not answer.
    """
    column = tables.rollups.c
    of_model = (column.model == model, column.version == version)
    firsts = [
        select(func.min(column.bucket))
        .where(column.level == level, column.folded == folded, *of_model, column.bucket >= time)
        .scalar_subquery()
        for level in (MINUTE, HOUR, DAY)
        for folded in (0, 1)
    ]
    with database.reading() as connection:
        found = connection.execute(select(*firsts)).one()
    return min((float(first) for first in found if first is not None), default=None)


def read_truth_times(database: Database) -> dict[tuple[str, str], float]:
    """Return when ground truth came last, by model and version; in seconds since the epoch."""
    column = tables.totals.c
    query = select(column.model, column.version, column.truth_time)
    with database.reading() as connection:
        rows = connection.execute(query.where(column.truth_time.is_not(None)))
        return {(model, version): time for model, version, time in rows}


def count_by_status(database: Database) -> dict[tuple[str, str], dict[str, int]]:
    """Return how many stored predictions of each model and version have each status."""
    column = tables.predictions.c
    query = select(column.model, column.version, column.status, func.count()).group_by(
        column.model, column.version, column.status
    )
    counts: dict[tuple[str, str], dict[str, int]] = {}
    with database.reading() as connection:
        for model, version, status, number in connection.execute(query):
            of_model = counts.setdefault((model, version), dict.fromkeys(STATUSES, 0))
            of_model[status] = number
    return counts


def count_pending(database: Database) -> int:
    """Return how many values of ground truth wait for their prediction."""
    return _count(database, tables.pending_ground_truth)


def count_dead_letters(database: Database) -> int:
    """Return how many records the store refused."""
    return _count(database, tables.dead_letters)


def read_predictions(database: Database) -> Iterator[Prediction]:
    """Yield every stored prediction, oldest first."""
    query = select(tables.predictions).order_by("time", "id")
    with database.reading() as connection:
        with connection.execution_options(yield_per=1000).execute(query) as found:
            yield from map(_prediction, found.mappings())


def _count(database: Database, table: Any) -> int:
    with database.reading() as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()


def _prediction(row: Any) -> Prediction:
    values = {name: row[name] for name in Prediction.__struct_fields__}
    for name in ("features", "prediction", "probability"):
        values[name] = None if row[name] is None else msgspec.json.decode(row[name])
    return Prediction(**values)
