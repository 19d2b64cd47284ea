"""What the windows say that were decided upon together: drift, data quality, performance."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from flask_mlmonitor.alerts.findings import LEVELS_OF, Finding, decisive
from flask_mlmonitor.alerts.levels import LEVELS, Level, worse
from flask_mlmonitor.alerts.performing import performance_findings
from flask_mlmonitor.alerts.reading import Reading, Subject
from flask_mlmonitor.alerts.rule import Rule
from flask_mlmonitor.alerts.rules import DRIFT_SHARE_FEATURES, RULE
from flask_mlmonitor.alerts.shares import interval
from flask_mlmonitor.config import Settings
from flask_mlmonitor.stats.cells.quality import FeatureQuality
from flask_mlmonitor.stats.drift.comparing import FeatureDrift
from flask_mlmonitor.stats.verdicts.evaluation import PREDICTION, Evaluation, Flaw
from flask_mlmonitor.stats.verdicts.limits import Limits

_SHARES: Final[Mapping[str, tuple[str, ...]]] = {
    "missing": ("missing",),
    "wrong_type": ("invalid",),
    "outliers": ("outliers", "outliers_iqr"),
    "out_of_range": ("out_of_range",),
    "unseen_categories": ("unseen",),
}
"""The fields of a feature's quality that a rule is about."""


def window_readings(
    evaluations: Sequence[Evaluation],
    settings: Settings,
    limits: Limits,
    was: Mapping[str, float],
) -> list[Reading]:
    """Return what the windows of one model and version say that ended together.

    Of each figure the shortest window decides that can: one that is past a limit, or that is large
    enough to show that nothing is. So what only a day can show is told of, and what is over is so
    when the last hour says it, not a day later.

    :param evaluations: at least one; those that were revised for their ground truth, too.
    :param settings: of the model; *limits* are what its windows were judged by.
    :param was: the performance of its baseline.
    """
    shortest_first = sorted(evaluations, key=lambda one: one.end - one.start)
    first = shortest_first[0]
    subject = Subject(
        first.model,
        first.version,
        time=first.end.timestamp(),
        span=(first.end - first.start).total_seconds(),
    )
    found: dict[tuple[str, str | None], list[Finding]] = {}
    for evaluation in shortest_first:
        for finding in _findings(evaluation, subject, settings, limits, was):
            key = finding.reading.rule, finding.reading.feature
            found.setdefault(key, []).append(finding)
    readings = [decisive(findings) for findings in found.values()]
    return [*readings, *_drift_share(subject, readings, settings)]


def _findings(
    evaluation: Evaluation,
    subject: Subject,
    settings: Settings,
    limits: Limits,
    was: Mapping[str, float],
) -> Iterator[Finding]:
    if evaluation.status != "complete":
        yield Finding(subject.unknown(RULE["prediction_drift"], n=evaluation.n))
        return
    for name, drift in evaluation.drift.items():
        yield _drift(RULE["data_drift"], name, drift, evaluation, subject, settings)
    if evaluation.prediction_drift is not None:
        rule = RULE["prediction_drift"]
        yield _drift(rule, None, evaluation.prediction_drift, evaluation, subject, settings)
    flaws = {(flaw.feature, flaw.what): flaw for flaw in evaluation.flaws}
    for name, quality in evaluation.quality.items():
        for rule_name in _SHARES:
            yield _share(RULE[rule_name], name, quality, flaws, subject, settings)
    yield from performance_findings(evaluation, subject, settings, limits, was)


def _drift(
    rule: Rule,
    feature: str | None,
    drift: FeatureDrift,
    evaluation: Evaluation,
    subject: Subject,
    settings: Settings,
) -> Finding:
    """Return what a drift means: chance, size and the second reference decide."""
    limits, n = rule.thresholds(settings), drift.n_observed
    if drift.psi is None or drift.chi_square is None:
        return Finding(subject.unknown(rule, feature=feature, n=n))
    second = evaluation.second_drift.get(feature or PREDICTION)
    usual = second is not None and second.status == "stable"
    by_chance = drift.chi_square.score <= drift.chi_square.critical
    counts = not usual and not by_chance
    reading = subject.judged(
        rule,
        drift.psi.score,
        limits,
        LEVELS_OF.get(drift.status, "ok") if counts else "ok",
        limits.held_of(drift.psi.score) if counts else "ok",
        feature=feature,
        n=n,
    )
    return Finding(reading, clear=drift.psi.critical <= limits.of("warning"))


def _share(
    rule: Rule,
    feature: str,
    quality: FeatureQuality,
    flaws: Mapping[tuple[str, str], Flaw],
    subject: Subject,
    settings: Settings,
) -> Finding:
    """Return what a share of a feature's values means; the evaluation knows what is chance."""
    limits = rule.thresholds(settings)
    whats = _SHARES[rule.name]
    found = [flaws[feature, what] for what in whats if (feature, what) in flaws]
    value = max((flaw.share for flaw in found), default=getattr(quality, whats[0]))
    level: Level = worse(*(_level(flaw) for flaw in found))
    held = limits.held_of(value) if found else "ok"
    reading = subject.judged(rule, value, limits, level, held, feature=feature, n=quality.n)
    upper = interval(round(value * quality.n), max(1, quality.n))[1]
    return Finding(reading, clear=upper <= limits.of("warning"))


def _level(flaw: Flaw) -> Level:
    return flaw.severity if flaw.severity in LEVELS else "ok"


def _drift_share(
    subject: Subject, readings: Sequence[Reading], settings: Settings
) -> Iterator[Reading]:
    """Yield which share of a model's features has drifted, where it has more than a few."""
    drifts = [one for one in readings if one.rule == "data_drift" and one.value is not None]
    if len(drifts) >= DRIFT_SHARE_FEATURES:
        rule = RULE["drift_share"]
        share = sum(one.level != "ok" for one in drifts) / len(drifts)
        yield subject.read(rule, share, rule.thresholds(settings), n=len(drifts))
