"""The page: what is known of the models, for people."""

from typing import Any, Final

from flask import Blueprint, Response, request

from flask_mlmonitor._app import AppState, current_state
from flask_mlmonitor.store.patience import in_a_request
from flask_mlmonitor.views.alerts import read_shown_alerts
from flask_mlmonitor.views.drift import read_drift
from flask_mlmonitor.views.history import read_points
from flask_mlmonitor.views.live import read_minutes
from flask_mlmonitor.views.models import read_model, read_models
from flask_mlmonitor.views.performance import read_performance
from flask_mlmonitor.views.quality import read_quality
from flask_mlmonitor.web.answers import KNOWN_ERRORS, problem_of
from flask_mlmonitor.web.charts import charted, drift_charts, live_charts, performance_charts
from flask_mlmonitor.web.rendering import as_page, page
from flask_mlmonitor.web.runbook import get_runbook

PAGES: Final = frozenset(("mlmonitor.overview", "mlmonitor.model", "mlmonitor.runbook"))
"""The routes that a person looks at."""
SHARES: Final = (
    ("missing", "Missing"),
    ("invalid", "Wrong type"),
    ("outliers", "Outliers (3 σ)"),
    ("outliers_iqr", "Outliers (1.5 IQR)"),
    ("out_of_range", "Out of range"),
    ("unseen", "Unseen categories"),
)
"""The columns of the table of flawed values."""


def add_pages(blueprint: Blueprint) -> None:
    """Add the routes that answer with a page."""
    blueprint.add_url_rule("/", "overview", overview)
    blueprint.add_url_rule("/models/<model>/<version>", "model", model_page)
    blueprint.add_url_rule("/runbook", "runbook", get_runbook)


def overview() -> Response:
    """Show all models and alerts."""
    state = current_state()
    try:
        with in_a_request():
            found = read_models(state)
            alerts = read_shown_alerts(state)
    except KNOWN_ERRORS as error:
        return as_page(problem_of(error))
    return page("overview.html", models=found.models, app=state.name, alerts=alerts)


def model_page(model: str, version: str) -> Response:
    """Show one version of a model."""
    state = current_state()
    try:
        with in_a_request():
            found = _read(state, model, version, request.args.get("window"))
    except KNOWN_ERRORS as error:
        return as_page(problem_of(error))
    return page("model.html", app=state.name, **found)


def _read(state: AppState, model: str, version: str, window: str | None) -> dict[str, Any]:
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
