"""Sums over predictions and their truth: they add in any order, and survive the store."""

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flask_mlmonitor import Baseline
from flask_mlmonitor.stats.cells.binning import Binning
from flask_mlmonitor.stats.cells.labels import MOST_CLASSES
from flask_mlmonitor.stats.cells.scores import score_places
from flask_mlmonitor.stats.measures.errors import ErrorSums
from flask_mlmonitor.stats.measures.ranking import FINEST, Ranking, most_parts, parts_of
from flask_mlmonitor.stats.performance.truth import TruthLayout, TruthRow, TruthSums


def baseline(classes: Any) -> Baseline:
    """Return a baseline over the given target values."""
    frame = pd.DataFrame({"x": range(len(classes))})
    return Baseline.from_dataframe(frame, target=list(classes), positive=None)


BINARY = TruthLayout.of(baseline(["0", "1"]), None)
THREE = TruthLayout.of(baseline(["a", "b", "c"]), None)
NUMBERS = TruthLayout.of(baseline(np.linspace(0, 1, 100)), None)
LAYOUTS = (
    BINARY,
    THREE,
    NUMBERS,
    TruthLayout(),
    TruthLayout(task="regression"),
    TruthLayout(task="classification"),
)

VALUES = (
    st.none()
    | st.floats()
    | st.floats(0, 1)
    | st.integers(-3, 3)
    | st.booleans()
    | st.sampled_from(["0", "1", "a", "b", "c", "true", "", "\ud800", "x" * 300, "é"])
    | st.sampled_from([10**400, 2**70, 1e300, -1e300, math.nan, math.inf])
    | st.lists(st.integers(0, 1), max_size=2)
    | st.dictionaries(st.sampled_from("ab"), st.integers(0, 1), max_size=1)
)
PROBABILITIES = (
    VALUES
    | st.lists(st.floats(0, 1), min_size=2, max_size=3)
    | st.sampled_from([[0.2, 0.3, 0.5], [0.7, 0.2, 0.1], [0, 0, 1]])
)
ROWS = st.lists(st.builds(TruthRow, VALUES, PROBABILITIES, VALUES, st.floats(0, 1e6)), max_size=30)


def everything(sums: TruthSums) -> dict[str, Any]:
    """Return all that sums say, floats to be compared loosely."""
    return {
        "totals": sums.totals,
        "delay": sums.delay or 0.0,
        "confusion": dict(sums.confusion),
        "level": sums.ranking.level,
        "ranks": [column.tolist() for column in sums.ranking.rows],
        "scores": {name: counts.tolist() for name, counts in sums.scores.items()},
        "losses": sums.losses,
        "target": sums.target,
    }


def same(one: TruthSums, other: TruthSums) -> None:
    """Check that two sums say the same, but for rounding; errors have a test of their own."""
    mine, theirs = everything(one), everything(other)
    for name in ("delay", "losses"):
        assert mine.pop(name) == pytest.approx(theirs.pop(name), rel=1e-9, abs=1e-12), name
    assert mine == theirs


@given(layout=st.sampled_from(LAYOUTS), parts=st.lists(ROWS, max_size=5), seed=st.randoms())
@settings(max_examples=150, deadline=None)
def test_sums_add_in_any_split_and_order(
    layout: TruthLayout, parts: list[list[TruthRow]], seed: Any
) -> None:
    """Counted whole, added one by one, or added packed in another order: the same."""
    whole = TruthSums.of(layout, [row for part in parts for row in part])
    counted = [TruthSums.of(layout, part) for part in parts]
    added = sum(counted, start=TruthSums.of(layout, ()))
    seed.shuffle(counted)
    packed = TruthSums.add_up(layout, [one.pack() for one in counted])

    same(added, whole)
    same(packed, whole)


@given(layout=st.sampled_from(LAYOUTS), rows=ROWS)
@settings(max_examples=100, deadline=None)
def test_packed_sums_are_read_back(layout: TruthLayout, rows: list[TruthRow]) -> None:
    """The store gives back what it was given, whatever the values were."""
    sums = TruthSums.of(layout, rows)

    back = TruthSums.unpack(layout, sums.pack())

    assert everything(back) == everything(sums)
    assert np.array_equal(back.errors, sums.errors, equal_nan=True)


@given(rows=ROWS, place=st.integers(0, 10**6), bit=st.integers(0, 7))
@settings(max_examples=100, deadline=None)
def test_damaged_bytes_are_an_error(rows: list[TruthRow], place: int, bit: int) -> None:
    """A flipped bit, a cut, or the bytes of another layout are never taken for figures."""
    packed = TruthSums.of(THREE, rows).pack()
    flipped = bytearray(packed)
    flipped[place % len(packed)] ^= 1 << bit

    for damaged in (bytes(flipped), packed[: place % len(packed)], packed + b"\0", b""):
        with pytest.raises(ValueError, match="or damaged"):
            TruthSums.unpack(THREE, damaged)
    with pytest.raises(ValueError, match="sealed for"):
        TruthSums.unpack(BINARY, packed)


def test_sums_of_different_layouts_do_not_add() -> None:
    """What is counted over other classes means something else."""
    with pytest.raises(ValueError, match="different layouts"):
        TruthSums.of(BINARY, ()) + TruthSums.of(THREE, ())


def test_layouts_are_known_by_what_they_mean() -> None:
    """The same meaning has the same id; each part of it counts."""
    again = TruthLayout.of(baseline(["0", "1"]), "regression")
    others = [TruthLayout.of(baseline(["0", "1"]), None), *LAYOUTS[1:]]

    assert (again, again.id, hash(again)) == (BINARY, BINARY.id, hash(BINARY))
    assert again.task == "classification"
    assert len({layout.id for layout in others}) == len(LAYOUTS)
    assert BINARY.id != TruthLayout(BINARY.classes, "0", BINARY.target, BINARY.task).id


def test_a_label_has_many_spellings() -> None:
    """The model answers 1, the truth comes as text, boolean or float."""
    spelled = ["1", 1, 1.0, True, "True", "true"]
    rows = [TruthRow(1, None, value, 0.0) for value in spelled]
    hours = [TruthSums.of(TruthLayout(), [row]) for row in rows]

    assert TruthSums.of(BINARY, rows).confusion == {("1", "1"): 6}
    assert TruthSums.of(TruthLayout(), rows).confusion == {("1", "1"): 6}
    assert sum(hours, start=TruthSums.of(TruthLayout(), ())).confusion == {("1", "1"): 6}


def test_what_is_no_truth_is_counted_and_no_class() -> None:
    """Null, NaN, infinity, containers and endless texts are unusable; a new class is one."""
    values = [None, math.nan, math.inf, [1], {"a": 1}, "x" * 300, "maybe", "1"]
    rows = [TruthRow("1", None, value, 60.0) for value in values]
    rows.append(TruthRow(None, None, "1", 60.0))

    sums = TruthSums.of(BINARY, rows)

    assert (sums.n, sums.unusable, sums.delay) == (2, 6, 60.0)
    assert sums.confusion == {("maybe", "1"): 1, ("1", "1"): 1}
    assert sums.target is not None
    assert (sums.target.n, sums.target.missing, sums.target.unseen) == (9, 2, 3)


def test_more_labels_than_classes_are_no_confusion() -> None:
    """A truth of ever new texts must not fill the store; it stays forgotten in the sum."""
    rows = [TruthRow("1", None, f"case {i}", 0.0) for i in range(MOST_CLASSES + 1)]
    halves = [TruthSums.of(BINARY, part) for part in (rows[:500], rows[500:])]
    known = TruthSums.of(BINARY, [TruthRow("1", None, "1", 0.0)])

    assert len(halves[0].confusion) == 500
    assert (halves[0] + halves[1]).confusion == {}
    assert (halves[0] + halves[1] + known).confusion == {}
    assert (halves[0] + halves[1] + known).n == MOST_CLASSES + 2
    assert len(TruthSums.of(BINARY, rows).pack()) < 200


@pytest.mark.parametrize(
    ("pairs", "task"),
    [
        ([(0.5, 0.25)], "regression"),
        ([(i, i) for i in range(21)], "regression"),
        ([(i, i) for i in range(20)], "classification"),
        ([(1, 1)] * 30 + [(1, 0.5)], "classification"),
        ([(0.5, 0.5)] * 30 + [(0.5, "n/a")], "regression"),
        ([("a", "b"), (True, False)], "classification"),
        ([], "classification"),
    ],
)
def test_the_task_follows_from_the_values(pairs: list[tuple[Any, Any]], task: str) -> None:
    """Where none is declared, one odd truth does not change what the others are."""
    rows = [TruthRow(prediction, None, value, 0.0) for prediction, value in pairs]

    assert TruthSums.of(TruthLayout(), rows).task == task


@given(
    p=st.lists(st.floats(0, 1), min_size=1, max_size=50),
)
def test_fine_parts_ascend_within_the_cells_of_scores(p: list[float]) -> None:
    """A larger probability is never in a lower part, and no part lies in two cells."""
    values = np.sort(np.array(p))
    true = np.ones((len(p), 1), bool)
    cells = np.bincount(score_places(values), minlength=Binning.SCORE_CELLS)

    assert (np.diff(parts_of(values)) >= 0).all()
    assert (parts_of(values) >> FINEST).max() < 262
    counted = Ranking.of(values.reshape(-1, 1), ~true, true).cells(0)
    assert counted[0, 1].tolist() == cells.tolist()
    assert counted.sum() == len(p)


def test_coarse_parts_keep_to_the_cells_of_scores() -> None:
    """However many probabilities there are, so many parts are kept, each within one cell."""
    rng = np.random.default_rng(5)
    p = np.concatenate([rng.random(20_000), rng.random(20_000) ** 30, 1 - rng.random(20_000) ** 30])
    true = rng.random(len(p)) < p
    ranking = Ranking.of(p.reshape(-1, 1), (p > 0.5).reshape(-1, 1), true.reshape(-1, 1))
    cells = Binning.SCORE_CELLS * (2 * (p > 0.5) + true) + score_places(p)

    assert len(np.unique(ranking.rows.keys >> 2)) <= most_parts(1)
    expected = np.bincount(cells, minlength=4 * Binning.SCORE_CELLS)
    assert ranking.cells(0).ravel().tolist() == expected.tolist()


@given(
    pairs=st.lists(
        st.tuples(st.integers(-(10**6), 10**6), st.integers(-(10**6), 10**6)), min_size=1
    ),
    parts=st.integers(1, 5),
)
@settings(deadline=None)
def test_errors_add_up(pairs: list[tuple[int, int]], parts: int) -> None:
    """The errors of parts are those of the whole."""
    true, predicted = np.array(pairs, np.float64).T / 8
    whole = ErrorSums.of(true, predicted)

    added = ErrorSums.add_up(
        [ErrorSums.of(true[i::parts], predicted[i::parts]) for i in range(parts)]
    )

    assert added == pytest.approx(whole, rel=1e-9, abs=1e-6)


def test_a_constant_truth_has_no_spread_at_all() -> None:
    """The spread of equal values is 0 in any sum, not what rounding leaves."""
    one = ErrorSums.of(np.full(7, 0.1), np.zeros(7))

    assert ErrorSums.add_up([one, one, one]).spread == 0.0
