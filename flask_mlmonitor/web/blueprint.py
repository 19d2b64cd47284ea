"""The routes: metrics, ground truth, health."""

from typing import Final

from flask import Blueprint, Flask, Response, jsonify, request
from werkzeug import Response as AnyResponse
from werkzeug.exceptions import HTTPException

from flask_mlmonitor._app import AppState, current_state
from flask_mlmonitor.config import Settings
from flask_mlmonitor.counters.faults import LOGGER
from flask_mlmonitor.metrics import render
from flask_mlmonitor.web.api import add_api
from flask_mlmonitor.web.authorization import change_refusal, metrics_refusal, refusal
from flask_mlmonitor.web.health import find_problems
from flask_mlmonitor.web.pages import PAGES, add_pages
from flask_mlmonitor.web.problems import PROBLEM, problem
from flask_mlmonitor.web.rendering import as_page
from flask_mlmonitor.web.truth import CSV, NDJSON, post_ground_truth

_METRICS: Final = "mlmonitor.metrics"
_HEALTH: Final = "mlmonitor.health"
_TRUTH: Final = "mlmonitor.ground_truth"
_OPEN: Final = frozenset((_METRICS, _HEALTH))
"""The routes that everybody may ask; the metrics have a token of their own."""
_ACCEPTED: Final = {_TRUTH: (NDJSON[0], CSV, *NDJSON[1:])}
"""What a route that changes something takes, beside JSON."""
_READING: Final = frozenset(("GET", "HEAD", "OPTIONS"))


def add_routes(app: Flask, settings: Settings) -> None:
    """Add the monitor's routes to the app."""
    blueprint = Blueprint(
        "mlmonitor", __name__, url_prefix=settings.url_prefix, static_folder="static"
    )
    blueprint.before_request(_gate)
    blueprint.after_request(_keep_to_yourself)
    blueprint.add_url_rule("/ground-truth", "ground_truth", _ground_truth, methods=["POST"])
    blueprint.add_url_rule("/health", "health", _health)
    add_api(blueprint)
    add_pages(blueprint)
    app.register_blueprint(blueprint)
    if settings.metrics_path is not None:
        app.add_url_rule(settings.metrics_path, _METRICS, _metrics)


def warn_of_clash(state: AppState) -> None:
    """Log an error for a view of the app that answers the path of the metrics too."""
    for view in views_in_the_way(state):
        LOGGER.error(
            "The app's view %r answers %s too: set MLMONITOR_METRICS_PATH to another path.",
            view, state.settings.metrics_path,
        )  # fmt: skip


def views_in_the_way(state: AppState) -> list[str]:
    """Return the views of the app that answer the path of the metrics too."""
    app = state.app()
    return [
        rule.endpoint
        for rule in (() if app is None else app.url_map.iter_rules())
        if rule.rule == state.settings.metrics_path
        and rule.endpoint != _METRICS
        and "GET" in (rule.methods or ())
    ]


def _gate() -> AnyResponse | None:
    """Stand before every route of ours, so that one that is added later is closed as well."""
    if request.endpoint in _OPEN:
        return None
    state = current_state()
    refused = refusal(state)
    if refused is None and request.method not in _READING:
        refused = change_refusal(_ACCEPTED.get(request.endpoint or "", ()))
    refused = refused or _standstill(state)
    if request.endpoint in PAGES and isinstance(refused, Response) and refused.mimetype == PROBLEM:
        return as_page(refused)
    return refused


def _keep_to_yourself(response: Response) -> Response:
    """Let no browser or proxy keep what it was told, or guess what that is."""
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def _ground_truth() -> Response:
    return post_ground_truth(current_state())


def _metrics() -> Response:
    state = current_state()
    refused = metrics_refusal(state) or _standstill(state)
    if refused is not None:
        return refused
    try:
        body, content_type = render(state, request.headers.get("Accept"))
    except OSError as error:  # a part of the counters would look as if they had been reset
        return problem(503, "The counters cannot be read", str(error), {"Retry-After": "5"})
    return Response(body, content_type=content_type)


def _standstill(state: AppState) -> Response | None:
    if state.problem is None:
        return None
    return problem(503, "The monitor could not start", state.problem, {"Retry-After": "5"})


def _health() -> Response:
    """Answer 200 while the monitor works; details only to those who may know them."""
    state = current_state()
    problems = find_problems(state)
    if not problems:
        return jsonify(status="ok")
    detail = "; ".join(problems.values()) if _may_know(state) else ", ".join(problems)
    return problem(503, "The monitor does not work as it should", detail)


def _may_know(state: AppState) -> bool:
    try:
        return refusal(state) is None
    except HTTPException:
        return False
