"""A window's figures in a few sentences."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from flask_mlmonitor.stats.comparing import FeatureDrift
from flask_mlmonitor.stats.evaluation import (
    SEVERITIES,
    Severity,
    Verdict,
    has_drifted,
    worst,
)

NAMED: Final = 5
"""How many features a verdict names; of more it says how many."""

_SEVERITY: Final[Mapping[str, Severity]] = {"moderate": "warning", "significant": "critical"}
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


def verdict_of(
    drift: Mapping[str, FeatureDrift],
    prediction_drift: FeatureDrift | None,
    flaws: Sequence[Flaw],
    since: Mapping[str, datetime],
    *,
    n: int,
    lost: int,
) -> Verdict:
    """Say what moved, how much, and since when."""
    moved = sorted(
        filter(lambda name: has_drifted(drift[name]), drift), key=lambda name: -_psi(drift[name])
    )
    sentences = [_features(moved, drift, since)]
    if prediction_drift is not None:
        sentences.append(_predictions(prediction_drift, since))
    sentences += [_flaw(flaw) for flaw in flaws[:NAMED]]
    if len(flaws) > NAMED:
        sentences.append(f"{len(flaws) - NAMED} more flaws of the data.")
    severities = [_SEVERITY[drift[name].status] for name in moved]
    severities += [flaw.severity for flaw in flaws]
    if has_drifted(prediction_drift) and prediction_drift is not None:
        severities.append(_SEVERITY[prediction_drift.status])
    severity = worst(severities)
    if lost:
        sentences.append(
            f"Incomplete: at least {lost} predictions of this time could not be recorded."
        )
        severity = min(severity, "info", key=SEVERITIES.index)
    return Verdict(severity, " ".join([*sentences, f"{n} predictions."]))


def _features(
    moved: Sequence[str], drift: Mapping[str, FeatureDrift], since: Mapping[str, datetime]
) -> str:
    if not moved:
        return f"None of {len(drift)} features drifted."
    named = [f"{name} ({_how_far(drift[name], since.get(name))})" for name in moved[:NAMED]]
    rest = f" and {len(moved) - NAMED} more" if len(moved) > NAMED else ""
    return f"{len(moved)} of {len(drift)} features drifted: {', '.join(named)}{rest}."


def _predictions(one: FeatureDrift, since: Mapping[str, datetime]) -> str:
    if one.status == "not_enough_data":
        return "Too few predictions have a value to compare them."
    if not has_drifted(one):
        return "The predictions did not drift."
    return f"The predictions drifted ({_how_far(one, since.get(''))})."


def _how_far(one: FeatureDrift, since: datetime | None) -> str:
    when = "" if since is None else f", since {since:%Y-%m-%d %H:%M} UTC"
    return f"PSI {_psi(one):.2f}{when}"


def _flaw(flaw: Flaw) -> str:
    return f"{flaw.feature} {_FLAWS[flaw.what]}: {flaw.share:.1%}, {flaw.was:.1%} in the baseline."


def _psi(one: FeatureDrift) -> float:
    return float(one.psi or 0)
