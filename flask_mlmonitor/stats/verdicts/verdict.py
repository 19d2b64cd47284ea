"""A window's figures in a few sentences."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final

from flask_mlmonitor.stats.baselines.baseline import Baseline
from flask_mlmonitor.stats.drift.comparing import FeatureDrift
from flask_mlmonitor.stats.verdicts.evaluation import (
    PREDICTION,
    SEVERITIES,
    Evaluation,
    Flaw,
    Severity,
    Verdict,
    has_drifted,
    worst,
)
from flask_mlmonitor.stats.verdicts.flaws import sentence
from flask_mlmonitor.stats.verdicts.limits import Limits
from flask_mlmonitor.stats.verdicts.wording import knows_harm, on_performance

NAMED: Final = 5
"""How many features a verdict names; of more it says how many."""

SEVERITY: Final[Mapping[str, Severity]] = {"moderate": "warning", "significant": "critical"}
"""What a drift means for a model of whose performance nothing is known."""


def verdict_of(found: Evaluation, baseline: Baseline | None, limits: Limits) -> Verdict:
    """Say what moved, how much, since when, and whether it does harm.

    Where the performance is known, by ground truth or estimate, it decides: features that drifted
    and did no harm are an information.
    """
    flaws = [flaw for flaw in found.flaws if flaw.severity != "ok"]
    known = knows_harm(found, baseline)
    severities = [*_of_drift(found, known), *_of_performance(found)]
    severities += [flaw.severity for flaw in flaws]
    if found.extra:
        severities.append("info")
    severity = worst(severities)
    if found.lost:
        severity = min(severity, "info", key=SEVERITIES.index)
    sentences = [
        *_on_data(found, baseline, limits),
        *on_performance(found, baseline, limits),
        *_on_flaws(flaws),
        *_on_counts(found, limits),
    ]
    return Verdict(severity, " ".join(sentences))


def _of_drift(found: Evaluation, known: bool) -> Iterator[Severity]:
    moved = [found.drift[name].status for name in found.drifted]
    if PREDICTION in found.since and found.prediction_drift is not None:
        moved.append(found.prediction_drift.status)
    for status in moved:
        yield "info" if known else SEVERITY[status]


def _of_performance(found: Evaluation) -> Iterator[Severity]:
    yield from (harm.severity for harm in found.harm.values())
    concept = found.concept_drift
    if concept is not None and concept.status in SEVERITY:
        yield SEVERITY[concept.status] if concept.worse else "info"
    if has_drifted(found.label_drift):
        yield "info"


def _on_data(found: Evaluation, baseline: Baseline | None, limits: Limits) -> Iterator[str]:
    if found.n < limits.min_samples:
        yield f"Not enough data: {found.n} predictions, {limits.min_samples} are needed."
    elif baseline is None:
        yield "There is no baseline to compare the data with."
    elif not found.drift:
        yield "The data was counted over another baseline's bins, so that it cannot be compared."
    else:
        yield _on_features(found)
        if found.prediction_drift is not None:
            yield _on_predictions(found.prediction_drift, found.since.get(PREDICTION))


def _on_features(found: Evaluation) -> str:
    moved, total = found.drifted, len(found.drift)
    if not moved:
        return f"None of {total} features drifted."
    named = [f"{name} ({_how_far(found.drift[name], found.since[name])})" for name in moved[:NAMED]]
    rest = f" and {len(moved) - NAMED} more" if len(moved) > NAMED else ""
    return f"{len(moved)} of {total} features drifted: {', '.join(named)}{rest}."


def _on_predictions(one: FeatureDrift, since: datetime | None) -> str:
    if one.status == "not_enough_data":
        return "Too few predictions have a value to compare them."
    if since is None:
        return "The predictions did not drift."
    return f"The predictions drifted ({_how_far(one, since)})."


def _how_far(one: FeatureDrift, since: datetime) -> str:
    return f"PSI {float(one.psi or 0):.2f}, since {since:%Y-%m-%d %H:%M} UTC"


def _on_flaws(flaws: Sequence[Flaw]) -> Iterator[str]:
    yield from map(sentence, flaws[:NAMED])
    if len(flaws) > NAMED:
        yield f"{len(flaws) - NAMED} more flaws of the data."


def _on_counts(found: Evaluation, limits: Limits) -> Iterator[str]:
    if found.extra:
        number = round(found.extra * found.n)
        yield f"{number} predictions had fields that the baseline does not know."
    if found.lost:
        yield f"Incomplete: at least {found.lost} predictions of this time could not be recorded."
    if found.n >= limits.min_samples:
        yield f"{found.n} predictions."
