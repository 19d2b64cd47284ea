"""What the sums of predictions and their ground truth say about a model: its performance."""

from collections.abc import Mapping
from typing import Any

import msgspec

from flask_mlmonitor.stats.baselines.baseline import Baseline
from flask_mlmonitor.stats.measures import figures, intervals
from flask_mlmonitor.stats.measures.figures import ClassFigures
from flask_mlmonitor.stats.measures.intervals import Interval
from flask_mlmonitor.stats.performance.arrays import sums_of
from flask_mlmonitor.stats.performance.truth import TruthSums


class Measured(msgspec.Struct, frozen=True):
    """The performance of a model, measured.

    :param n: rows with a usable prediction and ground truth.
    :param figures: by name, as in :attr:`Baseline.performance`; what is not defined is left out.
    :param intervals: the 95 % confidence intervals of some of them.
    :param per_class: of each label that was met, as truth or as prediction.
    """

    n: int
    figures: Mapping[str, float] = {}
    intervals: Mapping[str, Interval] = {}
    per_class: Mapping[str, ClassFigures] = {}


def measure(sums: TruthSums) -> Measured:
    """Return the figures of sums, equal to scikit-learn's over the rows.

    >>> from flask_mlmonitor.stats.performance.truth import TruthLayout, TruthRow
    >>> rows = [TruthRow(1, None, 1, 0.0), TruthRow(1, None, 0, 0.0)]
    >>> measured = measure(TruthSums.of(TruthLayout(), rows))
    >>> measured.figures["accuracy"], measured.per_class["1"].precision
    (0.5, 0.5)
    """
    if sums.task == "regression":
        found = figures.of_errors(sums.errors)
        return Measured(sums.n, found, intervals.of_errors(sums.errors))
    areas = figures.areas_of(sums.ranking)
    scores = figures.of_scores(areas, sums.losses)
    bounds = intervals.of_scores(areas, sums.losses) if scores else {}
    table = sums.pairs.table()
    if table is None or not len(table.counts):
        return Measured(sums.n, scores, bounds)
    cells = table.true, table.predicted, table.counts
    each = figures.of_each_class(table.labels, *cells)
    found = figures.of_classes(each, *cells)
    bounds = intervals.of_classes(found, *cells) | bounds
    return Measured(sums.n, found | scores, bounds, each)


def measure_arrays(
    predictions: Any,
    ground_truth: Any,
    probabilities: Any = None,
    baseline: Baseline | None = None,
    task: str | None = None,
) -> Measured:
    """Return the figures of columns of equal length: lists, arrays or Series.

    >>> measure_arrays([2.5, 0.0, 2.1, 7.8], [3.0, -0.5, 2.0, 7.0]).figures["mae"]
    0.475

    :param probabilities: P(positive), or one column for each class as scikit-learn gives them.
    :param baseline: tells the classes and the task; without, the values do.
    :param task: "classification" or "regression", where there is no baseline.
    :raises ConfigError: for columns that do not fit, or without a usable row.
    """
    return measure(sums_of(predictions, ground_truth, probabilities, baseline=baseline, task=task))
