"""Predictions with ground truth in a store, and what their sums should be."""

from collections.abc import Mapping
from itertools import count
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, select

from flask_mlmonitor.stats.performance.truth import TruthLayout, TruthRow, TruthSums
from flask_mlmonitor.store import tables
from flask_mlmonitor.store.database import Database
from flask_mlmonitor.store.levels import HOUR, floor
from flask_mlmonitor.store.recording import Batch, Span, apply
from flask_mlmonitor.store.truth import Claim, record_ground_truth
from flask_mlmonitor.store.truth_hours import refresh_hours
from flask_mlmonitor.store.truth_windows import TruthWindow, read_truth
from tests.store.batches import row

MODEL: Final = ("fraud", "2")
LAYOUT: Final = TruthLayout()
OTHER: Final = TruthLayout(classes=("0", "1"), positive="1")
FIRST: Final = 472_222 * HOUR
"""The first of the hours that the tests are about."""

Summary = tuple[Any, ...]
_segments = count()


def predict(database: Database, times: Mapping[str, float], *, value: str | None = "1") -> None:
    """Store predictions as the drain does, each with its id and its time."""
    rows = [row(key, time=time) for key, time in times.items()]
    rows = [(*one[:7], value, *one[8:]) for one in rows]
    apply(database, Span(f"{next(_segments)}.j", 0, 1), Batch(rows, {MODEL: (1, 1)}, {}, {}))


def tell(database: Database, values: Mapping[str, Any], *, late: float = 60.0) -> None:
    """Record ground truth, known some whole seconds after each of the hours began."""
    record_ground_truth(database, [Claim(key, one, FIRST + late) for key, one in values.items()])


def refresh(database: Database, layout: TruthLayout = LAYOUT) -> list[int]:
    """Refresh the sums; return the numbers of the hours whose sums were written."""
    found = refresh_hours(database, *MODEL, layout)
    return sorted(map(number_of, found))


def number_of(hour: int) -> int:
    """Return which of the hours from the first one on it is."""
    return (hour - FIRST) // HOUR


def read(database: Database, start: float, end: float, layout: TruthLayout = LAYOUT) -> TruthWindow:
    """Read a window whose bounds are given in hours."""
    return read_truth(database, *MODEL, layout, FIRST + start * HOUR, FIRST + end * HOUR)


def summary(sums: TruthSums) -> Summary:
    """Return what is counted in any order alike."""
    return sums.n, sums.totals, sums.delay, dict(sums.confusion)


def expected(database: Database, start: float, end: float) -> Summary:
    """Return what a window should hold, by joining the rows one by one."""
    with database.reading() as connection:
        return _joined(connection, FIRST + start * HOUR, FIRST + end * HOUR)


def assert_no_old_sums(database: Database) -> int:
    """Assert that, at this moment, the sums of no hour are old but count as new.

    Returns how many hours have sums that count as new.
    """
    with database.reading() as connection:
        hours = connection.execute(select(tables.truth_hours)).all()
        new = [one for one in hours if one.summed == one.token]
        for one in new:
            sums = TruthSums.unpack(LAYOUT, one.sums)
            assert summary(sums) == _joined(connection, one.hour, one.hour + HOUR), one
        times = connection.execute(select(tables.ground_truth.c.predicted)).scalars()
        assert {floor(time, HOUR) for time in times} <= {one.hour for one in hours}
    return len(new)


def _joined(connection: Connection, start: float, end: float) -> Summary:
    truths = connection.execute(select(tables.ground_truth)).all()
    stored = {one.id: one for one in connection.execute(select(tables.predictions))}
    pairs = [(stored[one.prediction_id], one) for one in truths if one.prediction_id in stored]
    rows = [_row(*pair) for pair in pairs if start <= pair[0].time < end]
    return summary(TruthSums.of(LAYOUT, rows))


def _row(prediction: Any, truth: Any) -> TruthRow:
    texts = (prediction.prediction, prediction.probability, truth.value)
    value, score, true = (None if text is None else msgspec.json.decode(text) for text in texts)
    return TruthRow(value, score, true, max(0.0, truth.time - prediction.time))
