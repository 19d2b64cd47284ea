"""Performance from sums: what scikit-learn says over the rows, and how sure that is."""

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn import metrics

from flask_mlmonitor import Baseline
from flask_mlmonitor.stats.measures.intervals import of_share
from flask_mlmonitor.stats.performance.measuring import Measured, measure
from flask_mlmonitor.stats.performance.truth import TruthLayout, TruthRow, TruthSums

SEED = 20261126


def baseline(classes: Any, **options: Any) -> Baseline:
    """Return a baseline over the given target values."""
    frame = pd.DataFrame({"x": range(len(classes))})
    return Baseline.from_dataframe(frame, target=list(classes), **options)


BINARY = TruthLayout.of(baseline([0, 1]), None)
THREE = TruthLayout.of(baseline(["a", "b", "c"]), None)
PROBABILITY = st.integers(0, 1000).map(lambda n: n / 1000)


def rows_of(predictions: Any, truths: Any, probabilities: Any = None) -> list[TruthRow]:
    """Return rows as the store has them."""
    given = [None] * len(truths) if probabilities is None else probabilities
    return [TruthRow(*row, 0.0) for row in zip(predictions, given, truths, strict=True)]


def measured(layout: TruthLayout, rows: list[TruthRow], parts: int = 3) -> Measured:
    """Return the figures of rows that were counted in parts, packed and added."""
    packed = [TruthSums.of(layout, rows[part::parts]).pack() for part in range(parts)]
    return measure(TruthSums.add_up(layout, packed))


def of_classes(true: Any, predicted: Any) -> dict[str, float]:
    """Return what scikit-learn says of labels."""
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(
        true, predicted, average="weighted", zero_division=0
    )
    accuracy = metrics.accuracy_score(true, predicted)
    return {"accuracy": accuracy, "precision": precision, "recall": recall, "f1_score": f1}


def of_errors(true: Any, predicted: Any) -> dict[str, float]:
    """Return what scikit-learn says of numbers."""
    mse = metrics.mean_squared_error(true, predicted)
    mae = metrics.mean_absolute_error(true, predicted)
    found = {"mse": mse, "rmse": math.sqrt(mse), "mae": mae}
    return found | ({"r2": metrics.r2_score(true, predicted)} if len(true) > 1 else {})


def check(found: Measured, expected: dict[str, float]) -> None:
    """Check that figures are those expected: the area closely, all others exactly."""
    assert found.figures.keys() == expected.keys()
    for name, value in expected.items():
        near = 2e-4 if name == "roc_auc" else 1e-12
        assert found.figures[name] == pytest.approx(value, rel=1e-9, abs=near), name
    for name, (low, high) in found.intervals.items():
        assert low <= found.figures[name] <= high, name


@given(
    rows=st.lists(
        st.tuples(st.integers(0, 1), st.integers(0, 1), PROBABILITY), min_size=1, max_size=60
    ),
    spelling=st.sampled_from([int, bool, float, str]),
)
@settings(max_examples=100, deadline=None)
def test_two_classes_are_measured_as_scikit_learn_does(
    rows: list[tuple[int, int, float]], spelling: Any
) -> None:
    """Whatever one class only, constant answers, or another spelling of the truth."""
    predicted, true, p = zip(*rows, strict=True)
    expected = of_classes(true, predicted)
    expected["log_loss"] = metrics.log_loss(true, [[1 - x, x] for x in p], labels=[0, 1])
    expected["brier_score"] = np.square(np.subtract(p, true)).mean()
    if len(set(true)) == 2:
        expected["roc_auc"] = metrics.roc_auc_score(true, p)
        assert expected["brier_score"] == pytest.approx(metrics.brier_score_loss(true, p))

    check(measured(BINARY, rows_of(predicted, map_(spelling, true), p)), expected)


def map_(kind: Any, values: Any) -> list[Any]:
    """Return values as another type."""
    return [kind(value) for value in values]


LABEL = st.sampled_from(["a", "b", "c", "new"])


@given(rows=st.lists(st.tuples(LABEL, LABEL), min_size=1, max_size=60))
@settings(max_examples=50, deadline=None)
def test_several_and_unseen_classes(rows: list[tuple[str, str]]) -> None:
    """A class that the baseline does not know is one more class; each has its own figures."""
    predicted, true = zip(*rows, strict=True)
    report = metrics.classification_report(true, predicted, output_dict=True, zero_division=0)

    for layout in (THREE, TruthLayout(), TruthLayout(task="classification")):
        found = measured(layout, rows_of(predicted, true))
        check(found, of_classes(true, predicted))
        assert found.per_class.keys() == set(predicted) | set(true)
        for name, one in found.per_class.items():
            theirs = report[name]
            assert one.precision == pytest.approx(theirs["precision"])
            assert one.recall == pytest.approx(theirs["recall"])
            assert one.f1_score == pytest.approx(theirs["f1-score"])
            assert one.support == theirs["support"]


@given(
    rows=st.lists(
        st.tuples(
            st.floats(-1e6, 1e6, width=32) | st.integers(-5, 5).map(float),
            st.floats(-1e6, 1e6, width=32) | st.integers(-5, 5).map(float),
        ),
        min_size=1,
        max_size=60,
    )
)
@settings(max_examples=100, deadline=None)
def test_numbers_are_measured_as_scikit_learn_does(rows: list[tuple[float, float]]) -> None:
    """Over a constant truth and one row too."""
    predicted, true = zip(*rows, strict=True)
    expected = of_errors(true, predicted)
    found = measured(TruthLayout(task="regression"), rows_of(predicted, true))

    for name, value in expected.items():
        assert found.figures[name] == pytest.approx(value, rel=1e-6, abs=1e-9), name
    assert found.per_class == {}


@pytest.mark.parametrize("classes", [3, 10])
@pytest.mark.parametrize("n", [300, 5000])
def test_probabilities_of_several_classes(classes: int, n: int) -> None:
    """Each class against the rest, weighted; rounded probabilities are probabilities too."""
    rng = np.random.default_rng(SEED)
    p = rng.dirichlet([0.3] * classes, n).round(3)
    true = np.array([rng.choice(classes, p=row / row.sum()) for row in p])
    layout = TruthLayout.of(baseline(range(classes), positive=None, probabilities=None), None)
    proper = p / p.sum(axis=1, keepdims=True)

    found = measured(layout, rows_of(p.argmax(axis=1).tolist(), true.tolist(), p.tolist()))

    area = metrics.roc_auc_score(true, proper, multi_class="ovr", average="weighted")
    assert found.figures["roc_auc"] == pytest.approx(area, abs=2e-4)
    assert found.figures["log_loss"] == pytest.approx(metrics.log_loss(true, proper), abs=2e-3)
    square = np.square(p - np.eye(classes)[true]).sum(axis=1).mean()
    assert found.figures["brier_score"] == pytest.approx(square)


SCORES = {
    "spread": lambda rng, n: rng.random(n),
    "rare": lambda rng, n: rng.beta(0.5, 60, n),
    "sure": lambda rng, n: 1 / (1 + np.exp(-rng.normal(0, 12, n))),
    "rounded": lambda rng, n: rng.random(n).round(2),
    "narrow": lambda rng, n: 0.5 + rng.normal(0, 0.0005, n),
}


@pytest.mark.parametrize("n", [20, 200, 1500, 20_000, 200_000])
@pytest.mark.parametrize("scores", SCORES)
def test_the_area_is_near_that_of_scikit_learn(scores: str, n: int) -> None:
    """In small windows and large ones, wherever the probabilities lie."""
    rng = np.random.default_rng(SEED)
    p = np.clip(SCORES[scores](rng, n), 0, 1)
    true = rng.random(n) < np.clip(p + 0.1 * (rng.random(n) - 0.5), 0.02, 0.98)
    true[:2] = True, False

    found = measured(BINARY, rows_of(true.tolist(), true.tolist(), p.tolist()), parts=4)

    assert found.figures["roc_auc"] == pytest.approx(metrics.roc_auc_score(true, p), abs=2e-4)
    loss = metrics.log_loss(true, np.stack([1 - p, p], axis=1))
    assert found.figures["log_loss"] == pytest.approx(loss)


def test_nothing_is_measured_of_nothing() -> None:
    """No rows, or none that is usable, have no figures rather than bad ones."""
    unusable = rows_of(["a", None], [None, "a"], [[0.2, 0.3, 0.5]] * 2)

    for layout in (BINARY, THREE, TruthLayout(), TruthLayout(task="regression")):
        assert measured(layout, []) == Measured(0)
    assert measured(TruthLayout(), unusable) == Measured(0)


def test_figures_beyond_float64_are_left_out() -> None:
    """Errors whose squares do not fit have no mean square; their mean is one."""
    found = measured(TruthLayout(task="regression"), rows_of([1e300, 0.5], [-1e300, 0.5]))
    many = rows_of([1e100, 3.0] * 20, [2e100, 1.0] * 20)
    large = measured(TruthLayout(task="regression"), many)

    assert found.figures == {"mae": 1e300}
    assert found.intervals == {}
    assert large.figures == pytest.approx(of_errors([2e100, 1.0], [1e100, 3.0]))
    assert large.intervals.keys() == {"mae"}


def test_intervals_of_few_losses_are_not_given() -> None:
    """The mean of a few skewed values has no honest interval; nor has a loss of one class."""
    errors = measured(TruthLayout(task="regression"), rows_of([0.5] * 29, [0.25, *[0.75] * 28]))
    rare = measured(BINARY, rows_of([0] * 40, [1, *[0] * 39], [0.1] * 40))

    assert errors.intervals == {}
    assert {"log_loss", "brier_score", "roc_auc"} <= rare.figures.keys()
    assert "roc_auc" in rare.intervals
    assert not {"log_loss", "brier_score"} & rare.intervals.keys()


def test_the_prediction_of_a_baseline_may_be_a_class_without_its_probability() -> None:
    """Rows whose probabilities are unusable count for the labels, not for the scores."""
    rows = rows_of([1, 0, 1, 1], [1, 0, 0, 1], [0.9, None, 1.5, "high"])

    found = measured(BINARY, rows)

    assert found.figures["accuracy"] == 0.75
    assert found.figures["brier_score"] == pytest.approx(0.01)
    assert "roc_auc" not in found.figures


def test_numbers_that_do_not_add_up_are_no_probabilities() -> None:
    """One row in twenty may; else the figures of probabilities are not given."""
    proper, improper = [0.2, 0.3, 0.5], [0.9, 0.9, 0.9]
    few = rows_of(["c"] * 21, ["a", "b", "c"] * 7, [proper] * 20 + [improper])
    many = rows_of(["c"] * 21, ["a", "b", "c"] * 7, [proper] * 15 + [improper] * 6)

    assert {"roc_auc", "log_loss", "brier_score"} <= measured(THREE, few).figures.keys()
    assert not {"roc_auc", "log_loss", "brier_score"} & measured(THREE, many).figures.keys()


@pytest.mark.parametrize(("hits", "n"), [(0, 1), (12, 12), (3, 12), (900, 1000), (1, 10**6)])
def test_the_interval_of_a_share_is_that_of_scipy(hits: int, n: int) -> None:
    """Wilson's, without a correction for continuity."""
    theirs = binomtest(hits, n).proportion_ci(method="wilson")

    assert of_share(hits / n, n) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


CONFUSIONS = {
    "even": [[0.43, 0.07], [0.08, 0.42]],
    "rare": [[0.93, 0.02], [0.02, 0.03]],
    "three": [[0.31, 0.03, 0.02], [0.05, 0.24, 0.05], [0.02, 0.03, 0.25]],
}


@pytest.mark.parametrize("n", [12, 200])
@pytest.mark.parametrize("shares", CONFUSIONS.values(), ids=list(CONFUSIONS))
def test_intervals_hold_the_truth(shares: list[list[float]], n: int) -> None:
    """Of 300 samples about 95 % have the true figure in their interval, also of twelve rows."""
    rng = np.random.default_rng(SEED)
    size = len(shares)
    pairs = [(str(true), str(predicted)) for true in range(size) for predicted in range(size)]
    weights = np.ravel(shares)
    truths, answers = zip(*pairs, strict=True)
    precision, _, f1, _ = metrics.precision_recall_fscore_support(
        truths, answers, average="weighted", sample_weight=weights
    )
    true = {"accuracy": float(np.trace(shares)), "precision": precision, "f1_score": f1}
    held = dict.fromkeys(true, 0)
    for _ in range(300):
        drawn = rng.choice(len(pairs), n, p=weights)
        rows = rows_of(*zip(*((pairs[i][1], pairs[i][0]) for i in drawn), strict=True))
        found = measured(TruthLayout(), rows, parts=1)
        for name, value in true.items():
            low, high = found.intervals[name]
            held[name] += low <= value <= high

    assert all(0.91 <= count / 300 <= 1.0 for count in held.values()), held


def test_the_intervals_of_areas_and_losses_hold_the_truth() -> None:
    """Of 300 samples of 150 rows about 95 % have the true area, loss and score in theirs."""
    rng = np.random.default_rng(SEED)
    many = rng.beta(1, 2, 200_000)
    true = {
        "roc_auc": metrics.roc_auc_score(rng.random(len(many)) < many, many),
        "brier_score": float((many * (1 - many)).mean()),
    }
    held = dict.fromkeys(true, 0)
    for _ in range(300):
        p = rng.beta(1, 2, 150)
        hits = (rng.random(150) < p).tolist()
        found = measured(BINARY, rows_of(hits, hits, p.tolist()), parts=1)
        for name, value in true.items():
            low, high = found.intervals[name]
            held[name] += low <= value <= high

    assert all(0.91 <= count / 300 <= 1.0 for count in held.values()), held


def test_the_intervals_of_errors_hold_the_truth() -> None:
    """Of 300 samples of 200 errors about 95 % have the true figures in their intervals."""
    rng = np.random.default_rng(SEED)
    true = {"mse": 1.0, "rmse": 1.0, "mae": math.sqrt(2 / math.pi)}
    held = dict.fromkeys(true, 0)
    for _ in range(300):
        errors = rng.normal(size=200)
        found = measured(TruthLayout(task="regression"), rows_of(errors.tolist(), [0.0] * 200))
        for name, value in true.items():
            low, high = found.intervals[name]
            held[name] += low <= value <= high

    assert all(0.9 <= count / 300 <= 1.0 for count in held.values()), held


def test_intervals_of_perfect_answers_are_not_empty() -> None:
    """Twelve right answers, well ranked, do not prove that none will be wrong."""
    found = measured(BINARY, rows_of([0, 1] * 6, [0, 1] * 6, [0.1, 0.9] * 6))

    assert set(found.figures) >= {"accuracy", "precision", "f1_score", "roc_auc"}
    for name in ("accuracy", "precision", "recall", "f1_score", "roc_auc"):
        assert found.figures[name] == 1.0
        assert found.intervals[name][0] < 0.8
        assert found.intervals[name][1] == 1.0
