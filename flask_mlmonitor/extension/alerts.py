"""``monitor.alerts``: what a program asks of the alerts, within an app context."""

from datetime import timedelta

from flask_mlmonitor import _checking as checking
from flask_mlmonitor._app import AppState, current_state
from flask_mlmonitor._quantities import Unreadable, seconds
from flask_mlmonitor.alerts.alert import Alert
from flask_mlmonitor.alerts.silences import Silence
from flask_mlmonitor.clock import now
from flask_mlmonitor.exceptions import ConfigError
from flask_mlmonitor.store.alerting import (
    acknowledge,
    end_silence,
    read_alerts,
    read_silences,
)
from flask_mlmonitor.store.database import Database


class AlertManager:
    """The alerts of the current app.

    The elected process looks at all figures by itself. A program may add its own: a ``check_``
    method compares a figure with the configured thresholds *at once*, without waiting for it to
    last. The alert is the same one that the elected process would raise: one for each model,
    version, metric and feature, told once, and over with the first figure that is well again.

    *model* and *version* may be left out in an app with one model; in one that declares none, an
    alert is about the app as a whole. All methods need an app context.

    >>> from flask import Flask
    >>> from flask_mlmonitor import MLMonitor
    >>> app = Flask(__name__)
    >>> app.config["TESTING"] = True
    >>> monitor = MLMonitor(app)
    >>> monitor.register("fraud")
    >>> with app.app_context():
    ...     alert = monitor.alerts.check_latency(2.5)
    ...     active = monitor.alerts.active()
    ...     over = monitor.alerts.check_latency(0.1)
    >>> alert.severity, alert.value, alert.threshold, active == [alert], over
    ('critical', 2.5, 2.0, True, None)
    """

    def check_latency(
        self, value: float, *, model: str | None = None, version: str | None = None
    ) -> Alert | None:
        """Raise an alert if a latency, in seconds, is above ``MLMONITOR_LATENCY_…``.

        :return: the alert, or ``None`` while there is none.
        :raises ConfigError: for an unknown model, or a figure that is no number.
        :raises StoreUnavailable: when the store does not answer.
        """
        return checking.check(current_state(), ["latency"], value, model, version)

    def check_error_rate(
        self, value: float, *, model: str | None = None, version: str | None = None
    ) -> Alert | None:
        """Raise an alert if a share of failures, 0 to 1, is above ``MLMONITOR_ERROR_RATE_…``."""
        return checking.check(current_state(), ["error_rate"], value, model, version)

    def check_throughput(
        self, value: float, *, model: str | None = None, version: str | None = None
    ) -> Alert | None:
        """Raise an alert if the requests per second are fewer or more than configured."""
        names = ["throughput_low", "throughput_high"]
        return checking.check(current_state(), names, value, model, version)

    def check_accuracy(
        self, value: float, *, model: str | None = None, version: str | None = None
    ) -> Alert | None:
        """Raise an alert if an accuracy, 0 to 1, is below its limit.

        So far below the baseline's where that is known and no absolute limit is set
        (``MLMONITOR_ACCURACY_DROP_…``), else below ``MLMONITOR_ACCURACY_…``.
        """
        figures = {"accuracy": value}
        found = checking.check_performance(current_state(), figures, model, version)
        return checking.worst_of(found)

    def check_data_drift(
        self, psi: float, feature: str, *, model: str | None = None, version: str | None = None
    ) -> Alert | None:
        """Raise an alert if a feature's PSI is at least ``MLMONITOR_PSI_…``."""
        return checking.check_drift(current_state(), psi, feature, model, version)

    def send_alert(
        self,
        severity: str,
        message: str,
        metric: str,
        value: float,
        *,
        threshold: float = 0.0,
        feature: str | None = None,
        model: str | None = None,
        version: str | None = None,
    ) -> Alert:
        """Send an alert of your own to the channels of its severity, as it is, each time.

        It has no state: it is not among :meth:`active`, and nothing ends it. Listeners of
        ``alert_fired`` hear of it.

        :param severity: "info", "warning" or "critical".
        :param message: one sentence for people.
        :param metric: a name of your own.
        :raises ConfigError: for an unknown severity or model, or what is no text or number.
        :raises StoreUnavailable: when the store does not answer.
        """
        return checking.send(
            current_state(),
            severity,
            message,
            metric,
            value,
            threshold=threshold,
            feature=feature,
            model=model,
            version=version,
        )

    def active(self) -> list[Alert]:
        """Return the alerts that have fired and are not over, the worst first."""
        state = current_state()
        database = _store_of(state)
        return read_alerts(database, state.name) if database and database.exists() else []

    def acknowledge(self, alert_id: str) -> Alert | None:
        """Say that somebody knows of an alert: it is not repeated unless it becomes worse.

        :return: ``None`` when there is no such alert, or it is over.
        :raises ConfigError: for what is no id.
        """
        state = current_state()
        if not isinstance(alert_id, str):
            raise ConfigError("alert_id", alert_id, "give the `id` of an alert")
        database = _prepared(state)
        return acknowledge(database, state.name, alert_id) if database else None

    def silence(
        self,
        duration: float | str | timedelta,
        *,
        model: str | None = None,
        version: str | None = None,
        metric: str | None = None,
        feature: str | None = None,
        why: str | None = None,
    ) -> Silence:
        """Let nobody be told of some alerts for a while; they are there all the same.

        If they last longer, people are told then. What :meth:`send_alert` sends is not silenced.

        :param duration: seconds, or a text such as "2h".
        :param model: of which; with each that is left out it holds for more.
        :param metric: such as "data_drift".
        :param why: a few words for people.
        :raises ConfigError: for a duration that is none or more than a year, or a model or metric
            that there is not.
        """
        given = {"model": model, "version": version, "metric": metric, "feature": feature}
        return checking.silence(current_state(), _seconds(duration), **given, why=why or "")

    def silences(self) -> list[Silence]:
        """Return the silences that hold now, the first to end first."""
        state = current_state()
        database = _store_of(state)
        return read_silences(database, state.name, now()) if database and database.exists() else []

    def unsilence(self, silence_id: str) -> bool:
        """End a silence before its time.

        :return: whether there was one.
        """
        state = current_state()
        database = _prepared(state)
        return end_silence(database, state.name, silence_id) if database else False


def _store_of(state: AppState) -> Database | None:
    """Return the store, unless nothing is monitored: then it is not even opened."""
    return state.runtime.database if state.settings.enabled else None


def _prepared(state: AppState) -> Database | None:
    database = _store_of(state)
    if database is not None:
        database.prepare()
    return database


def _seconds(duration: float | str | timedelta) -> float:
    if isinstance(duration, timedelta):
        duration = duration.total_seconds()
    try:
        return seconds(duration)
    except Unreadable as unreadable:
        raise ConfigError("duration", duration, str(unreadable)) from None
