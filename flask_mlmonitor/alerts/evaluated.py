"""What the windows that ended together say: drift, and the quality of the data."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from flask_mlmonitor.alerts.levels import Level
from flask_mlmonitor.alerts.reading import Reading, Subject
from flask_mlmonitor.alerts.rule import Rule
from flask_mlmonitor.alerts.rules import DRIFT_SHARE_FEATURES, RULE
from flask_mlmonitor.config import Settings
from flask_mlmonitor.stats.comparing import FeatureDrift
from flask_mlmonitor.stats.evaluation import PREDICTION, Evaluation

_LEVELS: Final[Mapping[str, Level]] = {"moderate": "warning", "significant": "critical"}


class Finding(NamedTuple):
    """What one window says of a figure.

    :param clear: whether it is so large a sample that it would show what is past a limit.
    """

    reading: Reading
    clear: bool = False

    @property
    def decides(self) -> bool:
        """Whether longer windows, which reach back further, need not be asked."""
        reading = self.reading
        return reading.level != "ok" or (self.clear and reading.held == "ok")


def window_readings(evaluations: Sequence[Evaluation], settings: Settings) -> list[Reading]:
    """Return what the windows of one model and version say that were decided upon together.

    Of each figure the shortest window decides that can: one that is past a limit, or that is large
    enough to show that nothing is. So an alert that only a day could show is heard, and one is
    over when the last hour says so, not a day later.

    :param evaluations: at least one.
    :param settings: of the model.
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
        for finding in _findings(evaluation, subject, settings):
            key = finding.reading.rule, finding.reading.feature
            found.setdefault(key, []).append(finding)
    readings = [_decisive(findings) for findings in found.values()]
    return [*readings, *_drift_share(subject, readings, settings)]


def _decisive(findings: Sequence[Finding]) -> Reading:
    """Return what the windows say together, the shortest first."""
    known = [finding for finding in findings if finding.reading.value is not None]
    deciding = [finding for finding in known if finding.decides]
    return next(iter([*deciding, *known, *findings])).reading


def _findings(evaluation: Evaluation, subject: Subject, settings: Settings) -> Iterator[Finding]:
    if evaluation.status != "complete":
        yield Finding(subject.unknown(RULE["prediction_drift"], n=evaluation.n))
        return
    for name, drift in evaluation.drift.items():
        yield _drift(RULE["data_drift"], name, drift, evaluation, subject, settings)
    if evaluation.prediction_drift is not None:
        rule = RULE["prediction_drift"]
        yield _drift(rule, None, evaluation.prediction_drift, evaluation, subject, settings)


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
        _LEVELS.get(drift.status, "ok") if counts else "ok",
        limits.held_of(drift.psi.score) if counts else "ok",
        feature=feature,
        n=n,
    )
    return Finding(reading, clear=drift.psi.critical <= limits.of("warning"))


def _drift_share(
    subject: Subject, readings: Sequence[Reading], settings: Settings
) -> Iterator[Reading]:
    """Yield which share of a model's features has drifted, where it has more than a few."""
    drifts = [one for one in readings if one.rule == "data_drift" and one.value is not None]
    if len(drifts) >= DRIFT_SHARE_FEATURES:
        rule = RULE["drift_share"]
        share = sum(one.level != "ok" for one in drifts) / len(drifts)
        yield subject.read(rule, share, rule.thresholds(settings), n=len(drifts))
