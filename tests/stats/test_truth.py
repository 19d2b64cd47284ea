"""Sums over predictions and their truth: they add in any order, and survive the store."""

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flask_mlmonitor import Baseline
from flask_mlmonitor.stats.truth import TruthLayout, TruthRow, TruthSums


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
    """Check that two sums say the same, but for rounding."""
    mine, theirs = everything(one), everything(other)
    for name in ("delay", "losses"):
        assert mine.pop(name) == pytest.approx(theirs.pop(name), rel=1e-9, abs=1e-12), name
    assert mine == theirs
    with np.errstate(all="ignore"):
        error, their_error = np.array(one.errors), np.array(other.errors)
        scale = np.maximum(np.abs(error), np.abs(their_error)) + abs(error[1]) + 1
        close = np.abs(error - their_error) <= 1e-7 * scale * (1 + abs(error[1]))
    assert (close | ~np.isfinite(error) | ~np.isfinite(their_error)).all()


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
    with pytest.raises(ValueError, match="layout"):
        TruthSums.unpack(BINARY, packed)
