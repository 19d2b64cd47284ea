"""Compaction changes how rollups are stored, and never what they add up to."""

import os
import random
from collections import Counter
from collections.abc import Callable

import pytest
from sqlalchemy import func, select

from flask_mlmonitor.store import tables
from flask_mlmonitor.store.compaction import GRACE_SECONDS, Fold, Merge, find_fresh, find_late
from flask_mlmonitor.store.database import Database
from flask_mlmonitor.store.levels import DAY, HOUR, KEPT_SECONDS, MINUTE
from flask_mlmonitor.store.pruning import worn_out
from flask_mlmonitor.store.urls import open_store
from tests.crashing import crashes
from tests.processes import Child
from tests.store.batches import BINNING
from tests.store.parts import OTHER, Book, compact
from tests.stores import copy_store

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")

TODAY = 19_676 * DAY
NOW = TODAY + 13 * HOUR + 30 * MINUTE
EVER = (TODAY - 200 * DAY, TODAY + DAY)


@pytest.fixture
def book(database: Database) -> Book:
    """The rollups of a model."""
    return Book(database)


def rows(database: Database) -> dict[tuple[int, int], int]:
    """Count the rows of each level, folded or not."""
    column = tables.rollups.c
    query = select(column.level, column.folded, func.count()).group_by(column.level, column.folded)
    with database.reading() as connection:
        return {(level, folded): number for level, folded, number in connection.execute(query)}


def test_the_parts_of_a_minute_become_one(book: Book) -> None:
    """Once it is over, and the grace too."""
    over = NOW - MINUTE - GRACE_SECONDS
    for bucket in (int(over), int(over) + MINUTE):
        for amount in range(3):
            book.add(bucket, [amount])
    compact(book.database, NOW)
    assert rows(book.database) == {(MINUTE, 0): 4}
    book.check(TODAY, NOW, now=NOW)


def test_hours_and_days_stand_beside_the_minutes(book: Book) -> None:
    """What is contained in the next level says so, and stays readable."""
    for hour in (-3, -2, 1):
        for minute in (0, 30):
            book.add(TODAY + hour * HOUR + minute * MINUTE, [minute])
    compact(book.database, NOW)
    assert rows(book.database) == {(MINUTE, 1): 6, (HOUR, 1): 2, (HOUR, 0): 1, (DAY, 0): 1}
    book.check(TODAY - DAY, TODAY, TODAY + DAY, now=NOW)
    book.check(TODAY - 3 * HOUR, TODAY - 2 * HOUR, TODAY + HOUR, TODAY + 2 * HOUR, now=NOW)
    book.check(TODAY - 3 * HOUR + 30 * MINUTE, TODAY - 2 * HOUR + 30 * MINUTE, now=NOW)


def test_an_hour_is_not_closed_before_its_grace_is_over(book: Book) -> None:
    """A drain that is a little late must not make a second part."""
    book.add(TODAY, [1])
    compact(book.database, TODAY + HOUR + GRACE_SECONDS - 1)
    assert rows(book.database) == {(MINUTE, 0): 1}
    compact(book.database, TODAY + HOUR + GRACE_SECONDS)
    assert rows(book.database) == {(MINUTE, 1): 1, (HOUR, 0): 1}


def test_late_parts_just_add(book: Book) -> None:
    """They are read at once, and in the end there is one row of each level again."""
    bucket = TODAY - DAY
    for amount in range(4):
        book.add(bucket, [amount, amount])
        book.check(bucket, bucket + MINUTE, bucket + HOUR, bucket + DAY, now=NOW)
        compact(book.database, NOW)
        book.check(bucket, bucket + MINUTE, bucket + HOUR, bucket + DAY, now=NOW)
    assert rows(book.database) == {(MINUTE, 1): 1, (HOUR, 1): 1, (DAY, 0): 1}


def test_nothing_is_done_twice(book: Book) -> None:
    """A compactor that was overtaken finds nothing to claim."""
    for minute in range(3):
        book.add(TODAY + minute * MINUTE, [1])
        book.add(TODAY + minute * MINUTE, [2])
    steps = find_fresh(book.database, NOW)
    assert [type(step) for step in steps] == [Merge, Merge, Merge, Fold]
    for step in [*steps, *steps]:
        step.run(book.database)
        book.check(TODAY, TODAY + HOUR, now=NOW)
    assert compact(book.database, NOW) == 0


def test_old_minutes_and_hours_go(book: Book) -> None:
    """Days do not, and what is not folded yet does not either."""
    for age in (0, 3 * DAY, 100 * DAY):
        book.add(TODAY - age, [1])
    for deletion in worn_out(NOW):
        assert not deletion.run(book.database)
    assert rows(book.database) == {(MINUTE, 0): 3}
    compact(book.database, NOW)
    assert rows(book.database) == {(MINUTE, 1): 1, (HOUR, 0): 1, (HOUR, 1): 1, (DAY, 0): 2}
    book.check(*EVER, now=NOW)


def test_levels_last_as_long_as_promised() -> None:
    """Two days of minutes, ninety of hours."""
    assert KEPT_SECONDS == {MINUTE: 2 * DAY, HOUR: 90 * DAY}


def some_bounds(choose: random.Random, current: int) -> list[int]:
    """Choose bounds that are at least an hour apart, so that no window vanishes."""
    hours = choose.sample(range(current - 3 * DAY, current, 2 * HOUR), 4)
    return sorted(hour - hour % HOUR + choose.choice([0, 7 * MINUTE]) for hour in hours)


@pytest.mark.parametrize("seed", range(2))
def test_a_window_is_the_sum_of_its_parts_at_every_moment(book: Book, seed: int) -> None:
    """Parts come early and late, steps are taken in any order, and time goes by."""
    choose = random.Random(seed)
    current = NOW
    for _ in range(30):
        age = choose.choice([10 * MINUTE, 3 * HOUR, 2 * DAY, 100 * DAY])
        bucket = current - choose.randrange(age // MINUTE) * MINUTE
        for _ in range(choose.randrange(1, 3)):
            book.add(bucket, [choose.randrange(9)], choose.choice([BINNING, OTHER]))
        steps = [*find_fresh(book.database, current), *find_late(book.database, current)]
        for step in choose.sample(steps, min(len(steps), 3)):
            step.run(book.database)
        for deletion in worn_out(current):
            deletion.run(book.database)
        book.check(*some_bounds(choose, current), now=current)
        book.check(*EVER, now=current)
        current += choose.choice([0, MINUTE, HOUR])
    compact(book.database, current)
    book.check(*EVER, now=current)


def test_a_compactor_may_die_at_any_step(
    book: Book, store_url: str, new_store: Callable[[], str]
) -> None:
    """Whoever comes next finds every sum as it was."""
    for bucket in (TODAY - 3 * DAY, TODAY):
        for amount in range(2):
            book.add(bucket, [amount])
    book.database.close()
    before = new_store()
    copy_store(store_url, before)
    died: Counter[str] = Counter()
    for step in crashes(
        lambda: compact(open_store(store_url), NOW), room="flask_mlmonitor.store.compaction"
    ):
        died[step] += 1
        book.database = open_store(store_url)
        book.check(*EVER, now=NOW)
        compact(book.database, NOW)
        book.check(*EVER, now=NOW)
        assert rows(book.database) == {(MINUTE, 1): 1, (HOUR, 1): 1, (HOUR, 0): 1, (DAY, 0): 1}
        book.database.close()
        copy_store(before, store_url)
    assert died["commit"] >= 6


def test_three_compactors_at_once_and_a_reader(book: Book) -> None:
    """Without any lock between them: each part is claimed once, and seen once meanwhile."""
    for minute in range(0, 6 * 60, 5):
        for amount in range(3):
            book.add(TODAY - DAY + minute * MINUTE, [amount])
    wanted = len(book.parts)
    book.database.close()
    gate, opener = os.pipe()

    def work() -> int:
        os.close(opener)
        os.read(gate, 1)  # ends when the parent closes its end too: all go at once
        return compact(book.database, NOW)

    def watch() -> list[int]:
        os.close(opener)
        os.read(gate, 1)
        seen = set()
        while True:
            with book.database.reading() as connection:
                done = connection.execute(select(tables.rollups.c.n).where(
                    tables.rollups.c.level == DAY)).first()  # fmt: skip
            seen.add(book.read(TODAY - DAY, TODAY, now=NOW)[0].n)
            if done:
                return sorted(seen)

    children = [Child(work) for _ in range(3)]
    reader = Child(watch)
    os.close(gate)
    os.close(opener)
    for child in (*children, reader):
        with child:
            pass
    assert reader.told == [wanted]
    assert sum(child.told for child in children) > 0
    compact(book.database, NOW)
    book.check(*EVER, now=NOW)
    assert rows(book.database) == {(MINUTE, 1): 72, (HOUR, 1): 6, (DAY, 0): 1}
