"""Evaluations in the store."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from flask_mlmonitor.records import Gap
from flask_mlmonitor.stats.cells.quality import FeatureQuality
from flask_mlmonitor.stats.drift.comparing import FeatureDrift
from flask_mlmonitor.stats.drift.distances import psi
from flask_mlmonitor.stats.verdicts.evaluation import Evaluation, Verdict
from flask_mlmonitor.store import tables
from flask_mlmonitor.store.database import Database
from flask_mlmonitor.store.recording import Span, apply
from flask_mlmonitor.store.results import (
    Run,
    WindowKey,
    add_evaluations,
    count_lost,
    first_end,
    last_end,
    read_before,
    read_history,
    read_last_run,
    read_latest,
    read_latest_measured,
)
from tests.store.batches import batch

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
KEY = WindowKey("fraud", "2", "1h")


def evaluation(hour: int = 0, **given: Any) -> Evaluation:
    """One hour's evaluation."""
    end = NOON + timedelta(hours=hour)
    drift = FeatureDrift(
        kind="numeric",
        status="moderate",
        psi=psi([50, 50], [80, 20]),
        n_expected=100,
        n_observed=100,
    )
    fields: dict[str, Any] = {
        **KEY._asdict(),
        "start": end - timedelta(hours=1),
        "end": end,
        "n": 100 + hour,
        "status": "complete",
        "verdict": Verdict("warning", "It drifted."),
        "drift": {"age": drift},
        "quality": {"age": FeatureQuality(n=100, missing=0.25)},
        "since": {"age": end},
    }
    return Evaluation(**fields | given)


def test_what_is_stored_comes_back(database: Database) -> None:
    """Every figure of it."""
    assert add_evaluations(database, [evaluation()]) == [evaluation()]
    assert read_latest(database) == [evaluation()]


def test_a_window_is_stored_once(database: Database) -> None:
    """Whoever comes second is told that it was nothing new."""
    add_evaluations(database, [evaluation(), evaluation(version="3")])

    assert add_evaluations(database, [evaluation(n=7), evaluation(1)]) == [evaluation(1)]
    assert read_before(database, KEY, NOON.timestamp() + 1) == evaluation()


def test_by_hand_it_is_replaced(database: Database) -> None:
    """Who asks again in the same minute wants to see what came meanwhile."""
    add_evaluations(database, [evaluation()])

    assert add_evaluations(database, [evaluation(n=7)], replace=True) == [evaluation(n=7)]
    assert read_latest(database) == [evaluation(n=7)]


def test_the_latest_of_each_window(database: Database) -> None:
    """Of each model, version and length."""
    new = [evaluation(2), evaluation(1, window="6h"), evaluation(version="3")]
    add_evaluations(database, [evaluation(), evaluation(1), *new])

    assert sorted(read_latest(database), key=repr) == sorted(new, key=repr)


def test_the_latest_that_is_measured(database: Database) -> None:
    """The truth of the last windows is yet to come: an earlier one says how good the model is."""
    figures = {"accuracy": 0.9}
    measured = [
        evaluation(2, performance=figures, measured=True),
        evaluation(1, window="6h", performance=figures, measured=True),
    ]
    others = [
        evaluation(3),
        evaluation(1, performance=figures, measured=True),
        evaluation(version="3"),
    ]
    add_evaluations(database, [*measured, *others])

    assert sorted(read_latest_measured(database), key=repr) == sorted(measured, key=repr)


def test_as_of_then(database: Database) -> None:
    """What ended later is left out; what ended first, and next, is found."""
    known = [evaluation(hour, measured=True) for hour in (0, 1, 3)]
    add_evaluations(database, [*known, evaluation(2, window="6h")])
    ends = [one.end.timestamp() for one in known]
    of = (KEY.model, KEY.version)

    assert read_latest(database, of, ends[1]) == [known[1]]
    assert read_latest_measured(database, of, ends[2] - 1) == [known[1]]
    assert read_latest(database, of, ends[0] - 1) == []
    assert first_end(database, of) == ends[0]
    assert first_end(database, of, after=ends[1]) == evaluation(2).end.timestamp()
    assert first_end(database, of, after=ends[1], window=KEY.window) == ends[2]
    assert first_end(database, of, after=ends[2]) is None


def test_who_made_an_evaluation_and_how_it_ended_can_be_queried(database: Database) -> None:
    """Beside its result."""
    new = evaluation(n=7, verdict=Verdict("critical", "It fails."))
    add_evaluations(database, [new, evaluation(1)], epoch=4, seconds=1.5)

    with database.reading() as connection:
        row = connection.execute(select(tables.evaluations).order_by("end")).first()
    assert row is not None
    assert (row.severity, row.n, row.epoch, row.seconds) == ("critical", 7, 4, 1.5)


def test_history(database: Database) -> None:
    """The oldest first, the end included."""
    add_evaluations(database, [evaluation(hour) for hour in (3, 1, 0, 2)])
    add_evaluations(database, [evaluation(1, version="3")])
    start = NOON.timestamp()

    found = read_history(database, KEY, start=start, end=start + 2 * 3600)
    assert found == [evaluation(1), evaluation(2)]
    assert read_before(database, KEY, start) is None
    assert read_before(database, KEY, start + 3 * 3600) == evaluation(2)


def test_when_all_models_were_judged_last(database: Database) -> None:
    """Those evaluated by hand do not count, nor does a model that was left out."""
    add_evaluations(database, [evaluation(1)], epoch=4, seconds=1.5)
    add_evaluations(database, [evaluation(2)], seconds=0.5)
    end = evaluation(1).end.timestamp()

    assert last_end(database, [("fraud", "2")]) == end
    assert last_end(database, [("fraud", "2"), ("churn", "1")]) == 0.0
    assert read_last_run(database) == Run(evaluation(2).end.timestamp(), 0.5)


def test_nothing_is_there_at_first(database: Database) -> None:
    """A new store has no runs."""
    database.prepare()

    assert read_latest(database) == []
    assert read_last_run(database) is None


@pytest.mark.parametrize(
    ("start", "end", "lost"),
    [(0, 100, 0), (100, 160, 5), (170, 190, 12), (190, 400, 7), (310, 400, 0)],
)
def test_gaps_belong_to_the_windows_they_touch(
    database: Database, start: float, end: float, lost: int
) -> None:
    """Wherever in the gap its predictions were."""
    gaps = [Gap(150, 180, 5, "disk_full"), Gap(185, 300, 7, "journal_full")]
    apply(database, Span("s", 0, 1), batch("a", gaps=gaps))

    assert count_lost(database, start, end) == lost
