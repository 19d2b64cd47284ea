"""How well the model does where no truth has come: what its own probabilities lead to expect.

Confidence-based performance estimation (CBPE; Kivimäki et al., arXiv 2505.05295): a row to which
the model gives a probability is right with just this probability, if the model is calibrated. It
is calibrated here, on the baseline. No estimate sees that the truth itself has changed: for that
there is :mod:`~flask_mlmonitor.stats.performance.concept`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import msgspec
import numpy as np

from flask_mlmonitor.stats.baselines.baseline import Baseline
from flask_mlmonitor.stats.baselines.features import ReferenceScores
from flask_mlmonitor.stats.cells.columns import Floats
from flask_mlmonitor.stats.cells.scores import Scores
from flask_mlmonitor.stats.performance.expected import (
    OF_SCORES,
    Expected,
    Figure,
    figures_of_scores,
)

SIDED: Final = 1.959964
"""Standard deviations on either side of a 95 % interval."""


class Estimated(msgspec.Struct, frozen=True, kw_only=True):
    """What a window's performance should be, if the truth is what it was in the baseline.

    :param n: rows with usable probabilities.
    :param figures: accuracy, precision, recall, f1_score, roc_auc, log_loss and brier_score, as
        far as they are defined; averages are weighted, as those of measured performance are.
    :param intervals: of 95 %: what chance decides in this window, and what the baseline's own
        rows leave open.
    """

    n: int
    figures: Mapping[str, float] = {}
    intervals: Mapping[str, tuple[float, float]] = {}


class _Curve:
    """From the score cells of one class to the probability of this class."""

    def __init__(self, rows: Floats, true: Floats) -> None:
        from sklearn.isotonic import isotonic_regression

        known = np.flatnonzero(rows)
        fitted = isotonic_regression(true[known] / rows[known], sample_weight=rows[known])
        # Where the probability does not rise, rows were pooled: their chances err together.
        pool = (np.diff(fitted, prepend=fitted[0]) > 0).cumsum()
        pooled, hits = np.bincount(pool, rows[known]), np.bincount(pool, true[known])
        shares = np.eye(len(pooled))[:, pool]
        self.pools = np.array([np.interp(np.arange(len(rows)), known, one) for one in shares])
        self.chances = (hits / pooled) @ self.pools
        # That none of a few rows was of the class does not make it impossible.
        likely = (hits + 0.5) / (pooled + 1)
        self.variances = likely * (1 - likely) / pooled


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """The probability of each class per score cell, as the baseline's rows have it.

    :param classes: of two the positive one, else all.
    :param chances: per class and score cell.
    :param rows: of the baseline, with scores and truth.
    :param finer: what the baseline's figures exceed those of the middles of its score cells by.
    """

    classes: tuple[str, ...]
    chances: Floats
    rows: int
    finer: Mapping[str, float]
    _curves: Sequence[_Curve]

    @classmethod
    def of(cls, baseline: Baseline) -> "Calibration | None":
        """Fit one by isotonic regression; ``None`` where the baseline has no scores with truth."""
        if not baseline.scores or not all(one.true and sum(one.rows) for one in baseline.scores):
            return None
        return _calibration(baseline.scores, tuple(baseline.performance.items()))

    def variance(self, growth: Floats) -> float:
        """Return the variance that the baseline's own rows leave to a figure.

        :param growth: per class and score cell, by how much the figure grows with the chance.
        """
        pairs = zip(self._curves, growth, strict=True)
        return float(sum((curve.pools @ one) ** 2 @ curve.variances for curve, one in pairs))


@lru_cache(maxsize=64)
def _calibration(
    scores: tuple[ReferenceScores, ...], performance: tuple[tuple[str, float], ...]
) -> Calibration:
    rows, true = (np.array([getattr(one, name) for one in scores]) for name in ("rows", "true"))
    curves = [_Curve(*pair) for pair in zip(rows.astype(float), true.astype(float), strict=True)]
    chances = np.array([curve.chances for curve in curves])
    coarse = {one.name: one.value for one in figures_of_scores(true, rows - true)}
    finer = {name: value - coarse[name] for name, value in performance if name in coarse}
    return Calibration(
        tuple(one.name for one in scores), chances, int(rows[0].sum()), finer, curves
    )


def estimate(scores: Mapping[str, Scores], calibration: Calibration) -> Estimated:
    """Return what performance the probabilities of a window lead to expect.

    The calibrated cells give the expected confusion matrix, from which scikit-learn computes the
    figures. Of more than two classes each is calibrated against the rest, and nothing makes the
    probabilities of a row add up to one again; accuracy needs only that of the predicted class.

    The variance of a figure is that of a Poisson-binomial sum, each row with the weight by which
    the figure grows, plus what the baseline's own sampling error adds (the delta method).

    >>> import pandas as pd
    >>> chances, truth = [0.9] * 100 + [0.2] * 100, [1] * 80 + [0] * 120
    >>> frame = pd.DataFrame({"age": range(200)})
    >>> baseline = Baseline.from_dataframe(frame, target=truth, probabilities=chances)
    >>> window = Scores(others=(0,) * 40 + (50,) + (0,) * 159, own=(0,) * 180 + (150,) + (0,) * 19)
    >>> estimated = estimate({"1": window}, Calibration.of(baseline))
    >>> estimated.n, round(estimated.figures["accuracy"], 3)
    (200, 0.85)
    """
    if not scores.keys() >= set(calibration.classes):
        return Estimated(n=0)
    rows = np.array([[scores[name].others, scores[name].own] for name in calibration.classes])
    expected = Expected(rows.astype(np.float64), calibration.chances)
    if not expected.n:
        return Estimated(n=0)
    figures = [
        figure._replace(value=figure.value + calibration.finer.get(figure.name, 0.0))
        for figure in expected.figures()
        if figure.name in calibration.finer or figure.name not in OF_SCORES
    ]
    return Estimated(
        n=int(expected.n),
        figures={figure.name: figure.value for figure in figures},
        intervals={one.name: _interval(one, expected, calibration) for one in figures},
    )


def _interval(figure: Figure, expected: Expected, calibration: Calibration) -> tuple[float, float]:
    growth = np.broadcast_to(figure.growth, expected.rows.shape)
    chance = float((expected.uncertain * growth**2).sum())
    deviation = (chance + calibration.variance((expected.rows * growth).sum(1))) ** 0.5
    most = np.inf if figure.name == "log_loss" else 1.0
    low, high = figure.value - SIDED * deviation, figure.value + SIDED * deviation
    return max(low, 0.0), float(min(high, most))
