"""How far two vectors of counts are apart, and whether chance explains it.

Each function compares the counts of a baseline (*expected*) with those of a window (*observed*),
cell by cell. Both are samples: N rows and M rows, and ``s = 1/N + 1/M`` is what their sizes
contribute to every figure. With no drift a figure exceeds its critical value in a share *alpha* of
all windows.
"""

import math
from typing import Final, SupportsFloat

import msgspec
import numpy as np
from numpy.typing import ArrayLike

from flask_mlmonitor.stats.cells.columns import Floats
from flask_mlmonitor.stats.drift.pairs import Pair, pair_of

RARE: Final = 5.0
"""The expected count below which the chi-square approximation is not to be trusted."""


class Distance(msgspec.Struct, frozen=True, kw_only=True):
    """How far apart two vectors of counts are; it is compared and formatted as its score.

    >>> found = psi([500] * 10, [20] * 10)
    >>> found < 0.1, f"{found:.2f}"
    (True, '0.00')

    :param score: 0 for equal shares.
    :param critical: what no drift exceeds with the probability *alpha*, at these sizes.
    :param p_value: the probability that no drift gives such a score or a larger one.
    :param n_expected: rows of the baseline, N.
    :param n_observed: rows of the window, M.
    """

    score: float
    critical: float
    p_value: float
    n_expected: int
    n_observed: int

    def __float__(self) -> float:
        return self.score

    def __format__(self, spec: str) -> str:
        return format(self.score, spec) if spec else str(self)

    def __lt__(self, other: SupportsFloat) -> bool:
        return self.score < float(other)

    def __le__(self, other: SupportsFloat) -> bool:
        return self.score <= float(other)

    def __gt__(self, other: SupportsFloat) -> bool:
        return self.score > float(other)

    def __ge__(self, other: SupportsFloat) -> bool:
        return self.score >= float(other)


def psi(
    expected: ArrayLike,
    observed: ArrayLike,
    *,
    alpha: float = 0.05,
    min_effect: float = 0.0,
) -> Distance:
    """Return the population stability index, ``sum((q - p) * ln(q / p))``.

    Cells that are empty on both sides are dropped; of the K that are left, each share is
    ``(n + 1/2) / (N + K/2)``. Below 0.1 is commonly called no drift, from 0.2 on significant;
    what that means depends on the sizes, and *critical* says it for these.

    The critical value and p follow from the non-central chi-square distribution of ``PSI / s``
    with K - 1 degrees of freedom (Potgieter et al., arXiv 2307.11878).

    >>> found = psi([500] * 10, [20] * 10)
    >>> round(found.score, 3), round(found.critical, 3), round(found.p_value, 3)
    (0.0, 0.088, 1.0)
    >>> round(psi([500] * 10, [38, *[18] * 9]).score, 3)
    0.064

    :param expected: K counts.
    :param observed: K counts of the same cells.
    :param alpha: the share of false alarms, of windows whose PSI is *min_effect*.
    :param min_effect: the largest PSI that does not matter.
    :raises NotEnoughData: when one side has no rows.
    :raises ValueError: for counts that are none, or that are not of the same cells.
    """
    from scipy.special import chdtrc, chdtri, chndtr, chndtrix

    pair = pair_of(expected, observed, alpha)
    p, q = _smoothed(pair.old, pair.n), _smoothed(pair.new, pair.m)
    score, spread, free = float((q - p) @ np.log(q / p)), pair.spread, len(p) - 1
    if not free:
        return _distance(pair, 0.0, min_effect, 1.0)
    if not min_effect:
        critical, p_value = chdtri(free, alpha), chdtrc(free, score / spread)
    else:
        shift = min_effect / spread
        critical, p_value = (
            chndtrix(1 - alpha, free, shift),
            1 - chndtr(score / spread, free, shift),
        )
    return _distance(pair, score, spread * critical, p_value)


def chi_square(expected: ArrayLike, observed: ArrayLike, *, alpha: float = 0.05) -> Distance:
    """Return the chi-square statistic of homogeneity of the two samples.

    ``sum((M * r - N * c)**2 / (r + c)) / (N * M)`` over counts r and c, without a continuity
    correction: neither side counts as exact. Cells in which either side expects fewer than 5 rows
    are pooled into one.

    >>> found = chi_square([10, 10, 20], [20, 20, 20])
    >>> round(found.score, 4), round(found.p_value, 4)
    (2.7778, 0.2494)

    :param expected: K counts.
    :param observed: K counts of the same cells.
    :raises NotEnoughData: when one side has no rows.
    :raises ValueError: for counts that are none, or that are not of the same cells.
    """
    from scipy.special import chdtrc, chdtri

    pair = pair_of(expected, observed, alpha)
    r, c = _pooled(pair)
    free = len(r) - 1
    if not free:
        return _distance(pair, 0.0, 0.0, 1.0)
    n, m = pair.n, pair.m
    score = float(((m * r - n * c) ** 2 / (r + c)).sum() / (n * m))
    return _distance(pair, score, chdtri(free, alpha), chdtrc(free, score))


def ks(expected: ArrayLike, observed: ArrayLike, *, alpha: float = 0.05) -> Distance:
    """Return the Kolmogorov-Smirnov distance of two samples that were counted in ordered cells.

    It is at most the distance of the raw values, and falls short of it by no more than the share
    of the fullest cell; p is that of Kolmogorov's limit, so a binned p is never too small.

    >>> round(ks([50, 50], [25, 75]).score, 3)
    0.25

    :param expected: counts of ascending cells.
    :param observed: counts of the same cells.
    :raises NotEnoughData: when one side has no rows.
    :raises ValueError: for counts that are none, or that are not of the same cells.
    """
    from scipy.special import kolmogi, kolmogorov

    pair = pair_of(expected, observed, alpha, ordered=True)
    score = float(np.abs(pair.gaps).max())
    root = math.sqrt(pair.spread)
    return _distance(pair, score, kolmogi(alpha) * root, kolmogorov(score / root))


def jensen_shannon(expected: ArrayLike, observed: ArrayLike, *, alpha: float = 0.05) -> Distance:
    """Return the Jensen-Shannon distance: the root of the divergence in nats, at most 0.8326.

    It is that of ``scipy.spatial.distance.jensenshannon``. With no drift ``8 * divergence / s``
    follows a chi-square distribution with K - 1 degrees of freedom.

    >>> round(jensen_shannon([1, 1], [2, 0]).score, 4)
    0.4645

    :param expected: K counts.
    :param observed: K counts of the same cells.
    :raises NotEnoughData: when one side has no rows.
    :raises ValueError: for counts that are none, or that are not of the same cells.
    """
    from scipy.special import chdtrc, chdtri, rel_entr

    pair = pair_of(expected, observed, alpha)
    p, q = pair.old / pair.n, pair.new / pair.m
    middle = (p + q) / 2
    divergence = max(0.0, float((rel_entr(p, middle) + rel_entr(q, middle)).sum()) / 2)
    spread, free = pair.spread, len(p) - 1
    if not free:
        return _distance(pair, 0.0, 0.0, 1.0)
    critical = math.sqrt(chdtri(free, alpha) * spread / 8)
    p_value = chdtrc(free, 8 * divergence / spread)
    return _distance(pair, math.sqrt(divergence), critical, p_value)


def wasserstein(
    expected: ArrayLike,
    observed: ArrayLike,
    *,
    positions: ArrayLike,
    scale: float = 1.0,
    alpha: float = 0.05,
) -> Distance:
    """Return the Wasserstein-1 distance, the area between the distribution functions.

    With no drift it is ``sqrt(s)`` times the area below the absolute value of a Brownian bridge;
    mean and variance of that area are exact for the pooled shares, and a gamma distribution with
    these two gives the critical value and p.

    >>> round(wasserstein([5, 5, 0], [0, 5, 5], positions=[0, 1, 2], scale=0.5).score, 12)
    2.0

    :param expected: counts of ascending cells.
    :param observed: counts of the same cells.
    :param positions: the value that stands for each cell, ascending.
    :param scale: what the distance is divided by, such as the baseline's standard deviation.
    :raises NotEnoughData: when one side has no rows.
    :raises ValueError: for counts that are none, not of the same cells, or no positive scale.
    """
    from scipy.special import gammaincc, gammainccinv

    if not (scale > 0 and math.isfinite(scale)):
        raise ValueError(f"scale = {scale!r}: give a positive number")
    pair = pair_of(expected, observed, alpha, ordered=True)
    places = np.asarray(positions, np.float64)
    ascending = np.isfinite(places).all() and (np.diff(places) >= 0).all()
    if places.shape != pair.old.shape or not ascending:
        raise ValueError(f"positions: give {len(pair.old)} finite numbers that ascend")
    widths = np.diff(places) / scale
    pooled = np.cumsum(pair.old + pair.new)[:-1] / (pair.n + pair.m)
    score = float(np.abs(pair.gaps[:-1]) @ widths)
    mean, variance = _bridge_area(pooled, widths)
    if not variance > 0:
        return _distance(pair, score, 0.0, 0.0 if score else 1.0)
    shape, size = mean * mean / variance, variance / mean * math.sqrt(pair.spread)
    critical = gammainccinv(shape, alpha) * size
    return _distance(pair, score, critical, gammaincc(shape, score / size))


def _bridge_area(shares: Floats, widths: Floats) -> tuple[float, float]:
    """Return mean and variance of the area below a Brownian bridge's absolute value.

    :param shares: where the bridge is looked at, between 0 and 1.
    :param widths: how wide each of those places is.
    """
    deviation = np.sqrt(shares * (1 - shares))
    seen = deviation * widths > 0
    shares, deviation, widths = shares[seen], deviation[seen], widths[seen]
    low, high = np.minimum.outer(shares, shares), np.maximum.outer(shares, shares)
    r = np.clip(low * (1 - high) / np.outer(deviation, deviation), 0, 1)
    # E|XY| of two normal variables with unit variance and correlation r.
    product = 2 / math.pi * (np.sqrt(1 - r * r) + r * np.arcsin(r))
    weights = deviation * widths
    mean = math.sqrt(2 / math.pi) * float(weights.sum())
    return mean, float(weights @ product @ weights) - mean * mean


def _smoothed(counts: Floats, total: float) -> Floats:
    smoothed: Floats = (counts + 0.5) / (total + 0.5 * len(counts))
    return smoothed


def _pooled(pair: Pair) -> tuple[Floats, Floats]:
    """Return both sides with the rare cells as one, which takes in more while it is rare itself."""
    old, new = pair.old, pair.new
    both = old + new
    least = RARE * (pair.n + pair.m) / min(pair.n, pair.m)
    rare = int(np.count_nonzero(both < least))
    if not rare:
        return old, new
    order = np.argsort(both, kind="stable")
    if both[order[:rare]].sum() < least and rare < len(both):
        rare += 1
    if rare < 2:
        return old, new
    keep, pool = order[rare:], order[:rare]
    return (
        np.concatenate([old[keep], [old[pool].sum()]]),
        np.concatenate([new[keep], [new[pool].sum()]]),
    )


def _distance(pair: Pair, score: float, critical: float, p_value: float) -> Distance:
    return Distance(
        score=float(score),
        critical=float(critical),
        p_value=float(p_value),
        n_expected=int(pair.n),
        n_observed=int(pair.m),
    )
