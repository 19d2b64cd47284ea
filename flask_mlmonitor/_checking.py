"""Alerts that a program asks for: its figures against the thresholds, and its own words."""

from collections.abc import Mapping, Sequence
from functools import partial
from math import isfinite
from numbers import Real
from typing import Final, cast, get_args
from uuid import uuid4

from flask_mlmonitor import signals
from flask_mlmonitor._alerting import posting, tell_decided
from flask_mlmonitor._app import AppState, load_baseline
from flask_mlmonitor._evaluations import limits_of, tell
from flask_mlmonitor.alerts.alert import Alert, Notification, Severity
from flask_mlmonitor.alerts.deciding import Decision, Memory, decide
from flask_mlmonitor.alerts.levels import LEVELS, Level, Thresholds
from flask_mlmonitor.alerts.reading import Reading, Subject
from flask_mlmonitor.alerts.rule import MONITOR, NO_VERSION
from flask_mlmonitor.alerts.rules import RULE
from flask_mlmonitor.alerts.series import fingerprint
from flask_mlmonitor.alerts.silences import Silence
from flask_mlmonitor.clock import as_datetime, now
from flask_mlmonitor.exceptions import ConfigError, one_of
from flask_mlmonitor.stats.verdicts.harm import Limit, measured_limits
from flask_mlmonitor.store.alerting import add_alert, add_silence, settle

_SEVERITIES: Final = get_args(Severity)
LONGEST_SILENCE: Final = 366 * 86400.0
"""Seconds: a silence that nobody lives to see end is a mistake."""


def check(
    state: AppState, names: Sequence[str], value: float, model: str | None, version: str | None
) -> Alert | None:
    """Compare a figure with the thresholds of rules; return the alert that it raises.

    :raises ConfigError: for an unknown model, or a figure that is no number.
    :raises StoreUnavailable: when the store does not answer.
    """
    value = _number("value", value)
    subject = _subject(state, model, version)
    settings = state.settings.for_model(subject.model)
    readings = []
    for name in names:
        limits = RULE[name].thresholds(settings)
        if limits.warning is not None or limits.critical is not None:
            readings.append(subject.read(RULE[name], value, limits, n=1))
    return worst_of(_decided(state, readings))


def check_performance(
    state: AppState, figures: Mapping[str, float], model: str | None, version: str | None
) -> list[Alert]:
    """Compare measured figures with their limits, such as the accuracy."""
    subject = _subject(state, model, version)
    baseline = None
    if subject.model != MONITOR:
        declaration = state.declaration(subject.model, subject.version)
        baseline = load_baseline(declaration.baseline, state.root)
    was = {} if baseline is None else baseline.performance
    readings = []
    for name, limit in measured_limits(was, limits_of(state, subject.model)).items():
        if name in figures:
            value, bounds = _number(name, figures[name]), _bounds(limit)
            level = bounds.level_of(value)
            held = bounds.held_of(value)
            readings.append(subject.judged(RULE[name], value, bounds, level, held, n=1))
    return _decided(state, readings)


def check_drift(
    state: AppState, psi: float, feature: str, model: str | None, version: str | None
) -> Alert | None:
    """Compare a PSI with its thresholds; one on a threshold has reached it."""
    psi, feature = _number("psi", psi), _text("feature", feature)
    subject = _subject(state, model, version)
    rule = RULE["data_drift"]
    limits = rule.thresholds(state.settings.for_model(subject.model))
    reached: Level = "ok"
    for level in LEVELS[1:]:
        if psi >= limits.of(level):
            reached = level
    held = limits.held_of(psi)
    reading = subject.judged(rule, psi, limits, reached, held, feature=feature, n=1)
    return worst_of(_decided(state, [reading]))


def worst_of(alerts: Sequence[Alert]) -> Alert | None:
    """Return the worst of some alerts, if there are any."""
    return max(alerts, key=lambda one: _SEVERITIES.index(one.severity), default=None)


def send(
    state: AppState,
    severity: str,
    message: str,
    metric: str,
    value: float,
    *,
    threshold: float,
    feature: str | None,
    model: str | None,
    version: str | None,
) -> Alert:
    """Send a program's own words to the channels of their severity.

    :raises ConfigError: for an unknown severity or model, or what is no text or number.
    :raises StoreUnavailable: when the store does not answer.
    """
    if severity not in _SEVERITIES:
        raise ConfigError("severity", severity, f"use {one_of(_SEVERITIES)}")
    subject = _subject(state, model, version, needed=False)
    current = now()
    alert = Alert(
        id=str(uuid4()),
        model=subject.model,
        version=subject.version,
        metric=_text("metric", metric),
        feature=None if feature is None else _text("feature", feature),
        severity=cast("Severity", severity),
        value=_number("value", value),
        threshold=_number("threshold", threshold),
        message=_text("message", message),
        state="firing",
        since=as_datetime(current),
    )
    if not state.settings.enabled:
        return alert
    database, post = state.runtime.database, posting(state, current)
    add_alert(database, state.name, alert, _message_of(alert), post=post)
    tell(state, signals.alert_fired, alert=alert)
    _send_in_tests(state)
    return alert


def _message_of(alert: Alert) -> Notification:
    """Return the message of an alert that stands alone."""
    whose = "" if alert.model == MONITOR else f"{alert.model} {alert.version}: "
    return Notification(
        id=alert.id,
        key=f"mlmonitor/by-hand/{alert.id}",
        action="trigger",
        reason="by_hand",
        family=alert.metric,
        model=alert.model,
        version=alert.version,
        severity=alert.severity,
        title=f"{whose}{alert.metric}",
        text=alert.message,
        time=alert.since,
        alerts=(alert,),
    )


def silence(state: AppState, seconds: float, *, why: str = "", **matched: str | None) -> Silence:
    """Silence alerts for so many seconds.

    :param matched: the fields of a :class:`Silence` of these names.
    :raises ConfigError: for a model or a metric that there is not, or a time that is none.
    """
    if not 0 < seconds <= LONGEST_SILENCE:
        remedy = "give a time to come, of a year at most, such as '2h'"
        raise ConfigError("duration", seconds, remedy)
    _check_matched(state, matched)
    return _silence(state, seconds, why, matched)


def silence_alert(state: AppState, alert: Alert, seconds: float, *, why: str) -> Silence:
    """Silence an alert, and those about the same figure that follow it, for so many seconds."""
    names = ("model", "version", "metric", "feature")
    return _silence(state, seconds, why, {name: getattr(alert, name) for name in names})


def _silence(
    state: AppState, seconds: float, why: str, matched: Mapping[str, str | None]
) -> Silence:
    if why:
        _text("why", why)
    found = Silence(id=str(uuid4()), until=now() + seconds, why=why, **matched)
    if state.settings.enabled:
        database = state.runtime.database
        database.prepare()
        add_silence(database, state.name, found)
    return found


def _decided(state: AppState, readings: Sequence[Reading]) -> list[Alert]:
    """Decide upon readings at once; return the alerts that they keep or raise."""
    if not (readings and state.settings.enabled):
        return []
    known: list[Memory] = []
    current, database = now(), state.runtime.database

    def deciding(memory: Memory) -> Decision:
        known[:] = [memory]
        return decide(
            memory, readings, app=state.name, now=current, settings=state.settings, by_hand=True
        )

    database.prepare()
    on_damage = partial(state.runtime.faults.happened, "background")
    post = posting(state, current)
    decision = settle(database, state.name, deciding, post=post, on_damage=on_damage)
    assert decision is not None
    tell_decided(state, decision)
    _send_in_tests(state)
    series = {**known[0].series, **decision.series}
    keys = [
        fingerprint(one.rule, one.model, one.version, one.feature)
        for one in readings
        if one.level != "ok"
    ]
    return [series[key].alert for key in keys]


def _subject(
    state: AppState, model: str | None, version: str | None, *, needed: bool = True
) -> Subject:
    """Return whom a figure is about; of an app with one model that need not be said.

    What is about none, or said by an app that declares none, is about the app as a whole.
    """
    known = state.declarations()
    found = [one for one in known if model in (None, one.model) and version in (None, one.version)]
    if len(found) == 1:
        return Subject(found[0].model, found[0].version, now())
    if model is None and not (known and needed):
        return Subject(MONITOR, NO_VERSION, now())
    if model is not None and not known:
        declared = state.declaration(model, version)
        return Subject(declared.model, declared.version, now())
    name, given = ("model", model) if version is None else ("model, version", (model, version))
    names = one_of(f"{one.model} {one.version}" for one in known)
    raise ConfigError(name, given, f"give model and version, {names}")


def _check_matched(state: AppState, matched: Mapping[str, str | None]) -> None:
    """Refuse a silence that nothing would ever match, such as one of a misspelt model."""
    declared = state.declarations()
    known = {
        "model": {MONITOR, *(one.model for one in declared)},
        "version": {NO_VERSION, *(one.version for one in declared)},
        "metric": RULE.keys(),
    }
    for name, given in matched.items():
        if given is not None:
            _text(name, given)
    for name, names in known.items():
        if matched.get(name) not in (None, *names):
            raise ConfigError(name, matched[name], f"use {one_of(sorted(names))}")


def _number(name: str, value: object) -> float:
    """Return a figure as a float: numpy's numbers are numbers too."""
    if isinstance(value, bool) or not isinstance(value, Real) or not isfinite(value):
        raise ConfigError(name, value, "give a finite number")
    return float(value)


def _text(name: str, value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ConfigError(name, value, "give a text")
    return value


def _bounds(limit: Limit) -> Thresholds:
    usual = 1.0 if limit.low else 0.0
    origin = usual if limit.usual is None else limit.usual
    return Thresholds(limit.warning, limit.critical, low=limit.low, origin=origin)


def _send_in_tests(state: AppState) -> None:
    """Send what waits, where there is no thread to do so."""
    if state.runtime.inline:
        state.runtime.duties[state.name].watch.delivery.run()
