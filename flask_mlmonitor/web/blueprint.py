"""The routes: metrics, ground truth, health."""

from collections.abc import Callable

from flask import Blueprint, Flask, Response, jsonify, request

from flask_mlmonitor._app import AppState, current_state
from flask_mlmonitor.config import Settings
from flask_mlmonitor.metrics import render
from flask_mlmonitor.web.authorization import metrics_refusal, refusal
from flask_mlmonitor.web.health import find_problems
from flask_mlmonitor.web.problems import problem
from flask_mlmonitor.web.truth import post_ground_truth


def add_routes(app: Flask, settings: Settings) -> None:
    """Add the monitor's routes to the app."""
    blueprint = Blueprint("mlmonitor", __name__, url_prefix=settings.url_prefix)
    blueprint.add_url_rule(
        "/ground-truth", "ground_truth", _authorized(post_ground_truth), methods=["POST"]
    )
    blueprint.add_url_rule("/health", "health", _health)
    app.register_blueprint(blueprint)
    if settings.metrics_path is not None:
        app.add_url_rule(settings.metrics_path, "mlmonitor.metrics", _metrics)


def metrics_clash(app: Flask, settings: Settings) -> str | None:
    """Return the endpoint of the app that also answers the path of the metrics."""
    for rule in app.url_map.iter_rules():
        if rule.rule == settings.metrics_path and rule.endpoint != "mlmonitor.metrics":
            return str(rule.endpoint)
    return None


def _authorized(view: Callable[[AppState], Response]) -> Callable[[], Response]:
    def authorized() -> Response:
        state = current_state()
        refused = refusal(state)
        return view(state) if refused is None else refused

    return authorized


def _metrics() -> Response:
    state = current_state()
    refused = metrics_refusal(state)
    if refused is not None:
        return refused
    body, content_type = render(state, request.headers.get("Accept"))
    return Response(body, content_type=content_type)


def _health() -> Response:
    """Answer 200 while the monitor works; details only to those who may know them."""
    state = current_state()
    problems = find_problems(state)
    shown = refusal(state) is None
    if not problems:
        return jsonify(status="ok")
    detail = "; ".join(problems.values()) if shown else ", ".join(problems)
    return problem(503, "The monitor does not work as it should", detail)
