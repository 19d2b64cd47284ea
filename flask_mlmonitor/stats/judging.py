"""From the counts of a window to what they mean beside the baseline."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Self

import msgspec

from flask_mlmonitor.stats.baseline import Baseline
from flask_mlmonitor.stats.comparing import FeatureDrift, compare
from flask_mlmonitor.stats.counts import FeatureCounts
from flask_mlmonitor.stats.drift import chi_square
from flask_mlmonitor.stats.evaluation import (
    PREDICTION,
    Evaluation,
    Severity,
    Verdict,
    drifted,
)
from flask_mlmonitor.stats.quality import FeatureQuality
from flask_mlmonitor.stats.rollup import Rollup
from flask_mlmonitor.stats.verdict import Flaw, verdict_of


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """From where on a figure matters, as the app configured it for the model."""

    psi_warning: float
    psi_critical: float
    missing_warning: float
    missing_critical: float
    outlier_warning: float
    min_samples: int


class Span(NamedTuple):
    """Which window of which model.

    :param lost: predictions of this time that could not be recorded.
    """

    model: str
    version: str
    window: str
    start: datetime
    end: datetime
    lost: int = 0


def unjudged(span: Span, n: int, why: str) -> Evaluation:
    """Return the evaluation of a window of which nothing can be said but *why*."""
    return Evaluation(
        model=span.model,
        version=span.version,
        window=span.window,
        start=span.start,
        end=span.end,
        n=n,
        status="not_enough_data",
        verdict=Verdict("ok", why),
    )


class WindowCounts(NamedTuple):
    """What was counted in a window.

    :param n: predictions of every status.
    :param features: over the baseline's cells; empty when nothing was counted over these.
    :param extra: those with fields that the baseline does not know.
    """

    n: int
    features: Mapping[str, FeatureCounts] = {}
    predictions: FeatureCounts | None = None
    extra: int = 0

    @classmethod
    def of(cls, n: int, rollups: Sequence[Rollup]) -> Self:
        """Add up rollups over the same cells of features and predictions."""
        if not rollups:
            return cls(n)
        names = [feature.name for feature in rollups[0].binning.features]
        features = {name: _added([one.feature(name) for one in rollups]) for name in names}
        predictions = [one.predictions for one in rollups if one.predictions is not None]
        extra = sum(one.operations.extra for one in rollups)
        return cls(n, features, _added(predictions) if predictions else None, extra)

    @classmethod
    def of_baseline(cls, baseline: Baseline) -> Self:
        """Return the rows of the training data as if they were a window."""
        features = {column.name: column.cells for column in baseline.columns}
        prediction = baseline.prediction
        return cls(baseline.n, features, None if prediction is None else prediction.cells)


def judge(
    span: Span,
    counts: WindowCounts,
    baseline: Baseline | None,
    limits: Limits,
    *,
    level: float,
    second: WindowCounts | None = None,
    before: Evaluation | None = None,
) -> Evaluation:
    """Return what a window's counts mean.

    :param level: the probability of a false alarm that one test may have.
    :param second: the counts of another window that this one must differ from, too.
    :param before: the evaluation of the window of this length that ended last.
    """
    n = counts.n
    if baseline is None:
        return unjudged(span, n, f"{n} predictions; there is no baseline to compare them with.")
    if n < limits.min_samples or not counts.features:
        why = f"Not enough data: {n} predictions, {limits.min_samples} are needed."
        return unjudged(span, n, why)
    quality = {name: FeatureQuality.of(counts.features[name]) for name in baseline.feature_names}
    drift = _beside(WindowCounts.of_baseline(baseline), counts, limits, level)
    second_drift = {} if second is None else _beside(second, counts, limits, level)
    moved = drifted(drift, second_drift)
    known = {} if before is None else before.since
    since = {name: known.get(name, span.end) for name in moved}
    return Evaluation(
        model=span.model,
        version=span.version,
        window=span.window,
        start=span.start,
        end=span.end,
        n=n,
        status="incomplete" if span.lost else "complete",
        drift={name: drift[name] for name in baseline.feature_names},
        second_drift=second_drift,
        prediction_drift=drift.get(PREDICTION),
        quality=quality,
        extra=counts.extra / n,
        since=since,
        verdict=verdict_of(
            moved,
            drift,
            _flaws(baseline, quality, limits, level),
            since,
            n=n,
            extra=counts.extra,
            lost=span.lost,
        ),
    )


def _added(parts: Sequence[FeatureCounts]) -> FeatureCounts:
    if len(parts) == 1:
        return parts[0]
    cells = zip(*(part.cells for part in parts), strict=True)
    return FeatureCounts(parts[0].bins, tuple(map(sum, cells)))


def _beside(
    expected: WindowCounts, observed: WindowCounts, limits: Limits, level: float
) -> dict[str, FeatureDrift]:
    """Return the drift of each feature, and of the predictions under ``__prediction__``."""
    found = {
        name: _compared(counts, observed.features[name], limits, level)
        for name, counts in expected.features.items()
    }
    if expected.predictions is not None and observed.predictions is not None:
        found[PREDICTION] = _compared(expected.predictions, observed.predictions, limits, level)
    return found


def _compared(
    expected: FeatureCounts, observed: FeatureCounts, limits: Limits, level: float
) -> FeatureDrift:
    return compare(
        expected,
        observed,
        alpha=level,
        psi_warning=limits.psi_warning,
        psi_critical=limits.psi_critical,
        min_samples=limits.min_samples,
    )


def _flaws(
    baseline: Baseline, quality: Mapping[str, FeatureQuality], limits: Limits, level: float
) -> list[Flaw]:
    """Return the shares that are past their limit, and above the baseline's by more than chance."""
    flaws = []
    for column in baseline.columns:
        old, new = column.quality, quality[column.name]
        for name, warning, critical in (
            ("missing", limits.missing_warning, limits.missing_critical),
            ("invalid", 0.0, limits.missing_warning),
            ("outliers", limits.outlier_warning, 1.0),
            ("outliers_iqr", limits.outlier_warning, 1.0),
            ("unseen", limits.outlier_warning, 1.0),
        ):
            was, share = getattr(old, name), getattr(new, name)
            if share > warning and _more(old.n, was, new.n, share, level):
                severity: Severity = "critical" if share > critical else "warning"
                flaws.append(Flaw(column.name, name, share, was, severity))
    return flaws


def _more(n: int, was: float, m: int, share: float, level: float) -> bool:
    """Return whether a share has grown by more than chance."""
    before, now = round(n * was), round(m * share)
    if share <= was:
        return False
    return chi_square([before, n - before], [now, m - now]).p_value < level
