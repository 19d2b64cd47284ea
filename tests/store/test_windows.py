"""Windows are the sums of the rollups in them, whatever level they lie in."""

from itertools import pairwise

import pytest

from flask_mlmonitor.store.database import Database
from flask_mlmonitor.store.levels import DAY, HOUR, MINUTE, floor
from flask_mlmonitor.store.windows import Stretch, read_window, stretches
from tests.store.batches import BINNING
from tests.store.parts import OTHER, Book, compact

TODAY = 19_676 * DAY
NOW = TODAY + 13 * HOUR + 30 * MINUTE


@pytest.fixture
def book(database: Database) -> Book:
    """The rollups of a model."""
    return Book(database)


def test_a_window_holds_what_began_in_it(book: Book) -> None:
    """From its start to before its end."""
    for minute in range(5):
        book.add(TODAY + minute * MINUTE, [minute])
    book.check(TODAY + MINUTE, TODAY + 3 * MINUTE, now=NOW)

    window = read_window(
        book.database, "fraud", "2", TODAY + MINUTE, TODAY + 3 * MINUTE, clock=lambda: NOW
    )
    assert (window.start, window.end, window.n) == (TODAY + MINUTE, TODAY + 3 * MINUTE, 2)
    assert window.rollups[BINNING.id].moments("amount").mean == 1.5


def test_others_are_not_in_it(book: Book) -> None:
    """Another model, another version, another time."""
    book.add(TODAY, [1])
    for owner in (("fraud", "1"), ("churn", "2")):
        assert read_window(book.database, *owner, TODAY, NOW, clock=lambda: NOW).n == 0
    assert book.read(TODAY + MINUTE, NOW - 30 * MINUTE, now=NOW)[0].rollups == {}


def test_bins_are_not_added(book: Book) -> None:
    """A new baseline in the middle of an hour: two rollups, before and after the compaction."""
    book.add(TODAY, [1, 2])
    book.add(TODAY, [7], OTHER)
    book.add(TODAY + MINUTE, [3], OTHER)
    for _ in range(2):
        (window,) = book.read(TODAY, TODAY + HOUR, now=NOW)
        assert {bins_id: rollup.n for bins_id, rollup in window.rollups.items()} == {
            BINNING.id: 2,
            OTHER.id: 2,
        }
        book.check(TODAY, TODAY + HOUR, now=NOW)
        compact(book.database, NOW)


def test_blocks_that_were_not_asked_for(book: Book) -> None:
    """Nobody takes what was not read for zero."""
    book.add(TODAY, [1, 2])
    (window,) = book.read(TODAY, NOW - 30 * MINUTE, now=NOW, blocks=["counts"])
    rollup = window.rollups[BINNING.id]

    assert rollup.feature("amount").n == window.n == 2
    for read in (
        lambda: rollup.operations,
        lambda: rollup.moments("amount"),
        lambda: rollup.scores,
        rollup.pack,
    ):
        with pytest.raises(ValueError, match=r"read without its .*: ask for that block"):
            read()
    assert book.read(TODAY, NOW - 30 * MINUTE, now=NOW, blocks=[])[0].n == 2


def test_several_windows_in_one_go(book: Book) -> None:
    """The hours of a day, of which one is empty."""
    for hour in (0, 1, 3):
        book.add(TODAY + hour * HOUR + 5 * MINUTE, range(hour + 1))
    bounds = [TODAY + hour * HOUR for hour in range(5)]
    for _ in range(2):
        assert [window.n for window in book.read(*bounds, now=NOW)] == [1, 2, 0, 4]
        book.check(*bounds, now=NOW)
        compact(book.database, NOW)


def test_whole_days_and_hours_are_read_as_such() -> None:
    """Thirty days that begin and end in the middle of an hour are 7 stretches."""
    start, end = NOW - 30 * DAY, NOW
    first_hour, last_hour = TODAY - 30 * DAY + 14 * HOUR, TODAY + 13 * HOUR

    assert sorted(stretches([start, end])) == sorted(
        [
            Stretch(DAY, 0, TODAY - 29 * DAY, TODAY),
            Stretch(HOUR, 0, first_hour, last_hour),
            Stretch(HOUR, 1, first_hour, TODAY - 29 * DAY),
            Stretch(HOUR, 1, TODAY, last_hour),
            Stretch(MINUTE, 0, start, end),
            Stretch(MINUTE, 1, start, first_hour),
            Stretch(MINUTE, 1, last_hour, end),
        ]
    )


@pytest.mark.parametrize("length", [5 * MINUTE, HOUR, 6 * HOUR, DAY])
def test_windows_in_a_row_are_one_stretch_of_each_kind(length: int) -> None:
    """However many there are, the statement does not grow."""
    assert len(stretches(range(TODAY, TODAY + 3 * DAY, length))) <= 3


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (TODAY, TODAY + MINUTE),
        (TODAY + MINUTE, TODAY + 2 * MINUTE),
        (TODAY + 59 * MINUTE, TODAY + 61 * MINUTE),
        (TODAY + MINUTE, TODAY + 3 * HOUR + MINUTE),
        (TODAY - HOUR, TODAY + HOUR),
        (TODAY - DAY - MINUTE, TODAY + MINUTE),
        (TODAY - 2 * DAY, TODAY + DAY),
    ],
)
def test_every_minute_is_read_exactly_once(start: int, end: int) -> None:
    """As long as nothing is folded, as a minute; when all is, in exactly one level."""
    parts = stretches([start, end])
    for level, folded in ((MINUTE, 0), (HOUR, 0), (DAY, 0)):
        of_kind = sorted(part[2:] for part in parts if part[:2] == (level, folded))
        assert all(stop <= start for (_, stop), (start, _) in pairwise(of_kind))
    for minute in range(start, end, MINUTE):
        ways = [part for part in parts if part.start <= minute < part.stop]
        assert sum((part.level, part.folded) == (MINUTE, 0) for part in ways) == 1
        whole = [part for part in ways if (part.level, part.folded) in _AT_REST]
        assert len(whole) == 1, (minute, whole)


_AT_REST = {(MINUTE, 1), (HOUR, 1), (DAY, 0)}


def test_where_only_hours_are_left_bounds_move_back(book: Book) -> None:
    """The window says what it holds."""
    for minute in (5, 25, 65):
        book.add(TODAY - 4 * DAY + minute * MINUTE, [minute])
    compact(book.database, NOW)
    start = TODAY - 4 * DAY + 10 * MINUTE
    window, after = book.read(start, start + HOUR, start + 2 * HOUR, now=NOW)

    assert (window.start, window.end, window.n) == (TODAY - 4 * DAY, TODAY - 4 * DAY + HOUR, 2)
    assert (after.start, after.end, after.n) == (window.end, window.end + HOUR, 1)


def test_where_only_days_are_left_bounds_move_to_days(book: Book) -> None:
    """After ninety days."""
    book.add(TODAY - 100 * DAY + 5 * HOUR, [1])
    compact(book.database, NOW)
    start = TODAY - 100 * DAY + 7 * HOUR
    (window,) = book.read(start, NOW - 30 * MINUTE, now=NOW)

    assert (window.start, window.end, window.n) == (TODAY - 100 * DAY, NOW - 30 * MINUTE, 1)


@pytest.mark.parametrize(("age", "left"), [(4 * DAY, "hours"), (100 * DAY, "days")])
def test_a_window_finer_than_what_is_left_is_refused(book: Book, age: int, left: str) -> None:
    """Rather than found empty."""
    start = TODAY - age + 10 * MINUTE
    with pytest.raises(ValueError, match=f"only {left} are left: ask for whole {left}"):
        book.read(start, start + MINUTE, now=NOW)


@pytest.mark.parametrize(
    "bounds", [(), (TODAY,), (TODAY, TODAY), (TODAY + MINUTE, TODAY), (TODAY, TODAY + 90)]
)
def test_bounds_are_ascending_whole_minutes(book: Book, bounds: tuple[int, ...]) -> None:
    """Anything else is a mistake of the caller's."""
    with pytest.raises(ValueError, match="no ascending whole minutes"):
        book.read(*bounds, now=NOW)


def test_a_minute_at_the_horizon_is_still_there(book: Book) -> None:
    """A window that ends where minutes begin to be kept reads those before it in its hour."""
    horizon = floor(NOW - 2 * DAY, MINUTE)
    book.add(horizon - 20 * MINUTE, [1])
    book.add(horizon, [2])
    compact(book.database, NOW)
    for bounds in ((horizon - HOUR, horizon), (horizon, horizon + HOUR)):
        book.check(*bounds, now=NOW)


def test_negative_minutes(book: Book) -> None:
    """Before 1970 there were hours, too."""
    book.add(-90 * MINUTE, [1, 2])
    compact(book.database, NOW)
    book.check(-DAY, 0, now=NOW)
    book.check(-DAY, DAY, now=NOW)
