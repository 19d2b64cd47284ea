"""Figures of performance by scikit-learn, over rows or over cells with their counts as weights."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from flask_mlmonitor.stats.cells.columns import Counts, Floats
from flask_mlmonitor.stats.cells.scores import Places
from flask_mlmonitor.stats.measures.errors import ErrorSums
from flask_mlmonitor.stats.measures.losses import LossSums
from flask_mlmonitor.stats.measures.ranking import Ranking

Weights = Counts | Floats | None


class ClassFigures(msgspec.Struct, frozen=True):
    """How well one class is recognised.

    :param support: rows that are truly of it.
    """

    precision: float
    recall: float
    f1_score: float
    support: int


def of_each_class(
    labels: Sequence[str], true: Places, predicted: Places, weights: Weights = None
) -> Mapping[str, ClassFigures]:
    """Return the figures of each label, 0 where its denominator is.

    >>> of_each_class(["no", "yes"], np.array([0, 1]), np.array([0, 0]))["no"]
    ClassFigures(precision=0.5, recall=1.0, f1_score=0.6666666666666666, support=1)

    :param true: places among the labels; *predicted* likewise.
    :param weights: how often each pair was met; default: once.
    """
    from sklearn import metrics

    columns = metrics.precision_recall_fscore_support(
        true,
        predicted,
        labels=np.arange(len(labels)),
        sample_weight=weights,
        zero_division=0,
    )
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return {
        name: ClassFigures(precision, recall, f1, round(support))
        for name, (precision, recall, f1, support) in zip(labels, rows, strict=True)
    }


def of_classes(
    each: Mapping[str, ClassFigures], true: Places, predicted: Places, weights: Weights = None
) -> dict[str, float]:
    """Return accuracy, and precision, recall and F1 weighted by the support of each class.

    >>> true, predicted = np.array([0, 1]), np.array([0, 0])
    >>> of_classes(of_each_class(["no", "yes"], true, predicted), true, predicted)["accuracy"]
    0.5

    :param each: the figures of each class.
    """
    if not len(true):
        return {}
    support = [one.support for one in each.values()]
    weighted = {
        name: float(np.average([getattr(one, name) for one in each.values()], weights=support))
        for name in ("precision", "recall", "f1_score")
    }
    return {"accuracy": float(np.average(true == predicted, weights=weights)), **weighted}


def of_scores(areas: Sequence["Area"], losses: LossSums) -> dict[str, float]:
    """Return ROC-AUC, log loss and Brier score.

    The area needs rows of each class and others; of several classes it is that of each against
    the rest, weighted by its support. Numbers that do not add up to 1 over the classes are no
    probabilities: none is given if more than one row in twenty has such.
    """
    if not losses.n or 20 * losses.improper > losses.n:
        return {}
    found = {"log_loss": losses.log / losses.n, "brier_score": losses.brier / losses.n}
    if areas:
        weights = [area.support for area in areas]
        found["roc_auc"] = float(np.average([area.value for area in areas], weights=weights))
    return found


class Area(NamedTuple):
    """The area under the ROC curve of one class against the rest.

    :param false: rows at each rank of the probability that are not of the class.
    :param true: those that are.
    """

    value: float
    false: Counts
    true: Counts

    @property
    def support(self) -> int:
        """Rows of the class."""
        return int(self.true.sum())


def areas_of(ranking: Ranking) -> list[Area]:
    """Return the area of each scored class; none if one of them was not met, or nothing else."""
    areas = []
    for place in range(ranking.classes):
        false, true = ranking.ranks(place)
        if not false.any() or not true.any():
            return []
        areas.append(Area(area_under(false, true), false, true))
    return areas


def area_under(false: Counts | Floats, true: Counts | Floats) -> float:
    """Return the area under the ROC curve; rows at each rank of the probability, ascending.

    >>> area_under(np.array([1, 1]), np.array([0, 2]))
    0.75

    :param false: rows that are not of the class, one at least; *true* those that are, likewise.
    """
    from sklearn.metrics import auc

    x, y = (np.append(0.0, rows[::-1].cumsum() / rows.sum()) for rows in (false, true))
    return float(auc(x, y))


def of_errors(sums: ErrorSums) -> dict[str, float]:
    """Return MSE, RMSE, MAE and R², as far as they are finite; R² needs two rows.

    R² is 1 - Σ e² / Σ (y - ȳ)²; of a constant truth 1 or 0, as scikit-learn has it.

    >>> of_errors(ErrorSums.of(np.array([1.0, 3.0]), np.array([1.0, 2.0])))["r2"]
    0.5
    """
    if not sums.n:
        return {}
    mse = sums.square / sums.n
    found = {"mse": mse, "rmse": math.sqrt(mse), "mae": sums.absolute / sums.n}
    if sums.n > 1:
        constant = 0.0 if sums.square else 1.0
        found["r2"] = 1 - sums.square / sums.spread if sums.spread else constant
    return {name: value for name, value in found.items() if math.isfinite(value)}
