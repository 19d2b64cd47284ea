"""Concept drift: the same inputs now have other outcomes, and the model errs more than it expects.

The mistakes on rows with truth are compared with those that the model's own calibrated
probabilities lead to expect on the same rows. Inputs that became harder move both sides alike; and
what rows that were chosen by their class explain, because truth comes early for one of them or
because its share has changed, is no concept drift either.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Literal, NamedTuple

import msgspec
import numpy as np

from flask_mlmonitor.clock import as_datetime
from flask_mlmonitor.stats.baselines.baseline import Baseline
from flask_mlmonitor.stats.performance.chance import Chance
from flask_mlmonitor.stats.performance.estimates import Calibration
from flask_mlmonitor.stats.performance.mistakes import (
    Mistakes,
    Reference,
    by_absolute_error,
    by_accuracy,
    by_classes,
    by_scores,
)
from flask_mlmonitor.stats.performance.page_hinkley import page_hinkley, threshold
from flask_mlmonitor.stats.performance.truth import TruthSums

ConceptStatus = Literal["stable", "moderate", "significant", "not_enough_data"]


class ConceptDrift(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a model errs more, or less, than was to be expected of it on the same rows.

    :param status: "moderate" or "significant" when *gap* is beyond the band and not small, or
        when the detector sees a change for the worse and *recent* is not small.
    :param gap: measured minus expected accuracy, over the window's rows with truth; of a
        regression, by what share its mean absolute error is below the baseline's. Negative is
        worse, positive is better.
    :param low: the band in which chance keeps the gap, at the level of the test; up to *high*.
    :param net: the gap that is left when the shares of the classes among these rows are taken for
        granted; ``None`` without probabilities. It must be more than chance, too.
    :param n: rows of the window that were compared.
    :param reference: "estimate" when the model's probabilities told what to expect, "baseline"
        when only its performance did: then inputs that became harder cannot be told apart from
        a changed concept.
    :param since: the hour from which on the detector sees a change for the worse.
    :param recent: the gap since then.
    :param score: of the detector; a change is seen while it is above *threshold*.
    """

    status: ConceptStatus
    reference: Reference
    n: int
    gap: float | None = None
    low: float | None = None
    high: float | None = None
    net: float | None = None
    since: datetime | None = None
    recent: float | None = None
    score: float | None = None
    threshold: float | None = None

    @property
    def worse(self) -> bool:
        """Whether it is not an improvement."""
        return self.gap is None or self.high is None or self.gap <= self.high


def judge_concept(
    window: TruthSums,
    hours: Sequence[tuple[datetime | float, TruthSums]],
    calibration: Calibration | None,
    baseline: Baseline,
    *,
    level: float,
    drop_warning: float,
    drop_critical: float,
    min_samples: int,
) -> ConceptDrift | None:
    """Compare a window's mistakes, and those of the hours up to its end, with what to expect.

    Of a model that is sure to nine tenths, a quarter of the answers are wrong:

    >>> import pandas as pd
    >>> from flask_mlmonitor.stats.performance.truth import TruthLayout, TruthRow
    >>> baseline = Baseline.from_dataframe(
    ...     pd.DataFrame({"age": range(1000)}),
    ...     predictions=[1] * 500 + [0] * 500,
    ...     probabilities=[0.9] * 500 + [0.1] * 500,
    ...     target=[1] * 450 + [0] * 50 + [1] * 50 + [0] * 450,
    ... )
    >>> rows = [TruthRow(1, 0.9, 1, 60.0)] * 3 + [TruthRow(1, 0.9, 0, 60.0)]
    >>> rows += [TruthRow(0, 0.1, 0, 60.0)] * 3 + [TruthRow(0, 0.1, 1, 60.0)]
    >>> window = TruthSums.of(TruthLayout.of(baseline, None), rows * 100)
    >>> drift = judge_concept(
    ...     window, [], Calibration.of(baseline), baseline,
    ...     level=0.0001, drop_warning=0.05, drop_critical=0.10, min_samples=200,
    ... )
    >>> drift.status, round(drift.gap, 2), round(drift.low, 2), round(drift.high, 2)
    ('significant', -0.15, -0.06, 0.05)

    :param hours: in order of time, each with its beginning: the detector's stream.
    :param level: the probability of a false alarm that one test may have.
    :param drop_warning: a gap from which on it is "moderate"; *drop_critical* "significant".
    :param min_samples: the rows with truth that the window needs.
    :return: ``None`` where the baseline does not say what to expect.
    """
    expectation = _expectation(window, calibration, baseline, min_samples)
    if expectation is None:
        return None
    found = expectation.of((window,))
    if found.n < max(1, min_samples):
        return ConceptDrift(status="not_enough_data", reference=found.reference, n=int(found.n))
    net = expectation.net((window,))
    drop = abs(found.gap()) if _side(found, level) * _side(net, level) > 0 else 0.0
    change = _change(expectation.of(tuple(one for _, one in hours)), level, drop_warning)
    if change.recent is not None:
        later = expectation.net(tuple(one for _, one in hours[change.start :]))
        drop = max(drop, -change.recent if _side(later, level) < 0 else 0.0)
    low, high = found.band(level)
    return ConceptDrift(
        status=_status(drop, drop_warning, drop_critical),
        reference=found.reference,
        n=int(found.n),
        gap=found.gap(),
        low=low,
        high=high,
        net=net.gap() if found.reference == "estimate" else None,
        since=None if change.recent is None else _moment(hours[change.start][0]),
        recent=change.recent,
        score=change.score,
        threshold=change.threshold,
    )


class _Expectation(NamedTuple):
    """What tells the mistakes of some hours, and how many were to be expected.

    :param net: the same, when the shares of the classes are taken for granted.
    """

    of: Callable[[tuple[TruthSums, ...]], Mistakes]
    net: Callable[[tuple[TruthSums, ...]], Mistakes]


def _expectation(
    window: TruthSums, calibration: Calibration | None, baseline: Baseline, min_samples: int
) -> _Expectation | None:
    known = baseline.performance
    if window.task == "regression":
        # A model that was never wrong gives no unit.
        by_baseline = partial(by_absolute_error, baseline=baseline)
        return _Expectation(by_baseline, by_baseline) if known.get("mae") else None
    if calibration is not None and calibration.classes == window.layout.scored:
        own = partial(by_scores, calibration=calibration)
        if "accuracy" not in known or own((window,)).n >= min_samples:
            return _Expectation(own, partial(by_classes, calibration=calibration))
    by_baseline = partial(by_accuracy, baseline=baseline)
    return _Expectation(by_baseline, by_baseline) if "accuracy" in known else None


class _Change(NamedTuple):
    """What the detector found; *start* is the place of an hour, *recent* the gap since then."""

    score: float | None = None
    threshold: float | None = None
    start: int = 0
    recent: float | None = None


def _change(found: Mistakes, level: float, drop: float) -> _Change:
    """Run the detector over the hours; half of a drop that matters is let pass."""
    hours = int(np.count_nonzero(found.rows))
    if not 0 < found.chance.variance < np.inf:
        return _Change()
    step = Chance(found.chance.variance / hours, found.chance.third / hours)
    passes, shared = drop / 2 * found.n / hours, found.shared**0.5 * found.n / hours
    limit = threshold(step, passes, level=level, shared=shared)
    excess = found.wrong - found.expected - drop / 2 * found.rows
    score, start = page_hinkley(excess.tolist(), most=2 * limit + passes)[-1]
    return (
        _Change(score, limit, start, found.gap(start)) if score > limit else _Change(score, limit)
    )


def _side(found: Mistakes, level: float) -> int:
    """Return -1 for more mistakes than chance explains, 1 for fewer, else 0."""
    low, high = found.band(level)
    return int(found.gap() > high) - int(found.gap() < low)


def _moment(time: datetime | float) -> datetime:
    return time if isinstance(time, datetime) else as_datetime(time)


def _status(drop: float, warning: float, critical: float) -> ConceptStatus:
    if drop >= critical:
        return "significant"
    return "moderate" if drop >= warning else "stable"
