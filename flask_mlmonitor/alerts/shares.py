"""What a share of a few requests says of all of them."""

from math import sqrt
from statistics import NormalDist
from typing import Final

Z: Final = NormalDist().inv_cdf(0.975)


def interval(hits: int, n: int) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson 1927).

    >>> [round(bound, 3) for bound in interval(1, 20)]
    [0.009, 0.236]

    :param n: above 0.
    """
    share, spread = hits / n, Z * Z / n
    center = share + spread / 2
    reach = Z * sqrt(share * (1 - share) / n + spread / n / 4)
    return max(0.0, (center - reach) / (1 + spread)), min(1.0, (center + reach) / (1 + spread))
