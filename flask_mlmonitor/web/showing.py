"""All that the page of a model shows."""

from typing import Any, Final

from flask_mlmonitor._app import AppState
from flask_mlmonitor.views.alerts import Alerts, read_shown_alerts
from flask_mlmonitor.views.drift import read_drift
from flask_mlmonitor.views.history import read_points
from flask_mlmonitor.views.live import read_minutes
from flask_mlmonitor.views.models import read_model
from flask_mlmonitor.views.performance import read_performance
from flask_mlmonitor.views.quality import read_quality
from flask_mlmonitor.web.charts import charted, drift_charts, live_charts, performance_charts

SHARES: Final = (
    ("missing", "Missing"),
    ("invalid", "Wrong type"),
    ("outliers", "Outliers (3 σ)"),
    ("outliers_iqr", "Outliers (1.5 IQR)"),
    ("out_of_range", "Out of range"),
    ("unseen", "Unseen categories"),
)
"""The columns of the table of flawed values."""


def read_shown(state: AppState, model: str, version: str, window: str | None) -> dict[str, Any]:
    """Return what is known of a model, and of a window of it if there is one, by name.

    :raises Unknown: when there is no such model or window.
    :raises StoreError: when the store does not answer.
    """
    summary = read_model(state, model, version)
    alerts = read_shown_alerts(state, (model, version))
    found = {"model": summary, "alerts": alerts, "window": None}
    settings = state.settings.for_model(model)
    if summary.judgement is not None:
        known = _of_window(state, alerts, model, version, window)
        live = live_charts(known["history"].minutes, settings, alerts.history)
        return {**found, **known, "charts": live | known["charts"]}
    database = state.runtime.database
    minutes = [] if summary.live is None else read_minutes(database, model, version)
    return {**found, "charts": live_charts(minutes, settings, alerts.history)}


def _of_window(
    state: AppState, alerts: Alerts, model: str, version: str, window: str | None
) -> dict[str, Any]:
    history = read_points(state, model, version, window)
    drift = read_drift(state, model, version, window)
    performance = read_performance(state, model, version, window)
    quality = read_quality(state, model, version, window)
    return {
        "charts": performance_charts(performance, history.points, alerts.history)
        | drift_charts(drift, history.points, alerts.history),
        "window": history.window,
        "drift": drift,
        "charted": charted(drift),
        "performance": performance,
        "quality": quality,
        "flaws": {(f.feature, f.what): f.severity for f in quality.flaws if f.severity != "ok"},
        "shares": SHARES,
        "history": history,
    }
