"""Whether a feature has drifted: all distances between the baseline's counts and a window's."""

from typing import Final, Literal

import msgspec

from flask_mlmonitor.exceptions import NotEnoughData
from flask_mlmonitor.stats.cells.binning import FeatureBins, Kind
from flask_mlmonitor.stats.cells.counts import FeatureCounts
from flask_mlmonitor.stats.drift.distances import (
    Distance,
    chi_square,
    jensen_shannon,
    ks,
    psi,
    wasserstein,
)

DriftStatus = Literal["stable", "moderate", "significant", "not_enough_data"]
PSI_WARNING: Final = 0.1
PSI_CRITICAL: Final = 0.2
MIN_SAMPLES: Final = 200


class FeatureDrift(msgspec.Struct, frozen=True, kw_only=True):
    """One feature of a window, beside the baseline's.

    PSI, chi-square and Jensen-Shannon compare the baseline's bins with *missing* and *invalid* as
    bins of their own; Kolmogorov-Smirnov and Wasserstein compare the numbers alone, cell by cell.

    :param status: "not_enough_data" when either side has too few rows; else "significant" or
        "moderate" when chance does not explain the difference and the PSI is past the limit.
    :param psi: the population stability index, and what it would have to exceed at these sizes.
    :param ks: numeric features only.
    :param chi_square: what decides whether chance explains the difference.
    :param wasserstein: numeric features that vary, in standard deviations of the baseline.
    """

    kind: Kind
    status: DriftStatus
    psi: Distance | None = None
    ks: Distance | None = None
    chi_square: Distance | None = None
    jensen_shannon: Distance | None = None
    wasserstein: Distance | None = None
    n_expected: int
    n_observed: int


def level_of(per_day: float, *, features: int, decisions: float, windows: int = 1) -> float:
    """Return the level of one test under a budget of false alarms (Bonferroni).

    Windows that overlap the ones before alarm in runs and together, so that each window but the
    shortest counts half.

    >>> level_of(1 / 30, features=20, decisions=24) == 1 / 14400
    True

    :param per_day: how many false alarms are acceptable on a day.
    :param features: how many are tested.
    :param decisions: how often a day.
    :param windows: in how many windows each.
    """
    return min(1.0, per_day / (features * decisions * (1 + (windows - 1) / 2)))


def compare(
    expected: FeatureCounts,
    observed: FeatureCounts,
    *,
    alpha: float,
    psi_warning: float = PSI_WARNING,
    psi_critical: float = PSI_CRITICAL,
    min_samples: int = MIN_SAMPLES,
) -> FeatureDrift:
    """Compare two counts of one feature over the same cells.

    :param alpha: the probability of a false alarm that this one test may have.
    :param min_samples: the rows that each side must have.
    """
    bins, old, new = expected.bins, expected.groups, observed.groups
    n, m = sum(old), sum(new)
    if min(n, m) < max(1, min_samples):
        return FeatureDrift(kind=bins.kind, status="not_enough_data", n_expected=n, n_observed=m)
    index, test = psi(old, new, alpha=alpha), chi_square(old, new, alpha=alpha)
    status: DriftStatus = "stable"
    if test.p_value < alpha and index.score >= psi_warning:
        status = "significant" if index.score >= psi_critical else "moderate"
    return FeatureDrift(
        kind=bins.kind,
        status=status,
        psi=index,
        chi_square=test,
        jensen_shannon=jensen_shannon(old, new, alpha=alpha),
        ks=_ks(bins, expected, observed, alpha),
        wasserstein=_wasserstein(bins, expected, observed, alpha),
        n_expected=n,
        n_observed=m,
    )


def _ks(
    bins: FeatureBins, expected: FeatureCounts, observed: FeatureCounts, alpha: float
) -> Distance | None:
    if bins.kind != "numeric":
        return None
    try:
        return ks(expected.values, observed.values, alpha=alpha)
    except NotEnoughData:  # all of one side is missing
        return None


def _wasserstein(
    bins: FeatureBins, expected: FeatureCounts, observed: FeatureCounts, alpha: float
) -> Distance | None:
    if bins.kind != "numeric" or not bins.std:
        return None
    places = bins.positions
    try:
        return wasserstein(
            expected.values, observed.values, positions=places, scale=bins.std, alpha=alpha
        )
    except NotEnoughData:
        return None
