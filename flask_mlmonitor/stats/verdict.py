"""A window's figures in a few sentences."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from flask_mlmonitor.stats.comparing import FeatureDrift
from flask_mlmonitor.stats.evaluation import (
    PREDICTION,
    SEVERITIES,
    Severity,
    Verdict,
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
    moved: Sequence[str],
    drift: Mapping[str, FeatureDrift],
    flaws: Sequence[Flaw],
    since: Mapping[str, datetime],
    *,
    n: int,
    extra: int = 0,
    lost: int = 0,
) -> Verdict:
    """Say what moved, how much, and since when.

    :param moved: what has drifted, the furthest first.
    :param drift: the features, and the predictions under ``__prediction__``.
    :param extra: predictions with fields that the baseline does not know.
    :param lost: predictions that could not be recorded.
    """
    features = [name for name in drift if name != PREDICTION]
    sentences = [_features([name for name in moved if name != PREDICTION], features, drift, since)]
    if PREDICTION in drift:
        sentences.append(_predictions(drift[PREDICTION], since.get(PREDICTION)))
    sentences += [_flaw(flaw) for flaw in flaws[:NAMED]]
    if len(flaws) > NAMED:
        sentences.append(f"{len(flaws) - NAMED} more flaws of the data.")
    severities = [_SEVERITY[drift[name].status] for name in moved]
    severities += [flaw.severity for flaw in flaws]
    if extra:
        sentences.append(f"{extra} predictions had fields that the baseline does not know.")
        severities.append("info")
    severity = worst(severities)
    if lost:
        sentences.append(
            f"Incomplete: at least {lost} predictions of this time could not be recorded."
        )
        severity = min(severity, "info", key=SEVERITIES.index)
    return Verdict(severity, " ".join([*sentences, f"{n} predictions."]))


def _features(
    moved: Sequence[str],
    features: Sequence[str],
    drift: Mapping[str, FeatureDrift],
    since: Mapping[str, datetime],
) -> str:
    if not moved:
        return f"None of {len(features)} features drifted."
    named = [f"{name} ({_how_far(drift[name], since[name])})" for name in moved[:NAMED]]
    rest = f" and {len(moved) - NAMED} more" if len(moved) > NAMED else ""
    return f"{len(moved)} of {len(features)} features drifted: {', '.join(named)}{rest}."


def _predictions(one: FeatureDrift, since: datetime | None) -> str:
    if one.status == "not_enough_data":
        return "Too few predictions have a value to compare them."
    if since is None:
        return "The predictions did not drift."
    return f"The predictions drifted ({_how_far(one, since)})."


def _how_far(one: FeatureDrift, since: datetime) -> str:
    return f"PSI {float(one.psi or 0):.2f}, since {since:%Y-%m-%d %H:%M} UTC"


def _flaw(flaw: Flaw) -> str:
    return f"{flaw.feature} {_FLAWS[flaw.what]}: {flaw.share:.1%}, {flaw.was:.1%} in the baseline."
