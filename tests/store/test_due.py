"""Evaluations that are due: which, since when, and what of them is kept."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from flask_mlmonitor.stats.verdicts.evaluation import Evaluation, Verdict
from flask_mlmonitor.store.database import Database
from flask_mlmonitor.store.due import Revision, find_due, make_due, read_due, revise
from flask_mlmonitor.store.levels import HOUR
from flask_mlmonitor.store.results import add_evaluations, read_history, read_latest
from flask_mlmonitor.store.truth_hours import changed_hours, mark_changed
from tests.store.test_results import KEY, NOON, evaluation

MODEL = ("fraud", "2")


def change(database: Database, *hours: float) -> None:
    """Note that the truth of predictions changed, in hours after noon."""
    times = [NOON.timestamp() + hour * HOUR for hour in hours]
    with database.writing() as connection:
        mark_changed(connection, [(*MODEL, time) for time in times])


def due(database: Database) -> list[tuple[str, float]]:
    """Return window and end of what is due, in hours after noon."""
    found = find_due(database, *MODEL)
    return [(one.window, (one.end - NOON.timestamp()) / HOUR) for one in found]


@pytest.mark.parametrize(
    ("hours", "ends"),
    [((), []), ((-3,), []), ((-1,), [0.5]), ((0,), [1.5, 0.5]), ((-1, 2), [2.5, 0.5]), ((3,), [])],
)
def test_what_holds_an_hour_is_due(
    database: Database, hours: tuple[int, ...], ends: list[float]
) -> None:
    """Also what holds a part of it; nothing of another model or version."""
    halves = [NOON + timedelta(hours=half + 0.5) for half in range(3)]
    stored = [evaluation(start=end - timedelta(hours=1), end=end) for end in halves]
    add_evaluations(database, [*stored, evaluation(model="churn"), evaluation(version="3")])
    change(database, *hours)

    assert make_due(database, *MODEL) == len(ends)
    assert due(database) == [("1h", end) for end in ends]
    assert changed_hours(database, *MODEL) == {}
    assert find_due(database, "churn", "2") == find_due(database, "fraud", "3") == []


def test_windows_of_all_lengths_are_due(database: Database) -> None:
    """The latest first, whoever configures them now."""
    day = evaluation(5, window="24h", start=NOON - timedelta(hours=19))
    add_evaluations(database, [evaluation(), day, evaluation(6)])
    change(database, -0.5)
    make_due(database, *MODEL)

    assert due(database) == [("24h", 5), ("1h", 0)]


def again(database: Database) -> list[Revision]:
    """Make again what is due."""
    made = []
    for one in find_due(database, *MODEL):
        known = read_due(database, *MODEL, one)
        assert known is not None
        made.append(Revision(replace(known, n=7, verdict=Verdict("ok", "Again.")), one.number))
    return made


def texts(database: Database) -> list[str]:
    """Return what is said of each window."""
    found: list[Evaluation] = read_history(database, KEY, start=0, end=NOON.timestamp() + 1e6)
    return [one.verdict.text for one in found]


def test_what_was_made_again_is_due_no_more(database: Database) -> None:
    """It stands in the place of what it was made of."""
    add_evaluations(database, [evaluation(), evaluation(1)], epoch=4)
    change(database, -0.5)
    make_due(database, *MODEL)
    revise(database, again(database))

    assert texts(database) == ["Again.", "It drifted."]
    assert due(database) == []
    assert make_due(database, *MODEL) == 0


def test_who_was_overtaken_writes_nothing(database: Database) -> None:
    """Two evaluators make the same again, and more truth came in between."""
    add_evaluations(database, [evaluation()])
    change(database, -0.5)
    make_due(database, *MODEL)
    old, *_ = find_due(database, *MODEL)
    slow = again(database)
    change(database, -0.5)
    make_due(database, *MODEL)
    revise(database, slow)

    assert texts(database) == ["It drifted."]
    assert read_due(database, *MODEL, old) is None
    revise(database, again(database))
    revise(database, slow)
    assert due(database) == []


def test_what_is_not_stored_any_more_stays_away(database: Database) -> None:
    """Nothing comes back."""
    revise(database, [Revision(evaluation(), 1)])

    assert read_latest(database) == []


def test_truth_that_changes_meanwhile_makes_it_due_again(database: Database) -> None:
    """However often."""
    add_evaluations(database, [evaluation()])
    change(database, -0.5)
    make_due(database, *MODEL)
    change(database, -0.5)
    revise(database, again(database))

    assert make_due(database, *MODEL) == 1
