"""All that the page of a model shows, and a report."""

from typing import Any, Final

from flask_mlmonitor._app import AppState
from flask_mlmonitor.views.alerts import Alerts, read_shown_alerts
from flask_mlmonitor.views.choosing import Chosen, choose
from flask_mlmonitor.views.drift import read_drift
from flask_mlmonitor.views.history import read_points
from flask_mlmonitor.views.live import read_minutes
from flask_mlmonitor.views.models import Judgement, read_model
from flask_mlmonitor.views.performance import performance_of
from flask_mlmonitor.views.quality import quality_of
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
        known = read_window(state, choose(state, model, version, window), alerts)
        live = live_charts(known["history"].minutes, settings, alerts.history)
        return {**found, **known, "charts": live | known["charts"]}
    database = state.runtime.database
    minutes = [] if summary.live is None else read_minutes(database, model, version)
    return {**found, "charts": live_charts(minutes, settings, alerts.history)}


def read_window(state: AppState, chosen: Chosen, alerts: Alerts) -> dict[str, Any]:
    """Return what is known of a window, by name.

    :raises StoreError: when the store does not answer.
    """
    history, drift = read_points(state, chosen), read_drift(state, chosen)
    performance, quality = performance_of(chosen), quality_of(chosen)
    return {
        "charts": performance_charts(performance, history.points, alerts.history)
        | drift_charts(drift, history.points, alerts.history),
        "window": chosen.window,
        "judged": Judgement.of(chosen.evaluation),
        "has_baseline": chosen.subject.baseline is not None,
        "drift": drift,
        "charted": charted(drift),
        "performance": performance,
        "quality": quality,
        "flaws": {(f.feature, f.what): f.severity for f in quality.flaws if f.severity != "ok"},
        "shares": SHARES,
        "history": history,
    }
