"""Ground truth comes while its hour is added up, by several evaluators at once, which may die."""

import random
import threading
from collections.abc import Callable, Sized
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import count
from typing import Any, Final

import pytest

from flask_mlmonitor.store.database import Database
from flask_mlmonitor.store.levels import HOUR
from flask_mlmonitor.store.reading import count_pending
from flask_mlmonitor.store.truth_hours import changed_hours, settle_hours
from flask_mlmonitor.store.truth_rows import add_up
from flask_mlmonitor.store.urls import open_store
from tests.processes import Child
from tests.store.truths import (
    FIRST,
    MODEL,
    assert_no_old_sums,
    expected,
    predict,
    read,
    refresh,
    summary,
    tell,
)

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")

KEYS: Final = [f"p{number}" for number in range(40)]
HOURS: Final = 4
SECONDS: Final = 60.0


@pytest.fixture
def filled(store_url: str) -> str:
    """The URL of a store with predictions in each of four hours, and truth for half of them."""
    database = open_store(store_url)
    with closing(database):
        predict(database, {key: FIRST + place * HOUR / 10 for place, key in enumerate(KEYS)})
        tell(database, dict.fromkeys(KEYS[::2], 1))
    return store_url


def check(database: Database) -> None:
    """Assert that, once all is refreshed, the sums are those of the rows."""
    while refresh(database):
        pass
    assert assert_no_old_sums(database) == HOURS
    assert summary(read(database, 0, HOURS).sums) == expected(database, 0, HOURS)


def test_truth_that_comes_while_its_hour_is_added_up(
    filled: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sums are not written, and the hour stays among those to be added up."""
    database, turns = open_store(filled), count()

    def disturbed(*arguments: Any) -> Any:
        sums = add_up(*arguments)
        if next(turns) == 0:
            tell(database, {KEYS[-1]: 0})
        return sums

    monkeypatch.setattr("flask_mlmonitor.store.truth_hours.add_up", disturbed)
    with closing(database):
        assert refresh(database) == [0, 1, 2]
        assert assert_no_old_sums(database) == HOURS - 1
        assert refresh(database) == [3]
        check(database)


def test_an_evaluator_that_is_overtaken(filled: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it had read before newer truth came does not replace what another wrote of that."""
    database, slow = open_store(filled), open_store(filled)
    turns = count()

    def overtaken(*arguments: Any) -> Any:
        sums = add_up(*arguments)
        if next(turns) == 0:
            tell(database, {KEYS[-1]: 0})
            refresh(database)
        return sums

    monkeypatch.setattr("flask_mlmonitor.store.truth_hours.add_up", overtaken)
    with closing(database), closing(slow):
        assert refresh(slow) == [0, 1, 2]
        assert assert_no_old_sums(database) == HOURS
        check(database)


def test_judged_while_more_truth_comes(filled: str) -> None:
    """What came meanwhile is judged too."""
    database = open_store(filled)
    with closing(database):
        judged = changed_hours(database, *MODEL)
        tell(database, {KEYS[0]: 0})
        with database.writing() as connection:
            settle_hours(connection, *MODEL, judged)
        assert list(changed_hours(database, *MODEL)) == [FIRST]


def test_everybody_at_once(filled: str) -> None:
    """Two hosts take ground truth, one stores predictions that it waits for, two add up."""
    done, gate = threading.Event(), threading.Barrier(6)
    early = [f"early{number}" for number in range(30)]

    def tell_some(store: Database, seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(40):
            tell(store, {key: chance.choice([0, 1, 2]) for key in chance.sample(KEYS, 2)})

    def predict_some(store: Database) -> None:
        tell(store, dict.fromkeys(early, 1))
        for place, key in enumerate(early):
            predict(store, {key: FIRST + place % HOURS * HOUR + place})

    def again_and_again(store: Database, work: Callable[[Database], Sized | int]) -> int:
        return sum(1 for _ in iter(done.is_set, True) if work(store))

    def on_a_host(work: Callable[..., Any], *given: Any) -> Any:
        store = open_store(filled)
        with closing(store):
            gate.wait()
            return work(store, *given)

    with ThreadPoolExecutor(6) as pool:
        tellers = [pool.submit(on_a_host, tell_some, seed) for seed in (1, 2)]
        tellers.append(pool.submit(on_a_host, predict_some))
        others = [
            pool.submit(on_a_host, again_and_again, work)
            for work in (refresh, refresh, assert_no_old_sums)
        ]
        try:
            for one in tellers:
                one.result(SECONDS)
        finally:
            done.set()
        assert any([one.result(SECONDS) for one in others]), "nobody met: this proves nothing"
    database = open_store(filled)
    with closing(database):
        assert count_pending(database) == 0
        check(database)


def test_an_evaluator_is_killed_again_and_again(filled: str) -> None:
    """While truth comes and another evaluator works: whatever the dead one had begun."""
    database = open_store(filled)
    database.close()

    def work() -> None:
        store = open_store(filled)
        refresh(store)
        in_the_background(lambda _: refresh(store))

    for turn in range(12):
        with Child(work), closing(open_store(filled)) as store:
            for place in range(turn % 4 + 1):
                tell(store, {KEYS[turn + place]: turn})
            refresh(store)
        assert_no_old_sums(database)
        database.close()
    with closing(database):
        check(database)


def test_a_teller_is_killed_again_and_again(filled: str) -> None:
    """What was not acknowledged may be there or not; the sums are of what is there."""
    database = open_store(filled)
    database.close()

    def work() -> None:
        store = open_store(filled)
        tell(store, {KEYS[0]: 0})
        in_the_background(lambda turn: tell(store, {KEYS[turn % len(KEYS)]: turn}))

    for _ in range(6):
        with Child(work), closing(open_store(filled)) as store:
            refresh(store)
        assert_no_old_sums(database)
        database.close()
    with closing(database):
        check(database)


def in_the_background(act: Callable[[int], object]) -> None:
    """Do it again and again, for as long as the process lives."""

    def forever() -> None:
        for turn in count():
            act(turn)

    threading.Thread(target=forever, daemon=True).start()
