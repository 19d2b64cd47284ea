"""Performance from sums: what scikit-learn says over the rows, and how sure that is."""

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from flask_mlmonitor import Baseline
from flask_mlmonitor.stats.measuring import Measured, measure
from flask_mlmonitor.stats.truth import TruthLayout, TruthRow, TruthSums

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
@settings(max_examples=150, deadline=None)
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
@settings(max_examples=100, deadline=None)
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
@settings(max_examples=150, deadline=None)
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
