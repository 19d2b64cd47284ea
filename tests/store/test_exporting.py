"""Pages of predictions with their ground truth, from each database."""

from typing import Any

import pytest

from flask_mlmonitor.store import exporting
from flask_mlmonitor.store.database import Database
from flask_mlmonitor.store.exporting import Selection, count, read_pages
from flask_mlmonitor.store.recording import Span, apply
from flask_mlmonitor.store.truth import Claim, record_ground_truth
from tests.store.batches import NOW, batch_of_rows, row


@pytest.fixture
def filled(database: Database) -> Database:
    """Seven predictions, of which five are of one moment; two have ground truth."""
    rows = [row(f"p{number}", time=NOW) for number in (3, 1, 4, 0, 2)]
    rows += [row("late", time=NOW + 2), row("early", external="order-7", time=NOW - 2)]
    apply(database, Span("s", 0, 10), batch_of_rows(rows))
    record_ground_truth(database, [Claim("p1", "yes", NOW + 60), Claim("late", 0.5, NOW + 60)])
    return database


def ids(database: Database, **selected: Any) -> list[str]:
    """Return the ids of a selection, in the order that they come in."""
    selection = Selection(**selected)
    found = [one.prediction_id for page in read_pages(database, selection) for one in page]
    assert count(database, selection) == len(found)
    return found


@pytest.mark.parametrize("page", [1, 2, 3, 7, 100])
def test_pages(filled: Database, monkeypatch: pytest.MonkeyPatch, page: int) -> None:
    """By time, then by id: each once, however many of one moment lie on a page's border."""
    monkeypatch.setattr(exporting, "PAGE", page)

    assert ids(filled) == ["early", "p0", "p1", "p2", "p3", "p4", "late"]
    assert max(len(found) for found in read_pages(filled, Selection())) <= page


def test_a_prediction(filled: Database) -> None:
    """All that is stored of it, and its ground truth."""
    ((early, _, p1, *_),) = read_pages(filled, Selection())

    assert tuple(early)[:6] == ("early", "order-7", "shop", "fraud", "2", NOW - 2)
    assert tuple(early)[7:] == ("1", "0.75", 0.01, "primary", "success", *[None] * 4)
    assert early.features.replace(" ", "") == '{"amount":2.5}'
    assert (p1.ground_truth, p1.ground_truth_time) == ('"yes"', NOW + 60)


def test_selections(filled: Database) -> None:
    """By model, version, time and status; the end is not included."""
    assert ids(filled, since=NOW, until=NOW + 2) == ["p0", "p1", "p2", "p3", "p4"]
    assert ids(filled, since=NOW + 2) == ["late"]
    assert len(ids(filled, model="fraud", version="2", statuses=["success", "error"])) == 7
    assert ids(filled, statuses=["error"]) == []
    assert ids(filled, model="churn") == ids(filled, version="1") == []


def test_predictions_that_come_meanwhile(filled: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reader holds no transaction between two pages, so the drain goes on."""
    monkeypatch.setattr(exporting, "PAGE", 3)
    pages = read_pages(filled, Selection())
    next(pages)
    apply(filled, Span("s", 10, 20), batch_of_rows([row("new", time=NOW + 1)]))

    assert [one.prediction_id for page in pages for one in page] == [
        *("p2", "p3", "p4", "new", "late")
    ]
