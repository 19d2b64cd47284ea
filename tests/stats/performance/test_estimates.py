"""Estimated performance: what scikit-learn says of expected truth, and how sure it is."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from sklearn import metrics
from sklearn.isotonic import IsotonicRegression

from flask_mlmonitor import Baseline
from flask_mlmonitor.records import STATUSES, Row, Served
from flask_mlmonitor.stats.cells.rollup import Rollup
from flask_mlmonitor.stats.performance.estimates import Calibration, estimate
from flask_mlmonitor.stats.performance.expected import OF_SCORES, Expected, Figure

Array = npt.NDArray[Any]

NAMES = np.array(["a", "b", "c"])


def drawn(rng: np.random.Generator, rows: int, classes: int, *, sharpness: float = 1.0) -> Any:
    """Scores, the classes that are true, and those predicted; calibrated at sharpness 1."""
    logits = rng.normal(size=(rows, classes)) * 1.5
    chances = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    true = (chances.cumsum(1) > rng.random((rows, 1))).argmax(1)
    scores = np.exp(logits * sharpness)
    return scores / scores.sum(1, keepdims=True), NAMES[true], NAMES[scores.argmax(1)]


def baseline_of(scores: Array, true: Any, predicted: Any = None) -> Baseline:
    """The baseline of such rows."""
    p = scores[:, 1] if scores.shape[1] == 2 else scores
    frame = pd.DataFrame({"x": np.arange(len(true))})
    return Baseline.from_dataframe(frame, target=true, predictions=predicted, probabilities=p)


def counted(baseline: Baseline, scores: Array, predicted: Any) -> Rollup:
    """The window of such rows."""
    rows = [Row([0], name, list(p)) for name, p in zip(predicted, scores.tolist(), strict=True)]
    served = Served(0, "", 0.0, STATUSES.index("success"), None, True, rows)
    return Rollup.of(baseline.binning(), [served])


def measured(scores: Array, true: Any, predicted: Any) -> dict[str, float]:
    """What scikit-learn says when the truth is known."""
    found = metrics.precision_recall_fscore_support(
        true, predicted, average="weighted", zero_division=0
    )
    figures = dict(zip(("precision", "recall", "f1_score"), found, strict=False))
    figures["accuracy"] = metrics.accuracy_score(true, predicted)
    figures["log_loss"] = metrics.log_loss(true, scores)
    if scores.shape[1] > 2:
        auc = metrics.roc_auc_score(true, scores, multi_class="ovr", average="weighted")
        return {**figures, "roc_auc": auc}
    figures["roc_auc"] = metrics.roc_auc_score(true, scores[:, 1])
    figures["brier_score"] = metrics.brier_score_loss(true, scores[:, 1], pos_label="b")
    return figures


def random_expected(rng: np.random.Generator, curves: int) -> Expected:
    """Any rows with any chances, some cells empty, some sure."""
    rows = rng.integers(0, 4, (curves, 2, 200)) * rng.integers(0, 2, (curves, 1, 200))
    return Expected(rows.astype(float), rng.random((curves, 200)) * 0.8 + 0.1)


def value_of(expected: Expected) -> dict[str, Figure]:
    """Its figures by name."""
    return {figure.name: figure for figure in expected.figures()}


def test_the_calibration_is_an_isotonic_regression() -> None:
    """That of scikit-learn, fitted to the cells of the baseline."""
    scores, true, _ = drawn(np.random.default_rng(1), 3000, 2, sharpness=2)
    baseline = baseline_of(scores, true)
    (one,) = baseline.scores
    rows = np.array(one.rows)
    known = np.flatnonzero(rows)
    regression = IsotonicRegression(out_of_bounds="clip")
    regression.fit(known, np.array(one.true)[known] / rows[known], sample_weight=rows[known])

    calibration = Calibration.of(baseline)

    assert calibration is not None
    assert calibration.classes == ("b",)
    assert calibration.chances[0] == pytest.approx(regression.predict(np.arange(200)))
    assert Calibration.of(baseline) is calibration


@pytest.mark.parametrize("given", [{}, {"target": ["a", "b"] * 50}, {"probabilities": [0.5] * 100}])
def test_no_calibration_without_scores_and_truth(given: dict[str, Any]) -> None:
    """Then nothing is estimated."""
    if "probabilities" in given:
        given = {**given, "predictions": ["a", "b"] * 50}
    baseline = Baseline.from_dataframe(pd.DataFrame({"x": range(100)}), **given)

    assert Calibration.of(baseline) is None


def test_binary_figures_are_those_of_scikit_learn() -> None:
    """Every row is given twice, as true and as false, with the weight of either."""
    expected = random_expected(np.random.default_rng(2), 1)
    cells = np.tile(np.arange(200), 4)
    predicted = np.repeat([0, 1, 0, 1], 200)
    true = np.repeat([1, 1, 0, 0], 200)
    weights = np.concatenate([expected.true[0].ravel(), (expected.rows - expected.true)[0].ravel()])
    p = (cells + 0.5) / 200
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(
        true, predicted, sample_weight=weights, average="weighted"
    )

    figures = {name: figure.value for name, figure in value_of(expected).items()}

    assert figures == pytest.approx(
        {
            "accuracy": metrics.accuracy_score(true, predicted, sample_weight=weights),
            "precision": precision,
            "recall": recall,
            "f1_score": f1,
            "roc_auc": metrics.roc_auc_score(true, p, sample_weight=weights),
            "log_loss": metrics.log_loss(true, p, sample_weight=weights),
            "brier_score": metrics.brier_score_loss(true, p, sample_weight=weights),
        }
    )


def test_figures_of_several_classes_are_those_of_scikit_learn() -> None:
    """Where the probabilities of a row add up to one, so does the confusion matrix."""
    chances, rows = np.zeros((3, 200)), np.zeros((3, 2, 200))
    weighed = []
    for predicted, p in enumerate([(0.6, 0.3, 0.1), (0.25, 0.65, 0.1), (0.2, 0.15, 0.65)]):
        for curve, share in enumerate(p):
            cell = predicted * 10 + curve * 50
            chances[curve, cell] = share
            rows[curve, int(curve == predicted), cell] = 100
            weighed.append((curve, predicted, 100 * share))
    true, answers, weights = map(np.array, zip(*weighed, strict=True))
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(
        true, answers, sample_weight=weights, average="weighted"
    )
    figures = value_of(Expected(rows, chances))

    found = [figures[name].value for name in ("accuracy", "precision", "recall", "f1_score")]
    accuracy = metrics.accuracy_score(true, answers, sample_weight=weights)
    assert found == pytest.approx([accuracy, precision, recall, f1])


@pytest.mark.parametrize("curves", [1, 3])
def test_a_figure_grows_as_it_says(curves: int) -> None:
    """Its growth is its slope, among several classes up to what all rows share."""
    rng = np.random.default_rng(3)
    expected = random_expected(rng, curves)
    figures, step = value_of(expected), 1e-6
    slopes: dict[str, list[float]] = {name: [] for name in figures}
    for curve in range(curves):
        for cell in np.flatnonzero(expected.rows[curve].sum(0))[::9]:
            chances = expected.chances.copy()
            chances[curve, cell] += step
            rows = expected.rows[curve, :, cell]
            for name, moved in value_of(Expected(expected.rows, chances)).items():
                growth = np.broadcast_to(figures[name].growth, expected.rows.shape)
                slope = (moved.value - figures[name].value) / step
                slopes[name].append((slope - rows @ growth[curve, :, cell]) / rows.sum())

    for name, left in slopes.items():
        offset = 0.0 if curves == 1 else np.mean(left)
        assert left == pytest.approx(np.full(len(left), offset), abs=2e-8), name


@pytest.mark.parametrize(("classes", "sharpness"), [(2, 1.0), (2, 2.0), (3, 1.0), (3, 2.0)])
def test_the_estimate_meets_what_is_measured_later(classes: int, sharpness: float) -> None:
    """Within its interval, also when the scores are far too sure of themselves."""
    rng = np.random.default_rng(4)
    scores, true, predicted = drawn(rng, 20_000, classes, sharpness=sharpness)
    baseline = baseline_of(scores, true, predicted)
    calibration = Calibration.of(baseline)
    assert calibration is not None
    scores, true, predicted = drawn(rng, 5_000, classes, sharpness=sharpness)

    estimated = estimate(counted(baseline, scores, predicted).scores, calibration)

    truth = measured(scores, true, predicted)
    assert estimated.n == 5_000
    assert estimated.figures.keys() == truth.keys() == estimated.intervals.keys()
    for name, (low, high) in estimated.intervals.items():
        assert low < estimated.figures[name] < high
        assert low < truth[name] < high, name
        assert high - low < 0.15


def test_the_interval_covers_what_it_promises() -> None:
    """Over new windows and new baselines alike, 95 % of the measured values lie in it."""
    rng = np.random.default_rng(5)
    covered = []
    for _ in range(60):
        scores, true, predicted = drawn(rng, 2_000, 2)
        baseline = baseline_of(scores, true, predicted)
        calibration = Calibration.of(baseline)
        assert calibration is not None
        scores, true, predicted = drawn(rng, 1_000, 2)
        estimated = estimate(counted(baseline, scores, predicted).scores, calibration)
        truth = measured(scores, true, predicted)
        covered += [
            [low <= truth[name] <= high for name, (low, high) in estimated.intervals.items()]
        ]

    assert 0.88 < np.mean(covered) < 0.99


def test_little_is_lost_to_whoever_knows_each_chance() -> None:
    """Though inputs drift and scores are too sure: most of the error is the window's own chance."""
    rng = np.random.default_rng(9)
    found = []
    for _ in range(25):
        scores, true, predicted = drawn(rng, 4_000, 3, sharpness=2)
        baseline = baseline_of(scores, true, predicted)
        calibration = Calibration.of(baseline)
        assert calibration is not None
        scores, true, predicted = drawn(rng, 4_000, 3, sharpness=2)
        hard = np.flatnonzero(rng.random(len(scores)) < 1 - scores.max(1) + scores[:, 0])[:1_000]
        scores, true, predicted = scores[hard], true[hard], predicted[hard]
        estimated = estimate(counted(baseline, scores, predicted).scores, calibration)
        chances = np.sqrt(scores) / np.sqrt(scores).sum(1, keepdims=True)
        ways = (chances.max(1).mean(), estimated.figures["accuracy"])
        accuracy, (low, high) = np.mean(true == predicted), estimated.intervals["accuracy"]
        drop = baseline.performance["accuracy"] - accuracy
        found.append((drop, *(abs(way - accuracy) for way in ways), low <= accuracy <= high))

    drop, floor, error, covered = np.mean(found, axis=0)
    assert drop > 0.04
    assert error < 1.4 * floor
    assert covered > 0.85


def test_a_small_baseline_leaves_more_open() -> None:
    """The interval holds the error of the reference, not only that of the window."""
    rng = np.random.default_rng(6)
    wide: list[float] = []
    narrow: list[float] = []
    for rows, widths in ((300, wide), (30_000, narrow)):
        scores, true, predicted = drawn(rng, rows, 2)
        baseline = baseline_of(scores, true, predicted)
        calibration = Calibration.of(baseline)
        assert calibration is not None
        scores, _, predicted = drawn(rng, 5_000, 2)
        low, high = estimate(counted(baseline, scores, predicted).scores, calibration).intervals[
            "accuracy"
        ]
        widths.append(high - low)

    assert wide[0] > 2 * narrow[0]


def test_nothing_is_estimated_of_nothing() -> None:
    """A window without probabilities, or of other classes, has no figures and no rows."""
    scores, true, predicted = drawn(np.random.default_rng(7), 500, 2)
    baseline = baseline_of(scores, true, predicted)
    calibration = Calibration.of(baseline)
    assert calibration is not None

    for rollup in (counted(baseline, scores[:0], predicted[:0]), None):
        estimated = estimate(rollup.scores if rollup else {}, calibration)
        assert (estimated.n, estimated.figures, estimated.intervals) == (0, {}, {})


def test_a_baseline_that_is_never_wrong() -> None:
    """Some figures are not defined where only one class is expected; the others are exact."""
    frame = pd.DataFrame({"x": range(400)})
    truth = ["no", "yes"] * 200
    baseline = Baseline.from_dataframe(
        frame, target=truth, predictions=truth, probabilities=[0.1, 0.9] * 200
    )
    calibration = Calibration.of(baseline)
    assert calibration is not None
    rows = [Row([0], "no", 0.1)] * 50
    served = Served(0, "", 0.0, STATUSES.index("success"), None, True, rows)
    estimated = estimate(Rollup.of(baseline.binning(), [served]).scores, calibration)

    assert estimated.n == 50
    assert estimated.figures["accuracy"] == 1.0
    assert estimated.intervals["accuracy"][0] < 1.0
    assert not estimated.figures.keys() & OF_SCORES


def test_no_ranking_that_the_baseline_does_not_know() -> None:
    """Without exact figures of the baseline, those of coarse cells cannot be made up."""
    scores, true, predicted = drawn(np.random.default_rng(8), 1000, 3)
    baseline = baseline_of(scores * [1, 1, 0.5], true, predicted)
    calibration = Calibration.of(baseline)
    assert calibration is not None

    estimated = estimate(counted(baseline, scores, predicted).scores, calibration)

    assert estimated.figures.keys() == {"accuracy", "precision", "recall", "f1_score"}
