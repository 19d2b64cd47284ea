"""95 % confidence intervals of figures, from counts and sums."""

import math
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from flask_mlmonitor.stats.cells.columns import Counts, Floats
from flask_mlmonitor.stats.cells.scores import Places
from flask_mlmonitor.stats.measures.errors import ErrorSums
from flask_mlmonitor.stats.measures.figures import Area
from flask_mlmonitor.stats.measures.losses import LossSums

Interval = tuple[float, float]
Intervals = dict[str, Interval]

_Z: Final = 1.959963984540054
"""Of the normal distribution, 95 % lie within so many standard deviations of the mean."""
_MANY: Final = 30
"""The mean of fewer losses or errors, which are skewed, is not yet distributed normally."""
_MET: Final = 5
"""Nor is that of losses if a class, or all others, were met less often."""
_NONE: Final = 1e-12
"""What rounding leaves of nothing."""


def of_share(share: float, n: float) -> Interval:
    """Return the interval of a share of *n* rows (Wilson 1927).

    It keeps its coverage for few rows and for shares of 0 and 1, where the usual one is empty.

    >>> [round(end, 4) for end in of_share(12 / 12, 12)]
    [0.7575, 1.0]
    """
    center = share + _Z**2 / (2 * n)
    reach = _Z * math.sqrt(share * (1 - share) / n + (_Z / (2 * n)) ** 2)
    low, high = (center - reach) / (1 + _Z**2 / n), (center + reach) / (1 + _Z**2 / n)
    return max(min(low, share), 0.0), min(max(high, share), 1.0)


def of_estimate(value: float, variance: float, n: float) -> Interval:
    """Return the interval of a figure between 0 and 1 that is more than a share.

    It is Wilson's for as many rows as would give a share the same variance, at most *n* (Korn and
    Graubard 1998, "Confidence intervals for proportions with small expected number of positive
    counts estimated from survey data"; Dean and Pagano 2015).

    :param variance: of the figure.
    """
    binomial = value * (1 - value)
    if binomial < _NONE or variance * n <= binomial:
        return of_share(value, n)
    return of_share(value, max(binomial / variance, 1.0))


def of_mean(n: float, total: float, squares: float) -> Interval | None:
    """Return the interval of the mean of *n* values that are not negative, from their sums.

    The mean of many values is distributed normally, its variance is theirs over n.

    >>> of_mean(100, 100.0, 200.0)
    (0.8030..., 1.1969...)

    :param squares: the sum of the squared values.
    :return: ``None`` for fewer than 30 values, and where the squares lie beyond float64.
    """
    if n < _MANY:
        return None
    mean = total / n
    spread = squares / n - mean * mean
    # Squares too small or too large for float64 would give an interval that is too narrow.
    if not math.isfinite(spread) or squares < total * mean * (1 - 1e-9):
        return None
    reach = _Z * math.sqrt(max(spread, 0.0) / (n - 1))
    return max(mean - reach, 0.0), mean + reach


def of_classes(
    figures: Mapping[str, float], true: Places, predicted: Places, counts: Counts
) -> Intervals:
    """Return the intervals of the weighted figures.

    :param true: the label of each pair of labels that was met; *predicted* likewise.
    :param counts: how often.
    """
    n = int(counts.sum())
    share = of_share(figures["accuracy"], n)
    of_precision, of_f1 = _variances(true, predicted, counts / n)
    return {
        "accuracy": share,
        "precision": of_estimate(figures["precision"], of_precision / n, n),
        # Weighted by the support of each class, recall is accuracy.
        "recall": share,
        "f1_score": of_estimate(figures["f1_score"], of_f1 / n, n),
    }


def of_scores(areas: Sequence[Area], losses: LossSums) -> Intervals:
    """Return the intervals of ROC-AUC, log loss and Brier score.

    The area of several classes is taken for one of areas that rise and fall together, so that its
    interval is too wide rather than too narrow.
    """
    found: dict[str, Interval | None] = {}
    if areas and min(min(area.support, int(area.false.sum())) for area in areas) >= _MET:
        found["log_loss"] = of_mean(losses.n, losses.log, losses.log_squares)
        found["brier_score"] = of_mean(losses.n, losses.brier, losses.brier_squares)
    if areas:
        weights = [area.support for area in areas]
        low, high = np.average([_of_area(*area) for area in areas], axis=0, weights=weights)
        found["roc_auc"] = (float(low), float(high))
    return {name: ends for name, ends in found.items() if ends is not None}


def of_errors(sums: ErrorSums) -> Intervals:
    """Return the intervals of MSE, RMSE and MAE."""
    squared = of_mean(sums.n, sums.square, sums.fourth)
    absolute = of_mean(sums.n, sums.absolute, sums.square)
    found: Intervals = {} if absolute is None else {"mae": absolute}
    if squared is not None:
        found |= {"mse": squared, "rmse": (math.sqrt(squared[0]), math.sqrt(squared[1]))}
    return found


def _variances(true: Places, predicted: Places, shares: Floats) -> tuple[float, float]:
    """Return n times the variances of weighted precision and weighted F1, by the delta method.

    With the shares r of the true, c of the predicted labels and d of both, precision is
    Σ r d/c and F1 is Σ r 2d/(r+c). Their gradients g over the pairs of labels give n times the
    variance, Σ π g² - (Σ π g)², of a function of multinomial shares π (Bishop, Fienberg and
    Holland 1975, "Discrete multivariate analysis", 14.6).
    """
    hit = true == predicted
    size = int(max(true.max(), predicted.max())) + 1
    r, c, d = (
        np.bincount(places, weights, size).astype(np.float64)
        for places, weights in ((true, shares), (predicted, shares), (true[hit], shares[hit]))
    )
    precision, weight = _over(d, c), _over(r, c)
    f1, half = _over(2 * d, r + c), _over(r, r + c)
    of_precision = (
        precision[true] + np.where(hit, weight[true], 0) - (weight * precision)[predicted]
    )
    of_f1 = f1[true] + np.where(hit, 2 * half[true], 0) - (half * f1)[true] - (half * f1)[predicted]
    return _variance(shares, of_precision), _variance(shares, of_f1)


def _over(part: Floats, whole: Floats) -> Floats:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


def _variance(shares: Floats, values: Floats) -> float:
    mean = float(shares @ values)
    return float(shares @ np.square(values - mean))


def _of_area(area: float, false: Counts, true: Counts) -> Interval:
    """Return the interval of an area under the ROC curve, for as many rows as its variance says.

    The variance (DeLong, DeLong and Clarke-Pearson 1988) is that of the share of the others below
    a row of the class, and that of the share of the class above another row, each over its rows.
    At most the harmonic mean of the two is counted twice; only the rarer where nothing varies.
    """
    others, own = int(false.sum()), int(true.sum())
    below = (np.cumsum(false) - false / 2) / others
    above = 1 - (np.cumsum(true) - true / 2) / own
    variance = _variance(true / own, below) / max(own - 1, 1)
    variance += _variance(false / others, above) / max(others - 1, 1)
    return of_estimate(
        area, variance, 4 * own * others / (own + others) if variance else min(own, others)
    )
