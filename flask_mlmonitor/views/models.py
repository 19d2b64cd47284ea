"""All models of the app at a glance."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Self

import msgspec

from flask_mlmonitor._app import AppState
from flask_mlmonitor._evaluations import subjects_of
from flask_mlmonitor.alerts.alert import Alert
from flask_mlmonitor.background.subjects import Subject
from flask_mlmonitor.stats.baselines.baseline import Baseline
from flask_mlmonitor.stats.verdicts.evaluation import Evaluation, Severity, longest, worst
from flask_mlmonitor.store.alerting import read_alerts
from flask_mlmonitor.store.results import read_latest, read_latest_measured
from flask_mlmonitor.views.choosing import headline, subject_of
from flask_mlmonitor.views.live import Traffic, read_live

Key = tuple[str, str]
"""A model and its version."""


class BaselineSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What the windows of a model are compared with."""

    created: datetime
    rows: int
    features: tuple[str, ...]
    performance: Mapping[str, float]

    @classmethod
    def of(cls, baseline: Baseline | None) -> Self | None:
        """Return a baseline's summary; ``None`` without one."""
        if baseline is None:
            return None
        return cls(
            created=baseline.created,
            rows=baseline.n,
            features=baseline.feature_names,
            performance=baseline.performance,
        )


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """The last evaluation of the longest window that was judged.

    :param coverage: the share of its predictions whose ground truth is known by now.
    :param drifted: the features that have drifted, the furthest first.
    :param estimated: what the scores suggest, without any ground truth.
    """

    window: str
    start: datetime
    end: datetime
    n: int
    status: str
    severity: Severity
    text: str
    coverage: float | None
    drifted: tuple[str, ...]
    estimated: Mapping[str, float]
    estimated_intervals: Mapping[str, tuple[float, float]]

    @classmethod
    def of(cls, one: Evaluation) -> Self:
        """Return what an evaluation says at a glance."""
        return cls(
            window=one.window,
            start=one.start,
            end=one.end,
            n=one.n,
            status=one.status,
            severity=one.verdict.severity,
            text=one.verdict.text,
            coverage=one.coverage,
            drifted=tuple(one.drifted),
            estimated=one.estimated,
            estimated_intervals=one.estimated_intervals,
        )


class Measurement(msgspec.Struct, frozen=True, kw_only=True):
    """The last window of whose predictions enough got ground truth."""

    window: str
    start: datetime
    end: datetime
    labelled: int
    coverage: float | None
    performance: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]]

    @classmethod
    def of(cls, one: Evaluation | None) -> Self | None:
        """Return what was measured; ``None`` where nothing was."""
        if one is None:
            return None
        return cls(
            window=one.window,
            start=one.start,
            end=one.end,
            labelled=one.labelled,
            coverage=one.coverage,
            performance=one.performance,
            intervals=one.intervals,
        )


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a model.

    :param windows: as configured.
    :param severity: the worst of its judgement and its alerts; ``None`` while there is neither.
    :param judgement: ``None`` before the end of the first window.
    :param live: the last minutes; ``None`` while nothing was ever stored.
    :param alerts: how many there are of each severity.
    """

    model: str
    version: str
    task: str | None
    windows: tuple[str, ...]
    baseline: BaselineSummary | None
    severity: Severity | None
    judgement: Judgement | None
    measured: Measurement | None
    live: Traffic | None
    alerts: Mapping[str, int]


class Models(msgspec.Struct, frozen=True, kw_only=True):
    """All models of an app."""

    app: str
    models: tuple[Model, ...]


def read_models(state: AppState) -> Models:
    """Return all models of the app, in the order in which they were declared.

    :raises StoreError: when the store does not answer.
    """
    return Models(app=state.name, models=tuple(_read(state, subjects_of(state), None)))


def read_model(state: AppState, model: str, version: str) -> Model:
    """Return one model of the app.

    :raises Unknown: when there is no such one.
    :raises StoreError: when the store does not answer.
    """
    (found,) = _read(state, [subject_of(state, model, version)], (model, version))
    return found


def _read(state: AppState, subjects: Sequence[Subject], of: Key | None) -> Iterator[Model]:
    """Yield models.

    :param of: the only one of which evaluations are read.
    """
    database = state.runtime.database
    there = database.exists()
    latest = _by_model(read_latest(database, of)) if there else {}
    measured = _by_model(read_latest_measured(database, of)) if there else {}
    alerts = read_alerts(database, state.name) if there else ()
    for subject in subjects:
        key = (subject.model, subject.version)
        judgement = Judgement.of(headline(latest[key])) if key in latest else None
        own = [one for one in alerts if (one.model, one.version) == key]
        yield Model(
            model=subject.model,
            version=subject.version,
            task=_task(subject),
            windows=tuple(window.text for window in subject.windows),
            baseline=BaselineSummary.of(subject.baseline),
            severity=severity_of(judgement, own),
            judgement=judgement,
            measured=Measurement.of(longest(measured.get(key, ()))),
            live=read_live(database, *key) if there else None,
            alerts=Counter(one.severity for one in own),
        )


def severity_of(judgement: Judgement | None, alerts: Iterable[Alert]) -> Severity | None:
    """Return the worst of what a window and the active alerts say; ``None`` if neither says any.

    An alert may be of a shorter window than the judgement, or of the last minutes.
    """
    judged = judgement is not None and judgement.status != "not_enough_data"
    found: list[Severity] = [judgement.severity] if judgement and judged else []
    found += [one.severity for one in alerts]
    return worst(found) if found else None


def _task(subject: Subject) -> str | None:
    return subject.task or (None if subject.baseline is None else subject.baseline.task)


def _by_model(evaluations: Sequence[Evaluation]) -> dict[Key, list[Evaluation]]:
    found: dict[Key, list[Evaluation]] = {}
    for one in evaluations:
        found.setdefault((one.model, one.version), []).append(one)
    return found
