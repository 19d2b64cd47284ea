"""Predictions joined with their ground truth, and the sums over them."""

from collections.abc import Iterator, Sequence
from functools import reduce
from operator import add
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, bindparam, select

from flask_mlmonitor.stats.performance.truth import TruthLayout, TruthRow, TruthSums
from flask_mlmonitor.store import tables
from flask_mlmonitor.store.totals import Owner

CHUNK: Final = 5000
"""Rows that are held in memory at once."""

_truth, _prediction = tables.ground_truth.c, tables.predictions.c
_ROWS: Final = (
    select(
        _prediction.prediction,
        _prediction.probability,
        _truth.value,
        _truth.time - _truth.predicted,
    )
    .join_from(tables.ground_truth, tables.predictions, _prediction.id == _truth.prediction_id)
    .where(
        _truth.model == bindparam("model"),
        _truth.version == bindparam("version"),
        _truth.predicted >= bindparam("start"),
        _truth.predicted < bindparam("end"),
    )
)


def add_up(
    connection: Connection, owner: Owner, layout: TruthLayout, start: float, end: float
) -> TruthSums:
    """Return the sums over the predictions of [start, end) whose ground truth is known."""
    parts = (TruthSums.of(layout, rows) for rows in _chunks(connection, owner, start, end))
    first = next(parts, None)
    return TruthSums.of(layout, ()) if first is None else reduce(add, parts, first)


def _chunks(
    connection: Connection, owner: Owner, start: float, end: float
) -> Iterator[list[TruthRow]]:
    model, version = owner
    values = {"model": model, "version": version, "start": start, "end": end}
    with connection.execute(_ROWS, values, execution_options={"yield_per": CHUNK}) as found:
        for part in found.partitions():
            predictions, probabilities, truths, delays = zip(*part, strict=True)
            columns = (*map(_decoded, (predictions, probabilities, truths)), delays)
            yield [
                TruthRow(prediction, probability, value, max(0.0, delay))
                for prediction, probability, value, delay in zip(*columns, strict=True)
            ]


def _decoded(texts: Sequence[str | None]) -> list[Any]:
    """Decode JSON, all by one call."""
    decoded: list[Any] = msgspec.json.decode(
        f"[{','.join('null' if text is None else text for text in texts)}]"
    )
    return decoded
