"""The quick detector of a growing error: Page's cumulative sum over the hours.

E. S. Page, "Continuous inspection schemes", Biometrika 41 (1954); D. V. Hinkley, "Inference about
the change-point from cumulative sum tests", Biometrika 58 (1971).
"""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np

from flask_mlmonitor.stats.performance.chance import Chance, run_length

OVERSHOOT: Final = 1.166
"""By how many standard deviations of a step a sum of steps passes its barriers (Siegmund 1985)."""
NODES: Final = 9


class Detection(NamedTuple):
    """What the detector says at the end of the steps.

    :param score: how far the sum lies above its minimum; an alarm while above the threshold.
    :param start: the first step behind the last one at which the sum was at its minimum.
    """

    score: float
    start: int


def page_hinkley(excess: Sequence[float], *, most: float = float("inf")) -> list[Detection]:
    """Return the state after each step.

    The score is ``S - min(S)`` of the cumulative sum S, that is, ``max(0, score + excess)``.

    >>> [one.score for one in page_hinkley([-1.0, 2.0, 1.0, -5.0, 1.0])]
    [0.0, 2.0, 3.0, 0.0, 1.0]

    :param excess: what each step adds: errors beyond those expected and those that do not matter.
    :param most: the score is kept below this, so that what is over is forgotten.
    """
    score, start, found = 0.0, 0, []
    for place, one in enumerate(excess):
        score = min(max(0.0, score + one), most)
        if score == 0.0:
            start = place + 1
        found.append(Detection(score, start))
    return found


@lru_cache(maxsize=64)  # windows that end together share their hours
def threshold(step: Chance, drift: float, *, level: float, shared: float = 0.0) -> float:
    """Return the score that stable data passes once in ``1 / level`` steps.

    Where the drift itself is known with an error only, because the expectation is, the rate of
    false alarms is its mean over this error.

    >>> round(threshold(Chance(1.0, 0.0), 0.5, level=1 / 335), 1)
    4.0

    :param step: the moments of a step's errors.
    :param drift: by how much the sum falls in a step, on average.
    :param level: the share of steps in which an alarm may begin.
    :param shared: the standard deviation of the drift's error.
    """
    from scipy.optimize import brentq

    nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
    drifts = drift - shared * nodes
    weights = weights / weights.sum()

    def beyond(power: float) -> float:
        return float(np.log(weights @ (1 / run_length(np.exp(power), drifts, step)) / level))

    deviation = math.sqrt(step.variance)
    bounds = np.log([deviation * 1e-3, deviation * 1e6])
    barrier = float(np.exp(bounds[1] if beyond(bounds[1]) > 0 else brentq(beyond, *bounds)))
    return max(0.0, barrier - OVERSHOOT * deviation)
