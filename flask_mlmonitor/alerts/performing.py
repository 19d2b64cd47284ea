"""What a window says of how well the model does."""

from collections.abc import Iterator, Mapping
from typing import Final

from flask_mlmonitor.alerts.findings import LEVELS_OF, Finding
from flask_mlmonitor.alerts.levels import Level, Thresholds
from flask_mlmonitor.alerts.reading import Subject
from flask_mlmonitor.alerts.rules import RULE
from flask_mlmonitor.config import Settings
from flask_mlmonitor.stats.performance.concept import ConceptDrift
from flask_mlmonitor.stats.verdicts.evaluation import Evaluation, Harm
from flask_mlmonitor.stats.verdicts.harm import ESTIMATED, Limit, estimated_limits, measured_limits
from flask_mlmonitor.stats.verdicts.limits import Limits

BEST: Final = 1.0
"""Where an accuracy should be of which the baseline knows nothing."""


def performance_findings(
    evaluation: Evaluation,
    subject: Subject,
    settings: Settings,
    limits: Limits,
    was: Mapping[str, float],
) -> Iterator[Finding]:
    """Yield what is known of the performance; where the ground truth is still to come, nothing.

    :param was: the baseline's figures.
    """
    if evaluation.measured:
        for name, limit in measured_limits(was, limits).items():
            if name in evaluation.performance and name in evaluation.intervals:
                value, interval = evaluation.performance[name], evaluation.intervals[name]
                harm = evaluation.harm.get(name)
                yield _figure(subject, name, value, interval, limit, harm, evaluation.labelled)
        if evaluation.concept_drift is not None:
            yield from _concept(subject, evaluation.concept_drift, settings)
    for name, limit in estimated_limits(was, limits).items():
        if name in evaluation.estimated and name in evaluation.estimated_intervals:
            value, interval = evaluation.estimated[name], evaluation.estimated_intervals[name]
            known = f"{ESTIMATED}{name}"
            harm = evaluation.harm.get(known)
            yield _figure(subject, known, value, interval, limit, harm, evaluation.n)


def _figure(
    subject: Subject,
    name: str,
    value: float,
    interval: tuple[float, float],
    limit: Limit,
    harm: Harm | None,
    n: int,
) -> Finding:
    usual = limit.usual if limit.usual is not None else BEST if limit.low else 0.0
    bounds = Thresholds(limit.warning, limit.critical, low=limit.low, origin=usual)
    level: Level = "ok"
    if harm is not None:
        level = "critical" if harm.severity == "critical" else "warning"
    reading = subject.judged(RULE[name], value, bounds, level, bounds.held_of(value), n=n)
    worst = interval[0] if limit.low else interval[1]
    return Finding(reading, clear=bounds.level_of(worst) == "ok")


def _concept(subject: Subject, drift: ConceptDrift, settings: Settings) -> Iterator[Finding]:
    """Yield by how much more the model errs than it should, if that can be said."""
    rule = RULE["concept_drift"]
    limits = rule.thresholds(settings)
    if drift.gap is None or drift.low is None:
        return
    now = -drift.gap if drift.gap < drift.low else 0.0
    errs = max(now, -(drift.recent or 0.0))
    level = LEVELS_OF.get(drift.status, "ok") if drift.worse else "ok"
    reading = subject.judged(rule, errs, limits, level, limits.held_of(errs), n=drift.n)
    yield Finding(reading, clear=-drift.low <= limits.of("warning"))
