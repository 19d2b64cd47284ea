"""Concept drift: the same inputs now have other outcomes, and the model errs more than it expects.

The mistakes on rows with truth are compared with those that the model's own calibrated
probabilities lead to expect on the same rows. Inputs that became harder, classes that became more
frequent, or truth that comes early for one of them, move both sides alike.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Literal, NamedTuple

import msgspec
import numpy as np

from flask_mlmonitor.clock import as_datetime
from flask_mlmonitor.stats.baseline import Baseline
from flask_mlmonitor.stats.chance import Chance
from flask_mlmonitor.stats.estimates import Calibration
from flask_mlmonitor.stats.mistakes import (
    Mistakes,
    Reference,
    by_absolute_error,
    by_accuracy,
    by_scores,
)
from flask_mlmonitor.stats.page_hinkley import page_hinkley, threshold
from flask_mlmonitor.stats.truth import TruthSums

ConceptStatus = Literal["stable", "moderate", "significant", "not_enough_data"]


class ConceptDrift(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a model errs more, or less, than was to be expected of it on the same rows.

    :param status: "moderate" or "significant" when *gap* is beyond the band and not small, or
        when the detector sees a change for the worse, and *recent* is not small.
    :param gap: measured minus expected accuracy, over the window's rows with truth; of a
        regression, by what share its mean absolute error is below the baseline's. Negative is
        worse, positive is better.
    :param low: the band in which chance keeps the gap, at the level of the test; up to *high*.
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

    :param hours: in order of time, each with its beginning: the detector's stream.
    :param level: the probability of a false alarm that one test may have.
    :param drop_warning: a gap from which on it is "moderate"; *drop_critical* "significant".
    :param min_samples: the rows with truth that the window needs.
    :return: ``None`` where the baseline does not say what to expect.
    """
    expect = _expectation(window, calibration, baseline, min_samples)
    if expect is None:
        return None
    found = expect([window])
    if found.n < max(1, min_samples):
        return ConceptDrift(status="not_enough_data", reference=found.reference, n=int(found.n))
    gap, (low, high) = found.gap(), found.band(level)
    change = _change(
        expect([one for _, one in hours]), [time for time, _ in hours], level, drop_warning
    )
    # What is within the band is chance; the detector has a level of its own.
    drop = max(0.0 if low <= gap <= high else abs(gap), -(change.recent or 0.0))
    return ConceptDrift(
        status=_status(drop, drop_warning, drop_critical),
        reference=found.reference,
        n=int(found.n),
        gap=gap,
        low=low,
        high=high,
        **change._asdict(),
    )


def _expectation(
    window: TruthSums, calibration: Calibration | None, baseline: Baseline, min_samples: int
) -> Callable[[Sequence[TruthSums]], Mistakes] | None:
    """Return what tells the mistakes of some sums, and how many were to be expected."""
    known = baseline.performance
    if window.task == "regression":
        # A model that was never wrong gives no unit.
        return partial(by_absolute_error, baseline=baseline) if known.get("mae") else None
    if calibration is not None and calibration.classes == window.layout.scored:
        by_own = partial(by_scores, calibration=calibration)
        if "accuracy" not in known or by_own([window]).n >= min_samples:
            return by_own
    return partial(by_accuracy, baseline=baseline) if "accuracy" in known else None


class _Change(NamedTuple):
    """What the detector found: the fields of :class:`ConceptDrift` of these names."""

    since: datetime | None = None
    recent: float | None = None
    score: float | None = None
    threshold: float | None = None


def _change(
    found: Mistakes, starts: Sequence[datetime | float], level: float, drop: float
) -> _Change:
    """Run the detector over the hours; half of a drop that matters is let pass."""
    hours = np.count_nonzero(found.rows)
    if not 0 < found.chance.variance < np.inf:
        return _Change()
    step = Chance(found.chance.variance / hours, found.chance.third / hours)
    passes, shared = drop / 2 * found.n / hours, found.shared**0.5 * found.n / hours
    limit = threshold(step, passes, level=level, shared=shared)
    excess = found.wrong - found.expected - drop / 2 * found.rows
    score, start = page_hinkley(excess.tolist(), most=2 * limit + passes)[-1]
    if score <= limit:
        return _Change(score=score, threshold=limit)
    return _Change(_moment(starts[start]), found.gap(start), score, limit)


def _moment(time: datetime | float) -> datetime:
    return time if isinstance(time, datetime) else as_datetime(time)


def _status(drop: float, warning: float, critical: float) -> ConceptStatus:
    if drop >= critical:
        return "significant"
    return "moderate" if drop >= warning else "stable"
