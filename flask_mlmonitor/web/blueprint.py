"""The routes: metrics, ground truth, health."""

from collections.abc import Callable
from typing import Final

from flask import Blueprint, Flask, Response, jsonify, request

from flask_mlmonitor._app import AppState, current_state
from flask_mlmonitor.config import Settings
from flask_mlmonitor.counters.faults import LOGGER
from flask_mlmonitor.metrics import render
from flask_mlmonitor.web.authorization import cross_origin_refusal, metrics_refusal, refusal
from flask_mlmonitor.web.health import find_problems
from flask_mlmonitor.web.problems import problem
from flask_mlmonitor.web.truth import post_ground_truth

_METRICS: Final = "mlmonitor.metrics"


def add_routes(app: Flask, settings: Settings) -> None:
    """Add the monitor's routes to the app."""
    blueprint = Blueprint("mlmonitor", __name__, url_prefix=settings.url_prefix)
    blueprint.add_url_rule(
        "/ground-truth", "ground_truth", _changing(post_ground_truth), methods=["POST"]
    )
    blueprint.add_url_rule("/health", "health", _health)
    app.register_blueprint(blueprint)
    if settings.metrics_path is not None:
        app.add_url_rule(settings.metrics_path, _METRICS, _metrics)


def warn_of_clash(state: AppState) -> None:
    """Log an error for a view of the app that answers the path of the metrics too."""
    app, path = state.app(), state.settings.metrics_path
    for rule in () if app is None else app.url_map.iter_rules():
        if rule.rule == path and rule.endpoint != _METRICS and "GET" in (rule.methods or ()):
            LOGGER.error(
                "The app's view %r answers %s too: set MLMONITOR_METRICS_PATH to another path.",
                rule.endpoint, path,
            )  # fmt: skip


def _changing(view: Callable[[AppState], Response]) -> Callable[[], Response]:
    def authorized() -> Response:
        state = current_state()
        refused = refusal(state) or cross_origin_refusal() or _standstill(state)
        return view(state) if refused is None else refused

    return authorized


def _metrics() -> Response:
    state = current_state()
    refused = metrics_refusal(state) or _standstill(state)
    if refused is not None:
        return refused
    body, content_type = render(state, request.headers.get("Accept"))
    return Response(body, content_type=content_type)


def _standstill(state: AppState) -> Response | None:
    if state.problem is None:
        return None
    return problem(503, "The monitor could not start", state.problem, {"Retry-After": "5"})


def _health() -> Response:
    """Answer 200 while the monitor works; details only to those who may know them."""
    state = current_state()
    problems = find_problems(state)
    shown = refusal(state) is None
    if not problems:
        return jsonify(status="ok")
    detail = "; ".join(problems.values()) if shown else ", ".join(problems)
    return problem(503, "The monitor does not work as it should", detail)
