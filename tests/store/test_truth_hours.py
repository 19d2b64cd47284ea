"""The ground truth of each hour, added up again when it changes, and only then."""

import random
from collections.abc import Callable

import pytest

from flask_mlmonitor.store.database import Database
from flask_mlmonitor.store.levels import HOUR
from flask_mlmonitor.store.pruning import SUMS_SECONDS, outlived
from flask_mlmonitor.store.truth_hours import changed_hours, refresh_hours, settle_hours
from flask_mlmonitor.store.urls import open_store
from tests.crashing import crashes
from tests.store.truths import (
    FIRST,
    LAYOUT,
    MODEL,
    OTHER,
    assert_no_old_sums,
    expected,
    number_of,
    predict,
    read,
    refresh,
    summary,
    tell,
)
from tests.stores import copy_store

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")


@pytest.fixture
def database(database: Database) -> Database:
    """A store with four predictions in each of six hours, a0 to a3, b0 to b3 and so on."""
    times = {
        f"{letter}{quarter}": FIRST + hour * HOUR + quarter * HOUR / 4
        for hour, letter in enumerate("abcdef")
        for quarter in range(4)
    }
    predict(database, times)
    return database


def changed(database: Database) -> list[int]:
    """Return the numbers of the hours whose truth changed since it was judged."""
    return sorted(map(number_of, changed_hours(database, *MODEL)))


def settle(database: Database) -> None:
    """Note that all changes were judged."""
    judged = changed_hours(database, *MODEL)
    with database.writing() as connection:
        settle_hours(connection, *MODEL, judged)


def prune(database: Database, before: float) -> None:
    """Delete the rows of before an hour."""
    for deletion in outlived(database, FIRST + before * HOUR):
        while deletion.run(database):
            pass


def check(database: Database, start: float = 0, end: float = 6) -> None:
    """Assert that a window holds what its rows do, and that no old sums count as new."""
    assert summary(read(database, start, end).sums) == expected(database, start, end)
    assert_no_old_sums(database)


def test_only_the_hours_whose_truth_changed(database: Database) -> None:
    """The first value, a later one, and one that was there before its prediction."""
    assert refresh(database) == []

    tell(database, {"a0": 1, "a3": 0, "c1": 1, "late": 1, "nobody's": 1})
    assert refresh(database) == [0, 2]
    assert refresh(database) == []
    check(database)

    tell(database, {"c1": 0})
    assert refresh(database) == [2]
    predict(database, {"late": FIRST + 5.5 * HOUR, "later": FIRST + 1.5 * HOUR})
    assert refresh(database) == [5]
    assert refresh(database) == []
    check(database)


def test_the_newest_first(database: Database) -> None:
    """Whoever refreshes a few at a time begins with those that windows end with."""
    tell(database, {"a0": 1, "c0": 1, "e0": 1})

    two = refresh_hours(database, *MODEL, LAYOUT, most=2)
    assert sorted(map(number_of, two)) == [2, 4]
    assert refresh(database) == [0]


def test_of_each_model_alone(database: Database) -> None:
    """A version has hours of its own."""
    tell(database, {"a0": 1})

    assert refresh_hours(database, "fraud", "3", LAYOUT) == []
    assert changed_hours(database, "fraud", "3") == {}
    assert refresh(database) == [0]


def test_of_another_layout(database: Database) -> None:
    """A new baseline has all hours added up again."""
    tell(database, {"a0": 1, "c0": 0})
    refresh(database)

    assert read(database, 0, 6, OTHER).sums.n == 2
    assert refresh(database, OTHER) == [0, 2]
    assert refresh(database, OTHER) == []
    assert read(database, 0, 6, OTHER).sums.n == 2


def test_predictions_without_a_value(database: Database) -> None:
    """Their truth is known, and there is nothing to compare it with."""
    predict(database, {"error": FIRST + 60}, value=None)
    tell(database, {"error": 1, "a0": 1})
    refresh(database)

    sums = read(database, 0, 1).sums
    assert (sums.n, sums.totals.rows) == (1, 2)


def test_an_hour_of_many_rows(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are read and added up in parts, whatever values they hold."""
    monkeypatch.setattr("flask_mlmonitor.store.truth_rows.CHUNK", 3)
    answers = ["1", "0", "0.5", "true", "null", '"a,]\\u0000\\n"', "[1,2]", '{"a":1}', "1e300"]
    for place, answer in enumerate(answers):
        predict(database, {f"z{place}": FIRST + place}, value=answer)
    tell(database, {f"z{place}": (1, 0.5, True, "a,]", 10**18)[place % 5] for place in range(9)})

    assert refresh(database) == [0]
    check(database, 0, 1)
    check(database, 0, 0.001)


def test_what_changed_is_known_until_it_is_judged(database: Database) -> None:
    """Whoever dies between adding up and judging has to judge later."""
    tell(database, {"a0": 1, "c0": 1})
    assert changed(database) == [0, 2]
    refresh(database)
    assert changed(database) == [0, 2]

    judged = changed_hours(database, *MODEL)
    tell(database, {"c1": 1})
    with database.writing() as connection:
        settle_hours(connection, *MODEL, judged)
    assert changed(database) == [2]
    settle(database)
    assert changed(database) == []
    assert refresh(database) == [2]


def test_hours_whose_rows_are_deleted_keep_their_sums(database: Database) -> None:
    """The rest of their rows is not the whole."""
    tell(database, {f"{letter}{number}": 1 for letter in "abc" for number in range(4)})
    refresh(database)
    settle(database)
    tell(database, {"c1": 0})
    prune(database, 1.5)
    tell(database, {"b3": 0})

    assert refresh(database) == [2]
    assert changed(database) == [2]
    window = read(database, 0, 3)
    assert window.left_out == ()
    assert [sums.n for _, sums in window.hours] == [4, 4, 4]
    assert dict(window.sums.confusion) == {("1", "1"): 11, ("0", "1"): 1}


def test_hours_that_nobody_added_up_in_time(database: Database) -> None:
    """They are left out, and the window says so; what is whole is not."""
    tell(database, {"a0": 1, "b3": 1, "c0": 1})
    prune(database, 1.5)

    assert refresh(database) == [2]
    assert refresh(database) == []
    window = read(database, 0, 6)
    assert [number_of(hour) for hour in window.left_out] == [0, 1]
    assert window.sums.n == 1
    assert read(database, 1.5, 6).left_out == ()
    assert read(database, 1.5, 6).sums.n == 2


def test_parts_of_hours_whose_rows_are_deleted(database: Database) -> None:
    """The sums of the whole hour are not those of a part."""
    tell(database, {"a0": 1, "a3": 1, "b0": 1})
    refresh(database)
    prune(database, 0.5)

    window = read(database, 0.25, 2)
    assert [number_of(hour) for hour in window.left_out] == [0]
    assert window.sums.n == 1
    assert read(database, 0, 2).sums.n == 3


def test_sums_outlive_their_rows_by_a_year(database: Database) -> None:
    """Then they go too."""
    tell(database, {"a0": 1, "b0": 1})
    refresh(database)

    prune(database, 6)
    assert read(database, 0, 6).sums.n == 2
    prune(database, SUMS_SECONDS / HOUR + 1)
    assert read(database, 0, 6).sums.n == 1


def test_any_window(database: Database) -> None:
    """Whole hours and parts, refreshed or not, seldom and often told."""
    chance = random.Random(12345)
    keys = [f"{letter}{number}" for letter in "abcdef" for number in range(4)]
    for _ in range(12):
        tell(database, {key: chance.choice([0, 1, 2]) for key in chance.sample(keys, 3)})
        if chance.random() < 0.5:
            refresh_hours(database, *MODEL, LAYOUT, most=chance.choice([1, 6]))
        for _ in range(4):
            start, end = sorted(chance.choice([0, 0.3, 1, 1.75, 3, 4.5, 6]) for _ in range(2))
            check(database, start, end)


ACTS: dict[str, Callable[[Database], object]] = {
    "adding up": refresh,
    "taking truth": lambda database: tell(database, {"a0": 0, "b0": 1}),
    "storing what truth waits for": lambda database: predict(database, {"late": FIRST + HOUR}),
}


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
def test_a_death_at_any_step(
    database: Database,
    store_url: str,
    new_store: Callable[[], str],
    act: Callable[[Database], object],
) -> None:
    """Afterwards the sums are those of the rows, or known to be old."""
    tell(database, {"a0": 1, "a1": 1, "c0": 1})
    refresh(database)
    tell(database, {"a1": 0, "c2": 1, "late": 1})
    database.close()
    victim, died = new_store(), 0
    copy_store(store_url, victim)
    for _ in crashes(lambda: act(open_store(victim)), room="tests.store.truths"):
        died += 1
        store = open_store(victim)
        check(store)
        refresh(store)
        assert assert_no_old_sums(store) == len(read(store, 0, 6).hours)
        store.close()
        copy_store(store_url, victim)
    assert died >= 2
