"""How far chance carries a sum from its expectation: once, and ever in a long time.

Sums of errors are skewed where errors are rare, and far out that decides: a normal distribution
would call many a lucky streak impossible. A gamma distribution with the same variance and third
moment (Pearson's type III) follows the tails of binomial, Poisson-binomial and Poisson sums.
"""

import math
from typing import Final, NamedTuple

import numpy as np

from flask_mlmonitor.stats.cells.columns import Floats

_SYMMETRIC: Final = 1e-3
"""Below this skewness a sum is as good as normal."""

_LARGEST: Final = 300.0
"""The exponent of a number of steps that nobody lives to see."""


class Chance(NamedTuple):
    """The second and third central moments of a sum; those of independent sums add."""

    variance: float
    third: float

    @property
    def _shape(self) -> float:
        return 4 * self.variance**3 / self.third**2

    @property
    def _scale(self) -> float:
        return self.third / (2 * self.variance)

    @property
    def _is_normal(self) -> bool:
        return abs(self.third) <= _SYMMETRIC * math.sqrt(self.variance) ** 3

    def limits(self, level: float) -> tuple[float, float]:
        """Return what a deviation stays between, but for a probability of *level*.

        >>> low, high = Chance(variance=25.0, third=0.0).limits(0.05)
        >>> round(low, 2), round(high, 2)
        (-9.8, 9.8)
        >>> _, high = Chance(variance=5.0, third=5.0).limits(0.0001)
        >>> round(5 + high, 1)  # a Poisson sum of 5 is 16 or more with a probability of 0.00007
        16.1
        """
        from scipy import special

        if self._is_normal:
            far = float(special.ndtri(1 - level / 2)) * math.sqrt(self.variance)
            return -far, far
        shape, scale = self._shape, self._scale
        low, high = special.gammaincinv(shape, level / 2), special.gammainccinv(shape, level / 2)
        ends = sorted((float(scale * (low - shape)), float(scale * (high - shape))))
        return ends[0], ends[1]

    def exponents(self, drifts: Floats) -> Floats:
        """Return the theta of ``E[exp(theta * (X - drift))] = 1``, which is not 0, for each drift.

        The probability that a sum of such steps ever exceeds b falls as ``exp(-theta * b)``. Of a
        normal distribution it is ``2 * drift / variance``.

        >>> Chance(variance=25.0, third=0.0).exponents(np.array([5.0]))
        array([0.4])
        """
        if self._is_normal:
            return 2 * drifts / self.variance
        from scipy.special import lambertw

        # -log(1 - u) = (1 + r) * u, with u = scale * theta
        r = np.maximum(drifts / (self._scale * self._shape), -0.9)
        c = 1 + r
        branch = np.where(r > 0, 0, -1)
        u = 1 + np.real(lambertw(-c * np.exp(-c), branch)) / c
        near: Floats = np.where(np.abs(r) < _SYMMETRIC, 2 * r - 8 / 3 * r**2, u)
        return near / self._scale


def run_length(barrier: float, drifts: Floats, step: Chance) -> Floats:
    """Return after how many steps, on average, a cumulative sum that is kept above 0 passes b.

    With a drift of -mu and theta as :meth:`Chance.exponents` has it, the mean time in which a
    reflected Brownian motion reaches *barrier* is ``(exp(theta b) - 1 - theta b) / (theta mu)``.
    It follows from the equation of the mean time T(x) from x, ``s2/2 T'' - mu T' = -1`` with
    ``T'(0) = 0`` and ``T(b) = 0`` (Bagshaw and Johnson, Technometrics 17, 1975; Siegmund,
    Sequential Analysis, 1985, chapter II).

    >>> run_length(5.0, np.array([0.5, 0.0]), Chance(1.0, 0.0)).round(1).tolist()
    [284.8, 25.0]
    """
    exponents = step.exponents(drifts)
    x = np.minimum(exponents * barrier, _LARGEST)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = (np.expm1(x) - x) / (exponents * drifts)
    level: Floats = np.where(np.abs(x) < 1e-4, barrier**2 / step.variance, found)
    return level
