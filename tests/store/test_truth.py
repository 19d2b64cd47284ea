"""Ground truth finds its prediction, whichever comes first."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from flask_mlmonitor.exceptions import StoreUnavailable
from flask_mlmonitor.store import tables
from flask_mlmonitor.store.database import Database
from flask_mlmonitor.store.reading import count_pending
from flask_mlmonitor.store.recording import Span, apply
from flask_mlmonitor.store.truth import Claim, Matched, Verdict, record_ground_truth
from tests.ledgers import read_ledger
from tests.store.batches import NOW, batch, batch_of_rows, row

LATER = NOW + 3600


def record(database: Database, *claims: Claim) -> list[str]:
    """Record ground truth; return what became of each."""
    return [verdict.result for verdict in record_ground_truth(database, claims)]


def predict(database: Database, *keys: str, external: str | None = None) -> list[Matched]:
    """Store predictions; return the ground truth that had waited for them."""
    segment = f"{keys[0]}.j"
    return apply(
        database, Span(segment, 0, 10), batch_of_rows([row(key, external=external) for key in keys])
    )


def truths(database: Database) -> dict[str, Any]:
    """Return the values of ground truth as they are stored."""
    columns = tables.ground_truth.c
    with database.reading() as connection:
        found = connection.execute(select(columns.prediction_id, columns.value)).all()
    return {key: value for key, value in found}


def with_truth(database: Database) -> int:
    """Return how many predictions the totals know to have ground truth."""
    return read_ledger(database).in_totals[2]


def test_after_its_prediction(database: Database) -> None:
    """It is accepted, with the time it took to become known."""
    predict(database, "p1", "p2")
    verdicts = record_ground_truth(database, [Claim("p2", 1, LATER)], clock=lambda: LATER + 5)
    assert verdicts == [Verdict("accepted", Matched("p2", "fraud", "2", LATER - NOW))]
    assert with_truth(database) == 1
    with database.reading() as connection:
        stored = connection.execute(select(tables.ground_truth)).one()
    assert tuple(stored) == ("p2", "fraud", "2", NOW, "1", LATER, LATER + 5)


def test_before_its_prediction(database: Database) -> None:
    """It waits, and the prediction finds it when it is stored: once."""
    assert record(database, Claim("p1", "yes", LATER)) == ["pending"]
    assert count_pending(database) == 1
    assert truths(database) == {}

    assert predict(database, "p0") == []
    assert predict(database, "p1", "p2") == [Matched("p1", "fraud", "2", LATER - NOW)]
    assert count_pending(database) == 0
    assert truths(database) == {"p1": '"yes"'}
    assert with_truth(database) == 1

    assert predict(database, "p3") == []
    assert record(database, Claim("p1", "no", LATER)) == ["updated"]
    assert with_truth(database) == 1


def test_twice(database: Database) -> None:
    """The later value counts, and the prediction still counts once."""
    predict(database, "p1")
    assert record(database, Claim("p1", 0, LATER)) == ["accepted"]
    assert record(database, Claim("p1", 1, LATER + 9)) == ["updated"]
    assert truths(database) == {"p1": "1"}
    assert with_truth(database) == 1


def test_twice_at_once(database: Database) -> None:
    """Within one call the second updates the first too."""
    predict(database, "p1")
    claims = [Claim("p1", 0, LATER), Claim("p1", 1, LATER)]
    assert record(database, *claims) == ["accepted", "updated"]
    assert truths(database) == {"p1": "1"}
    assert with_truth(database) == 1


def test_twice_before_its_prediction(database: Database) -> None:
    """The later value waits in the earlier one's place."""
    claims = [Claim("p1", 0, LATER), Claim("p1", 1, LATER + 9)]
    assert record(database, *claims) == ["pending", "pending"]
    assert count_pending(database) == 1
    assert predict(database, "p1") == [Matched("p1", "fraud", "2", LATER + 9 - NOW)]
    assert truths(database) == {"p1": "1"}


def test_for_a_prediction_that_nobody_made(database: Database) -> None:
    """It waits, and disturbs no other."""
    predict(database, "p1")
    claims = [Claim("nobody's", 1, LATER), Claim("p1", 1, LATER)]
    assert record(database, *claims) == ["pending", "accepted"]
    assert count_pending(database) == 1


def test_by_the_callers_id(database: Database) -> None:
    """Where one prediction has it."""
    predict(database, "p1", external="order-7")
    assert record(database, Claim("order-7", 1, LATER, external=True)) == ["accepted"]
    assert record(database, Claim("order-7", 0, LATER, external=True)) == ["updated"]
    assert truths(database) == {"p1": "0"}


def test_the_callers_id_is_not_ours(database: Database) -> None:
    """Each kind of id is looked for among its own."""
    predict(database, "p1", external="p2")
    assert record(database, Claim("p2", 1, LATER)) == ["pending"]
    assert record(database, Claim("p1", 1, LATER, external=True)) == ["pending"]
    assert truths(database) == {}


def test_by_an_id_that_several_predictions_have(database: Database) -> None:
    """A retried request made two predictions: it is invalid, and says why."""
    predict(database, "p1", external="order-7")
    predict(database, "p2", external="order-7")
    (verdict,) = record_ground_truth(database, [Claim("order-7", 1, LATER, external=True)])
    assert verdict.result == "invalid"
    assert verdict.error is not None
    assert "2 predictions" in verdict.error
    assert "'order-7'" in verdict.error
    assert truths(database) == {}
    assert count_pending(database) == 0


def test_by_the_callers_id_and_row(database: Database) -> None:
    """A batch's values go to its rows; the eleventh is not the first."""
    keys = [f"b:{number}" for number in range(12)]
    predict(database, *keys, external="order-7")
    claims = [Claim("order-7", number, LATER, True, number) for number in (1, 11, 12)]
    assert record(database, *claims) == ["accepted", "accepted", "pending"]
    assert truths(database) == {"b:1": "1", "b:11": "11"}


def test_by_the_callers_id_before_its_prediction(database: Database) -> None:
    """A whole batch's values wait for it."""
    record(database, *(Claim("order-7", number, LATER, True, number) for number in range(3)))
    record(database, Claim("order-8", 8, LATER, True))
    assert len(predict(database, "b:0", "b:1", "b:2", external="order-7")) == 3
    assert len(predict(database, "p1", external="order-8")) == 1
    assert truths(database) == {"b:0": "0", "b:1": "1", "b:2": "2", "p1": "8"}
    assert count_pending(database) == 0
    assert with_truth(database) == 4


def test_by_an_id_that_turns_out_to_be_several_predictions(database: Database) -> None:
    """It is nobody's: it goes on waiting."""
    record(database, Claim("order-7", 1, LATER, True))
    assert predict(database, "p1", "p2", external="order-7") == []
    assert truths(database) == {}
    assert count_pending(database) == 1


def test_by_both_ids_before_its_prediction(database: Database) -> None:
    """The prediction counts once among those with ground truth."""
    record(database, Claim("p1", 1, LATER), Claim("order-7", 1, LATER, True))
    assert predict(database, "p1", external="order-7") == [Matched("p1", "fraud", "2", LATER - NOW)]
    assert count_pending(database) == 0
    assert with_truth(database) == 1


def test_known_before_it_was_predicted(database: Database) -> None:
    """Clocks differ between hosts: a delay is never negative."""
    predict(database, "p1")
    (verdict,) = record_ground_truth(database, [Claim("p1", 1, NOW - 50)])
    assert verdict.matched is not None
    assert verdict.matched.delay == 0
    record(database, Claim("p2", 1, NOW - 50))
    assert predict(database, "p2") == [Matched("p2", "fraud", "2", 0)]


@pytest.mark.parametrize(
    ("value", "stored"),
    [(True, "true"), (0, "0"), (2.5, "2.5"), (10**30, "1" + 30 * "0"), ("Zürich", '"Zürich"')],
)
def test_values_are_stored_as_json(database: Database, value: Any, stored: str) -> None:
    """The same whether they waited or not."""
    predict(database, "p1")
    record(database, Claim("p1", value, LATER), Claim("p2", value, LATER))
    predict(database, "p2")
    assert truths(database) == {"p1": stored, "p2": stored}


def test_more_than_one_statement_can_hold(database: Database) -> None:
    """Thousands of values in one call, half of them early."""
    keys = [f"p{number:04}" for number in range(2400)]
    apply(database, Span("a.j", 0, 10), batch(*keys[:1200]))
    claims = [Claim(key, 1, LATER) for key in keys]
    assert record(database, *claims) == ["accepted"] * 1200 + ["pending"] * 1200
    assert len(apply(database, Span("b.j", 0, 10), batch(*keys[1200:]))) == 1200
    assert len(truths(database)) == 2400
    assert with_truth(database) == 2400


def test_all_of_a_call_or_nothing(database: Database) -> None:
    """Whatever is wrong with one of its values."""
    predict(database, "p1")
    broken = [Claim("p1", 1, LATER), Claim("early", 1, LATER), Claim("p1", object(), LATER)]
    with pytest.raises(TypeError):
        record_ground_truth(database, broken)
    assert truths(database) == {}
    assert count_pending(database) == 0
    assert with_truth(database) == 0


def test_nothing_is_recorded_while_the_store_is_away(sqlite: Database, path: Path) -> None:
    """The caller is told, and tries again later."""
    predict(sqlite, "p1")
    sqlite.close()
    path.rename(path.with_suffix(".away"))
    path.mkdir()
    claims = [Claim("p1", 1, LATER), Claim("early", 1, LATER)]
    with pytest.raises(StoreUnavailable):
        record_ground_truth(sqlite, claims)
    path.rmdir()
    path.with_suffix(".away").rename(path)
    assert record(sqlite, *claims) == ["accepted", "pending"]
