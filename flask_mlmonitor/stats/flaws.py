"""What is wrong with a feature's values, as far as it matters."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from flask_mlmonitor.stats.baseline import Baseline
from flask_mlmonitor.stats.drift import chi_square
from flask_mlmonitor.stats.evaluation import Severity
from flask_mlmonitor.stats.limits import Limits
from flask_mlmonitor.stats.quality import FeatureQuality

_FLAWS: Final = {
    "missing": "has missing values",
    "invalid": "has values of a wrong type",
    "outliers": "has outliers (beyond three standard deviations)",
    "outliers_iqr": "has outliers (beyond 1.5 interquartile ranges)",
    "unseen": "has unseen categories",
}


class Flaw(NamedTuple):
    """A share of a feature's values that is past its limit.

    :param what: the field of :class:`~flask_mlmonitor.stats.quality.FeatureQuality`.
    :param was: the share in the baseline.
    """

    feature: str
    what: str
    share: float
    was: float
    severity: Severity

    def __str__(self) -> str:
        words = f"{self.feature} {_FLAWS[self.what]}"
        return f"{words}: {self.share:.1%}, {self.was:.1%} in the baseline."


def find_flaws(
    baseline: Baseline, quality: Mapping[str, FeatureQuality], limits: Limits, level: float
) -> list[Flaw]:
    """Return the shares that are past their limit, and above the baseline's by more than chance."""
    flaws = []
    for column in baseline.columns:
        if column.name not in quality:
            continue
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
