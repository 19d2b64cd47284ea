"""What people and programs read in the store."""

import pytest

from flask_mlmonitor.exceptions import StoreUnavailable
from flask_mlmonitor.records import Prediction
from flask_mlmonitor.store.database import Database
from flask_mlmonitor.store.levels import DAY, HOUR, floor
from flask_mlmonitor.store.reading import (
    ModelTotals,
    count_by_status,
    count_dead_letters,
    count_pending,
    first_after,
    read_predictions,
    read_totals,
)
from flask_mlmonitor.store.recording import Batch, Span, apply, bury
from flask_mlmonitor.store.truth import Claim, record_ground_truth
from tests.store.batches import NOW, batch, batch_of_rows, row
from tests.store.parts import Book, compact


def test_predictions_come_back_as_they_were(database: Database) -> None:
    """Decoded, the oldest first."""
    rows = [row("p2", time=NOW + 1), row("p3", time=NOW - 1), row("p1", external="order-7")]
    apply(database, Span("a.j", 0, 10), batch_of_rows(rows))
    found = list(read_predictions(database))
    assert [prediction.id for prediction in found] == ["p3", "p1", "p2"]
    assert found[1] == Prediction(
        id="p1",
        external_id="order-7",
        app="shop",
        model="fraud",
        version="2",
        time=NOW,
        features={"amount": 2.5},
        prediction=1,
        probability=0.75,
        latency=0.01,
        source="primary",
        status="success",
    )


def test_reading_may_be_given_up(database: Database) -> None:
    """Whoever wants only the first leaves nothing open."""
    apply(database, Span("a.j", 0, 10), batch("p1", "p2"))
    reader = read_predictions(database)
    assert next(reader).id == "p1"
    reader.close()  # type: ignore[attr-defined]
    apply(database, Span("a.j", 10, 20), batch("p3"))
    assert len(list(read_predictions(database))) == 3


def test_totals_and_coverage(database: Database) -> None:
    """The share with ground truth is one of those that were answered."""
    apply(database, Span("a.j", 0, 10), batch("p1", "p2", "p3", "p4"))
    apply(database, Span("b.j", 0, 10), Batch([], {("fraud", "2"): (6, 0)}, {}, {}))
    apply(database, Span("c.j", 0, 10), Batch([], {("churn", "1"): (5, 0)}, {}, {}))
    record_ground_truth(database, [Claim("p1", 1, NOW)])
    totals = read_totals(database)
    assert totals == [ModelTotals("churn", "1", 5, 0, 0), ModelTotals("fraud", "2", 10, 4, 1)]
    assert [total.coverage for total in totals] == [None, 0.25]


def test_statuses_are_counted(database: Database) -> None:
    """Each of them, even at 0."""
    failed = (*row("p3")[:11], "error", "model_error", None)
    apply(database, Span("a.j", 0, 10), batch_of_rows([row("p1"), row("p2"), failed]))
    assert count_by_status(database) == {
        ("fraud", "2"): {"success": 2, "fallback": 0, "error": 1, "invalid": 0}
    }


def test_what_waits_and_what_was_refused(database: Database) -> None:
    """Ground truth without a prediction, and dead letters."""
    record_ground_truth(database, [Claim("early", 1, NOW), Claim("order", 1, NOW, True)])
    bury(database, Span("a.j", 0, 10), NOW, "no time", b"record")
    assert count_pending(database) == 2
    assert count_dead_letters(database) == 1


def test_nothing_to_read(database: Database) -> None:
    """Before anything was written the store is unavailable; made, it is empty."""
    with pytest.raises(StoreUnavailable):
        read_totals(database)
    database.prepare()
    assert read_totals(database) == []
    assert count_by_status(database) == {}
    assert list(read_predictions(database)) == []


@pytest.mark.parametrize("compacted", [False, True])
def test_the_first_prediction_after_a_moment(database: Database, compacted: bool) -> None:
    """To the next minute, or to the next hour where that is all that is left; of the model."""
    book, start = Book(database), floor(NOW, DAY)
    for hour in (0, 5, 9):
        book.add(start + hour * HOUR + 120, [1, 2])
    if compacted:
        compact(database, NOW + 10 * DAY)
    late = 0 if compacted else 120

    assert first_after(database, "fraud", "2", start) == start + late
    assert first_after(database, "fraud", "2", start + HOUR) == start + 5 * HOUR + late
    assert first_after(database, "fraud", "2", start + 10 * HOUR) is None
    assert first_after(database, "churn", "2", start) is None
