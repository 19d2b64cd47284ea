"""What is wrong with a feature's values, as far as it matters."""

from collections.abc import Mapping
from typing import Final

from flask_mlmonitor.stats.baselines.baseline import Baseline
from flask_mlmonitor.stats.cells.quality import FeatureQuality
from flask_mlmonitor.stats.drift.distances import chi_square
from flask_mlmonitor.stats.verdicts.evaluation import Flaw, Severity
from flask_mlmonitor.stats.verdicts.limits import Limits

_FLAWS: Final = {
    "missing": "has missing values",
    "invalid": "has values of a wrong type",
    "outliers": "has outliers (beyond three standard deviations)",
    "outliers_iqr": "has outliers (beyond 1.5 interquartile ranges)",
    "out_of_range": "has values out of range",
    "unseen": "has unseen categories",
}


NEARLY: Final = 0.9
"""Shares are told from here on: this part of their limit."""


def sentence(flaw: Flaw) -> str:
    """Return a flaw in words."""
    words = f"{flaw.feature} {_FLAWS[flaw.what]}"
    return f"{words}: {flaw.share:.1%}, {flaw.was:.1%} in the baseline."


def find_flaws(
    baseline: Baseline, quality: Mapping[str, FeatureQuality], limits: Limits, level: float
) -> tuple[Flaw, ...]:
    """Return the shares that are near their limit, and above the baseline's by more than chance."""
    flaws = []
    for column in baseline.columns:
        old, new = column.quality, quality[column.name]
        for name, warning, critical in (
            ("missing", limits.missing_warning, limits.missing_critical),
            ("invalid", 0.0, limits.missing_warning),
            ("outliers", limits.outlier_warning, 1.0),
            ("outliers_iqr", limits.outlier_warning, 1.0),
            ("out_of_range", limits.outlier_warning, 1.0),
            ("unseen", limits.outlier_warning, 1.0),
        ):
            was, share = getattr(old, name), getattr(new, name)
            if share > NEARLY * warning and _more(old.n, was, new.n, share, level):
                severity: Severity = "warning" if share > warning else "ok"
                severity = "critical" if share > critical else severity
                flaws.append(Flaw(column.name, name, share, was, severity))
    return tuple(flaws)


def _more(n: int, was: float, m: int, share: float, level: float) -> bool:
    """Return whether a share has grown by more than chance."""
    before, now = round(n * was), round(m * share)
    if share <= was:
        return False
    return chi_square([before, n - before], [now, m - now]).p_value < level
