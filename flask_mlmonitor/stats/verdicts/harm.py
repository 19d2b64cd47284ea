"""Whether the model does worse than it should, by more than chance."""

from collections.abc import Iterator, Mapping
from math import inf
from statistics import NormalDist
from typing import Final

import msgspec

from flask_mlmonitor.stats.verdicts.evaluation import Harm, Severity
from flask_mlmonitor.stats.verdicts.limits import Limits

ESTIMATED: Final = "estimated_"
LEAST_DROP: Final = 0.02
"""An estimate has fallen from here on: its own error is about a third of that."""

_INTERVAL: Final = NormalDist().inv_cdf(0.975)
"""Half the width of an interval of 95 %, in standard deviations."""

Figures = Mapping[str, float]
Intervals = Mapping[str, tuple[float, float]]


class Limit(msgspec.Struct, frozen=True):
    """From where on a figure is bad, and how bad.

    :param usual: what it should be: the baseline's figure.
    :param low: whether small values are the bad ones.
    """

    warning: float
    critical: float
    usual: float | None = None
    low: bool = True


def measured_limits(was: Figures, limits: Limits) -> dict[str, Limit]:
    """Return the limits of the measured figures.

    Accuracy and F1 may lie so much below the baseline's, errors be by such a share above them. The
    accuracy has absolute limits where the baseline knows none, or where they were configured.

    :param was: the baseline's figures.
    """
    drops = (limits.accuracy_drop_warning, limits.accuracy_drop_critical)
    found = {
        name: Limit(was[name] - drops[0], was[name] - drops[1], was[name])
        for name in ("accuracy", "f1_score")
        if name in was
    }
    if limits.accuracy_set or "accuracy" not in was:
        absolute = (limits.accuracy_warning, limits.accuracy_critical)
        found["accuracy"] = Limit(*absolute, was.get("accuracy"))
    for name in ("rmse", "mae"):
        if was.get(name, 0) > 0:
            warning, critical = (was[name] * (1 + drop) for drop in drops)
            found[name] = Limit(warning, critical, was[name], low=False)
    return found


def estimated_limits(was: Figures, limits: Limits) -> dict[str, Limit]:
    """Return the limits of the estimated figures: they are compared with the baseline alone."""
    least = min(LEAST_DROP, limits.accuracy_drop_critical)
    return {
        name: Limit(was[name] - least, was[name] - limits.accuracy_drop_critical, was[name])
        for name in ("accuracy", "f1_score")
        if name in was
    }


def find_harm(
    figures: Figures, intervals: Intervals, limits: Mapping[str, Limit], level: float
) -> dict[str, Harm]:
    """Return the figures that are past a limit, and by more than chance worse than usual.

    Where nobody knows what is usual, they must be past the limit itself by more than chance.

    >>> limits = {"accuracy": Limit(0.85, 0.75, 0.9)}
    >>> find_harm({"accuracy": 0.8}, {"accuracy": (0.72, 0.88)}, limits, 0.001)
    {}
    >>> found = find_harm({"accuracy": 0.8}, {"accuracy": (0.76, 0.84)}, limits, 0.001)
    >>> found["accuracy"].severity, found["accuracy"].limit
    ('warning', 0.85)

    :param intervals: of 95 %; a figure without one is not judged.
    :param level: the probability of a false alarm that one figure may have.
    """
    return {harm.figure: harm for harm in _harms(figures, intervals, limits, level)}


def _harms(
    figures: Figures, intervals: Intervals, limits: Mapping[str, Limit], level: float
) -> Iterator[Harm]:
    widening = NormalDist().inv_cdf(1 - level) / _INTERVAL if level < 0.5 else 0.0
    for name, limit in limits.items():
        if name not in figures or name not in intervals:
            continue
        value, (low, high) = figures[name], intervals[name]
        # Turned round where large values are the bad ones.
        sign = 1 if limit.low else -1
        best = sign * value + widening * (high - value if limit.low else value - low)
        usual = -inf if limit.usual is None else sign * limit.usual
        bounds: tuple[tuple[Severity, float], ...] = (
            ("critical", limit.critical),
            ("warning", limit.warning),
        )
        for severity, bound in bounds:
            if sign * value < sign * bound and best < max(usual, sign * bound):
                yield Harm(name, severity, value, bound)
                break
