"""All that the page of a model shows."""

from typing import Any, Final

from flask_mlmonitor._app import AppState
from flask_mlmonitor.views.alerts import read_shown_alerts
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
    found: dict[str, Any] = {"model": summary, "alerts": alerts, "window": None}
    if summary.judgement is None:
        minutes = (
            [] if summary.live is None else read_minutes(state.runtime.database, model, version)
        )
        charts = live_charts(minutes, state.settings.for_model(model), alerts.history)
        return {**found, "charts": charts}
    history = read_points(state, model, version, window)
    drift = read_drift(state, model, version, window)
    performance = read_performance(state, model, version, window)
    charts = {
        **live_charts(history.minutes, state.settings.for_model(model), alerts.history),
        **performance_charts(performance, history.points, alerts.history),
        **drift_charts(drift, history.points, alerts.history),
    }
    quality = read_quality(state, model, version, window)
    return {
        **found,
        "charts": charts,
        "window": history.window,
        "drift": drift,
        "charted": charted(drift),
        "performance": performance,
        "quality": quality,
        "flaws": {(f.feature, f.what): f.severity for f in quality.flaws if f.severity != "ok"},
        "shares": SHARES,
        "history": history,
    }
