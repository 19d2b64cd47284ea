"""Rollups: requests become counts that add, whatever values the requests held."""

import math
import os
from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flask_mlmonitor.records import ERROR_TYPES, FALLBACK_REASONS, STATUSES, Row, Served
from flask_mlmonitor.stats.binning import Binning, FeatureBins
from flask_mlmonitor.stats.counts import Moments
from flask_mlmonitor.stats.rollup import PackedRollup, Rollup

AGE = FeatureBins(
    "age", "numeric", quantiles=(25.0, 30.0, 40.0), low=18.0, high=70.0, mean=40.0, std=10.0
)
ROOMS = FeatureBins("rooms", "numeric", values=(1.0, 2.0, 3.0), low=1.0, high=3.0)
PLAN = FeatureBins("plan", "categorical", categories=("free", "paid"), other=("gift",))
ZIP = FeatureBins("zip", "categorical", categories=("10115", "80331"), accepts=("number",))
MEMBER = FeatureBins("member", "boolean", categories=("False", "True"))
FEATURES = (AGE, PLAN, ROOMS, ZIP, MEMBER)
ANY_TYPE = ("text", "number", "boolean")
CHURN = FeatureBins("prediction", "categorical", categories=("0", "1"), accepts=ANY_TYPE)
PRICE = FeatureBins("prediction", "numeric", quantiles=(1.0, 2.0, 3.0), low=0.0, high=9.0, mean=5.0)
BINARY = Binning(FEATURES, CHURN, ("0", "1"), "1", "classification", (0.1, 0.5, 1.0))
THREE = Binning(
    FEATURES,
    FeatureBins("prediction", "categorical", categories=("a", "b", "c"), accepts=ANY_TYPE),
    ("a", "b", "c"),
)
REGRESSION = Binning(FEATURES, PRICE, task="regression")
BINNINGS = (BINARY, THREE, REGRESSION, Binning())

NUMBERS = (
    st.floats(allow_nan=True, allow_infinity=True)
    | st.integers(-100, 100)
    | st.sampled_from([10**400, -(10**400), 2**70, 18, 70, 40, 1, 2, 10115, 1.5e308, -1.5e308])
)
POISON = (
    st.none()
    | NUMBERS
    | st.booleans()
    | st.sampled_from(["free", "paid", "gift", "1", "40", "true", "nan", "a", "b", "c"])
    | st.sampled_from(["\ud800", "\0", "", "x" * 5000, b"free", b""])
    | st.lists(st.floats(0, 1) | st.none() | st.text(max_size=2), max_size=4)
    | st.dictionaries(st.sampled_from(["0", "1", "a", "b", "c", 1, True, None]), NUMBERS)
)
PROBABILITY = (
    POISON
    | st.floats(0, 1)
    | st.lists(st.floats(0, 1), min_size=2, max_size=3)
    | st.fixed_dictionaries({"a": st.floats(0, 1), "b": st.floats(0, 1), "c": st.floats(0, 1)})
    | st.fixed_dictionaries({"0": st.floats(0, 1)}, optional={"1": st.floats(0, 1)})
)
ROWS = st.builds(
    Row,
    values=st.lists(POISON, min_size=5, max_size=5) | st.lists(POISON, max_size=7),
    prediction=POISON,
    probability=PROBABILITY,
    extra=st.none() | st.just({}) | st.just({"more": 1}),
    absent=st.none() | st.lists(st.integers(0, 6), max_size=3),
)
SERVED = st.builds(
    Served,
    schema=st.just(0),
    id=st.just("0" * 16),
    time=st.just(1e9),
    status=st.integers(0, len(STATUSES) - 1),
    latency=st.none() | st.floats(0, 100) | st.sampled_from([0.1, 0.5, 1.0]),
    batch=st.booleans(),
    rows=st.lists(ROWS, max_size=4),
    external_id=st.none(),
    error=st.integers(-1, len(ERROR_TYPES) - 1),
    reason=st.integers(-1, len(FALLBACK_REASONS) - 1),
    truncated=st.booleans(),
)
REQUESTS = st.lists(SERVED, max_size=12)


def served(*rows: Row, status: str = "success", **fields: Any) -> Served:
    """One request."""
    common: dict[str, Any] = {
        "schema": 0,
        "id": os.urandom(16),
        "time": 1e9,
        "latency": 0.2,
        "batch": False,
    }
    return Served(status=STATUSES.index(status), rows=rows, **(common | fields))


def row(*values: Any, **fields: Any) -> Row:
    """One row whose later features are missing."""
    return Row([*values, *[None] * (len(FEATURES) - len(values))], **fields)


def slow_cell(bins: FeatureBins, value: Any) -> str:
    """Say in words, one value at a time, what the rollup counts in bulk."""
    if value is None or (type(value) is float and math.isnan(value)):
        return "missing"
    if bins.kind == "numeric":
        if type(value) not in (int, float):
            return "invalid"
        return f"cell {sum(1 for edge in bins.edges if edge <= value)}"
    accepted = bins.accepts or (("boolean",) if bins.kind == "boolean" else ("text",))
    types = {str: "text", int: "number", float: "number", bool: "boolean"}
    if types.get(type(value)) not in accepted:
        return "invalid"
    if type(value) is float and value.is_integer():
        value = int(value)
    text = str(value) if not isinstance(value, int) or abs(value) < 10**300 else "huge"
    if len(accepted) == 3:
        same = {"True": "1", "true": "1", "False": "0", "false": "0"}
        text = text if text in bins.categories else same.get(text, text)
    return text if text in bins.categories else "other" if text in bins.other else "unseen"


def slow_counts(bins: FeatureBins, values: Sequence[Any], absent: Sequence[bool]) -> Counter[str]:
    """Count values into words."""
    return Counter(
        "absent" if gone else slow_cell(bins, value)
        for value, gone in zip(values, absent, strict=True)
    )


def words(bins: FeatureBins, cells: Sequence[int]) -> Counter[str]:
    """Name the cells that are not empty as :func:`slow_cell` does."""
    names = [
        f"cell {i}" if bins.kind == "numeric" and i < bins.value_cells else name
        for i, name in enumerate(bins.cell_names)
    ]
    return Counter({name: n for name, n in zip(names, cells, strict=True) if n})


def same(one: Rollup, other: Rollup) -> None:
    """Assert that counts are equal, and sums as far as their order allows."""
    first, second = one.pack(), other.pack()
    assert (first.n, first.counts) == (second.n, second.counts)
    assert one.operations.latencies == other.operations.latencies
    assert one.operations.latency_sum == pytest.approx(other.operations.latency_sum)
    assert one.unscored == other.unscored
    for name, scores in one.scores.items():
        assert (scores.own, scores.others) == (other.scores[name].own, other.scores[name].others)
    for bins in one.binning.features:
        if bins.kind == "numeric":
            mine, yours = one.moments(bins.name), other.moments(bins.name)
            assert (mine.n, mine.min, mine.max) == (yours.n, yours.min, yours.max)


@settings(deadline=None)
@given(st.sampled_from(BINNINGS), REQUESTS, REQUESTS)
def test_parts_add_to_the_whole(
    binning: Binning, first: list[Served], second: list[Served]
) -> None:
    """It does not matter how a drain cuts its batches."""
    same(Rollup.of(binning, first) + Rollup.of(binning, second), Rollup.of(binning, first + second))


@settings(deadline=None)
@given(st.sampled_from(BINNINGS), REQUESTS)
def test_what_is_packed_comes_back(binning: Binning, requests: list[Served]) -> None:
    """The store gives back every count and every sum."""
    rollup = Rollup.of(binning, requests)
    packed = rollup.pack()

    assert Rollup.unpack(Binning.decode(binning.encode()), packed).pack() == packed
    assert packed.n == rollup.n


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(BINNINGS[:3]), REQUESTS)
def test_every_value_is_counted_where_it_belongs(binning: Binning, requests: list[Served]) -> None:
    """Counting in bulk equals counting one value at a time, poison included."""
    rollup = Rollup.of(binning, requests)

    rows = [row for request in requests if not request.truncated for row in request.rows]
    for place, bins in enumerate(FEATURES):
        values = [row.values[place] if place < len(row.values) else None for row in rows]
        absent = [place >= len(row.values) or place in (row.absent or ()) for row in rows]
        found = words(bins, rollup.feature(bins.name).cells)
        assert found == slow_counts(bins, values, absent)

    answered = [row for r in requests if r.status in (0, 1) for row in r.rows]
    predictions = rollup.predictions
    assert predictions is not None
    expected = slow_counts(
        predictions.bins, [row.prediction for row in answered], [False] * len(answered)
    )
    assert words(predictions.bins, predictions.cells) == expected


@settings(deadline=None)
@given(st.lists(st.none() | st.floats(-1e6, 1e6) | st.integers(-1000, 1000) | st.text(max_size=1)))
def test_moments_are_those_of_the_numbers(values: list[Any]) -> None:
    """Texts and nulls do not take part."""
    moments = Rollup.of(BINARY, [served(row(value)) for value in values]).moments("age")

    numbers = [value for value in values if isinstance(value, int | float)]
    assert moments.n == len(numbers)
    assert moments.mean == (pytest.approx(np.mean(numbers), abs=1e-6) if numbers else None)
    assert moments.min == (min(numbers) if numbers else None)
    assert moments.max == (max(numbers) if numbers else None)
    deviation = np.std(numbers, ddof=1) if len(numbers) > 1 else None
    # What the sum of squares has lost: the square root of a float's precision, at the largest.
    lost = 1e-7 * max((abs(value) for value in numbers), default=0)
    assert moments.std == (None if deviation is None else pytest.approx(deviation, abs=1e-6 + lost))


def test_the_spread_of_large_numbers_is_kept() -> None:
    """Times in seconds have nine digits before the one that matters."""
    start = 1_760_000_000.0
    clock = FeatureBins("time", "numeric", quantiles=(start,), low=start, high=start, mean=start)
    values = [start + i % 3 for i in range(300)]

    moments = Rollup.of(Binning((clock,)), [served(Row([v])) for v in values]).moments("time")

    assert moments.std == pytest.approx(np.std(values, ddof=1))


def test_infinite_and_huge_numbers_are_counted_but_not_averaged() -> None:
    """They fall into the outer cells; a mean with them would say nothing."""
    values = (math.inf, -math.inf, 10**400, 40, math.nan)
    rollup = Rollup.of(BINARY, [served(row(value)) for value in values])
    age = rollup.feature("age")

    assert (age.above, age.below, age.missing, age.n) == (2, 1, 1, 5)
    assert (rollup.moments("age").n, rollup.moments("age").mean) == (1, 40.0)


def test_a_field_that_was_not_sent_is_absent_and_null_is_missing() -> None:
    """A client that forgets a field is another fault than one that does not know its value."""
    plan = Rollup.of(
        BINARY, [served(row(30, None)), served(row(30, None, absent=[1])), served(Row([30]))]
    ).feature("plan")

    assert (plan.missing, plan.absent) == (1, 2)


def test_what_is_no_number_is_invalid_and_costs_only_its_column() -> None:
    """A numeric text is not converted: the model would have got the text."""
    rollup = Rollup.of(BINARY, [served(row("40", 3, 2)), served(row(40, "free", 2))])

    assert (rollup.feature("age").invalid, rollup.feature("age").values[AGE.cell_of(40)]) == (1, 1)
    assert (rollup.feature("plan").invalid, rollup.feature("plan").values[0]) == (1, 1)
    assert rollup.feature("rooms").groups == (0, 0, 0, 2, *[0] * 5)


def test_unseen_and_rare_categories_have_cells() -> None:
    """A new name is told apart from one that the baseline knew but rarely saw."""
    plan = Rollup.of(BINARY, [served(row(1, name)) for name in ("gift", "new", "free")]).feature(
        "plan"
    )

    assert (plan.other, plan.unseen, plan.values) == (1, 1, (1, 0, 1, 1))


def test_operations_are_counted_per_row_and_per_request() -> None:
    """Statuses are of rows, errors and latencies of requests; an unreadable request is one row."""
    bounds = Binning(latency_bounds=(0.1, 0.5))
    requests = [
        served(Row([]), Row([]), Row([]), latency=0.1),
        served(Row([]), status="fallback", latency=0.3, error=4, reason=0),
        served(status="invalid", latency=None, error=0),
        served(Row([], extra={"more": 1}), status="error", latency=9.0, error=4),
        served(Row([]), Row([]), truncated=True, latency=0.5),
    ]

    operations = Rollup.of(bounds, requests).operations

    assert operations.requests == 5
    assert operations.rows == {"success": 5, "fallback": 1, "error": 1, "invalid": 1}
    assert operations.errors == {
        "invalid_input": 1,
        "validation_error": 0,
        "nan_prediction": 0,
        "timeout": 0,
        "model_error": 2,
        "unknown_error": 0,
    }
    assert {reason: n for reason, n in operations.fallbacks.items() if n} == {"error": 1}
    assert (operations.truncated, operations.extra, operations.stored) == (2, 1, 0)
    assert operations.latencies == (1, 2, 1)
    assert operations.latency_sum == pytest.approx(9.9)


def test_predictions_that_ground_truth_can_be_joined_to() -> None:
    """Those of the sample that were answered, and have a value."""
    bounds = Binning(latency_bounds=(0.1,))
    answers = [Row([], prediction=value) for value in (0, "", False, None)]
    requests = [
        served(*answers, truncated=True),
        served(*answers, status="fallback", error=4, reason=0),
        served(*answers, stored=False),
        served(Row([], prediction=1), status="error", error=4),
        served(status="invalid", error=0),
    ]

    assert Rollup.of(bounds, requests).operations.stored == 6


def test_what_a_later_version_counts_does_not_stop_the_drain() -> None:
    """A status or error type that this version does not know is left out of its counts."""
    request = served(row(30), error=99, reason=99)
    operations = Rollup.of(BINARY, [msgspec.structs.replace(request, status=9)]).operations

    assert operations.requests == 1
    assert sum(operations.rows.values()) == 0


def test_rejected_input_is_input_but_no_prediction() -> None:
    """Drift of the features is drift, also where the answer was an error."""
    requests = [
        served(row(30, prediction=1, probability=0.9), status=status) for status in STATUSES
    ]

    rollup = Rollup.of(BINARY, requests)

    assert rollup.feature("age").n == 4
    assert rollup.predictions is not None
    assert rollup.predictions.n == 2
    assert rollup.scores["1"].n == 2


def test_truncated_rows_keep_their_prediction() -> None:
    """Features that were too large to keep are not missing features."""
    rollup = Rollup.of(BINARY, [served(Row([], prediction=1, probability=0.9), truncated=True)])

    assert rollup.feature("age").n == 0
    assert rollup.scores["1"].predicted == 1


@pytest.mark.parametrize(
    "probability",
    [0.25, [0.75, 0.25], (0.75, 0.25), {"1": 0.25}, {"0": 0.75}, {1: 0.25, 0: 0.75}, {True: 0.25}],
)
def test_spellings_of_a_binary_probability(probability: Any) -> None:
    """A number is P(positive), a list follows the classes, a mapping names them."""
    scores = Rollup.of(BINARY, [served(row(prediction=0, probability=probability))]).scores

    assert list(scores) == ["1"]
    assert scores["1"].others[50] == 1


@pytest.mark.parametrize(
    ("prediction", "probability"),
    [
        (1, 1.5),
        (1, -0.1),
        (1, math.nan),
        (1, math.inf),
        (1, 10**400),
        (1, True),
        (1, "0.5"),
        (1, [0.5]),
        (1, [0.5, None]),
        (1, [0.5, "0.5"]),
        (1, [0.5, 10**400]),
        (1, {}),
        (1, {"0": None}),
        (1, {"2": 0.5}),
        (1, [[0.5, 0.5]]),
        (2, 0.5),
        (None, 0.5),
    ],
)
def test_a_probability_that_cannot_be_used_is_unscored(prediction: Any, probability: Any) -> None:
    """It is counted as such, whether alone or among good ones."""
    bad = served(row(prediction=prediction, probability=probability))
    good = served(row(prediction=1, probability=0.5))

    for requests in ([bad], [bad, good], [good, bad]):
        rollup = Rollup.of(BINARY, requests)
        assert (rollup.unscored, rollup.scores["1"].n) == (1, len(requests) - 1)


def test_a_prediction_without_probability_is_not_unscored() -> None:
    """Only what came and could not be used is."""
    rollup = Rollup.of(BINARY, [served(row(prediction=1))])

    assert (rollup.unscored, rollup.scores["1"].n) == (0, 0)


def test_each_of_several_classes_is_scored() -> None:
    """A class's own column holds the rows predicted as it."""
    requests = [
        served(row(prediction="a", probability=[0.5, 0.25, 0.25])),
        served(row(prediction="c", probability={"a": 0.0, "b": 0.0, "c": 1.0})),
        served(row(prediction="c", probability={"a": 0.5})),
        served(row(prediction="c", probability=0.5)),
    ]

    rollup = Rollup.of(THREE, requests)

    assert rollup.unscored == 2
    assert [(s.n, s.predicted) for s in rollup.scores.values()] == [(2, 1), (2, 0), (2, 1)]
    assert rollup.scores["a"].own[100] == 1
    assert rollup.scores["c"].own[199] == 1


def test_a_regression_has_moments_and_no_scores() -> None:
    """Its predictions are numbers like a feature's."""
    rollup = Rollup.of(REGRESSION, [served(row(prediction=x)) for x in (1, 2.5, None, "three")])

    moments = rollup.prediction_moments
    assert moments is not None
    assert (moments.n, moments.mean) == (2, 1.75)
    assert rollup.predictions is not None
    assert (rollup.predictions.missing, rollup.predictions.invalid) == (1, 1)
    assert rollup.scores == {}


def test_a_classification_has_no_moments() -> None:
    """The mean of class names does not exist."""
    assert Rollup.of(BINARY, ()).prediction_moments is None


def test_without_a_baseline_only_operations_are_counted() -> None:
    """The rest waits until a baseline is learned."""
    rollup = Rollup.of(Binning(), [served(Row([1, "a"], prediction=1, probability=0.5))])

    assert rollup.operations.rows["success"] == 1
    assert (rollup.predictions, rollup.scores, rollup.unscored) == (None, {}, 0)


def test_nothing_is_the_neutral_element() -> None:
    """A sum over the minutes starts with it."""
    some = Rollup.of(BINARY, [served(row(30, "free", prediction=1, probability=0.5))])

    assert (Rollup.of(BINARY, ()) + some).pack() == some.pack()
    assert Rollup.of(BINARY, ()).moments("age") == Moments(0, None, None, None, None)


def test_counts_take_the_width_that_they_need() -> None:
    """A quiet minute is small, a busy day still exact."""
    one = Rollup.of(BINARY, [served(row(30)) for _ in range(200)])
    total = one
    for _ in range(9):
        total = total + total

    assert [one.pack().counts[1], total.pack().counts[1]] == [1, 4]
    assert Rollup.unpack(BINARY, total.pack()).feature("age").n == 200 * 512


def test_blocks_are_laid_out_as_documented() -> None:
    """The store keeps them for years; another layout needs another version byte."""
    requests = [served(row(30, "free", prediction=1, probability=0.5), latency=0.25)]

    packed = Rollup.of(Binning((AGE, PLAN), CHURN, ("0", "1"), "1", None, (0.1,)), requests).pack()

    assert packed.n == 1
    operations = bytes((1, 1, 1, 1, *[0] * 16, 1, 0, 1))
    assert packed.operations == operations + np.array([0.25], "<f8").tobytes()
    age = bytes(1 if cell == AGE.cell_of(30) else 0 for cell in range(AGE.size))
    assert packed.counts == bytes((1, 1)) + age + bytes((1, 0, 0, 0, 0, 0, 0))
    moments = [1, -10, 100, 30, 30]
    assert packed.moments == bytes((1, 1)) + np.array(moments, "<f8").tobytes()
    scores = bytes(200) + bytes(int(cell == 100) for cell in range(200))
    prediction = bytes((0, 1, 0, 0, 0, 0, 0))
    assert packed.predictions == bytes((1, 1)) + prediction + bytes(1) + scores


def test_rollups_over_different_bins_do_not_add() -> None:
    """Their counts mean different things."""
    with pytest.raises(ValueError, match="different bins"):
        Rollup.of(BINARY, ()) + Rollup.of(THREE, ())


@pytest.mark.parametrize("block", ["operations", "counts", "moments", "predictions"])
@pytest.mark.parametrize("damage", [b"", b"\1", b"\2\1", b"\1\3", b"\1\1", b"\1\1" + bytes(5000)])
def test_a_block_that_is_not_of_this_binning_is_an_error(block: str, damage: bytes) -> None:
    """A block of a later version, of other bins, or cut short is never read as counts."""
    packed = Rollup.of(BINARY, [served(row(30))]).pack()

    with pytest.raises(ValueError, match="block"):
        Rollup.unpack(BINARY, msgspec.structs.replace(packed, **{block: damage}))


def test_a_rollup_of_other_bins_is_not_unpacked() -> None:
    """The lengths of the blocks tell."""
    packed: PackedRollup = Rollup.of(BINARY, [served(row(30))]).pack()

    with pytest.raises(ValueError, match="block"):
        Rollup.unpack(THREE, packed)


def test_a_thousand_features() -> None:
    """A wide model is counted like a narrow one."""
    binning = Binning(
        tuple(msgspec.structs.replace(FEATURES[i % 2], name=f"f{i}") for i in range(1000))
    )
    values = [30, "free"] * 500

    rollup = Rollup.of(binning, [served(Row(values)) for _ in range(3)])

    assert rollup.feature("f998").n == rollup.feature("f999").n == 3
    assert (rollup.moments("f998").n, rollup.moments("f998").mean) == (3, 30.0)
    assert len(rollup.pack().counts) < 25_000


def test_an_unknown_or_other_feature_is_an_error() -> None:
    """A caller who asks for what is not there made a mistake."""
    rollup = Rollup.of(BINARY, ())

    with pytest.raises(KeyError):
        rollup.feature("colour")
    with pytest.raises(ValueError, match="is not in list"):
        rollup.moments("plan")
