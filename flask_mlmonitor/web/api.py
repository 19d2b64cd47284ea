"""What the page shows, as JSON for programs."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from flask import Blueprint, request

from flask_mlmonitor._app import AppState
from flask_mlmonitor._quantities import Unreadable
from flask_mlmonitor.views.alerts import read_shown_alerts
from flask_mlmonitor.views.choosing import Chosen, choose
from flask_mlmonitor.views.drift import read_drift
from flask_mlmonitor.views.history import MOST_POINTS, POINTS, read_points
from flask_mlmonitor.views.models import read_models
from flask_mlmonitor.views.performance import performance_of
from flask_mlmonitor.views.quality import quality_of
from flask_mlmonitor.web.alerts import post_acknowledge, post_silence
from flask_mlmonitor.web.answers import answering
from flask_mlmonitor.web.description import description

MODEL: Final = "/api/models/<model>/<version>"


def add_api(blueprint: Blueprint) -> None:
    """Add the routes that answer with JSON."""
    routes: dict[str, Callable[..., Any]] = {
        "/api/models": models,
        f"{MODEL}/drift": drift,
        f"{MODEL}/performance": performance,
        f"{MODEL}/quality": quality,
        f"{MODEL}/history": history,
        "/api/alerts": alerts,
        "/api/openapi.json": openapi,
    }
    for rule, view in routes.items():
        blueprint.add_url_rule(rule, f"api_{view.__name__}", view)
    for name, change in (("acknowledge", post_acknowledge), ("silence", post_silence)):
        rule = f"/api/alerts/<alert_id>/{name}"
        blueprint.add_url_rule(rule, name, change, methods=["POST"])


@answering
def models(state: AppState) -> Any:
    """Answer with all models of the app at a glance."""
    return read_models(state)


@answering
def drift(state: AppState, model: str, version: str) -> Any:
    """Answer with how far each feature is from the baseline."""
    return read_drift(state, _chosen(state, model, version))


@answering
def performance(state: AppState, model: str, version: str) -> Any:
    """Answer with how well a model does."""
    return performance_of(_chosen(state, model, version))


@answering
def quality(state: AppState, model: str, version: str) -> Any:
    """Answer with what is wrong with the values."""
    return quality_of(_chosen(state, model, version))


@answering
def history(state: AppState, model: str, version: str) -> Any:
    """Answer with the last evaluations of a window."""
    chosen = _chosen(state, model, version)
    return read_points(state, chosen, limit=_limit(), before=_before())


@answering
def alerts(state: AppState) -> Any:
    """Answer with the alerts that have fired and are not over, and what happened in a week."""
    return read_shown_alerts(state)


@answering
def openapi(state: AppState) -> Any:
    """Answer with the description of these routes."""
    return description(request.script_root + state.settings.url_prefix)


def _chosen(state: AppState, model: str, version: str) -> Chosen:
    return choose(state, model, version, request.args.get("window"))


def _limit() -> int:
    given = request.args.get("limit", str(POINTS))
    if not (given.isascii() and given.isdigit() and 1 <= int(given[:9]) <= MOST_POINTS):
        raise Unreadable(f"limit = {given!r}: give a whole number from 1 to {MOST_POINTS}")
    return int(given)


def _before() -> datetime | None:
    given = request.args.get("before")
    if given is None:
        return None
    try:
        # In a URL, a plus that nobody quoted is a space.
        found = datetime.fromisoformat(given.replace(" ", "+"))
        found.timestamp()
    except (ValueError, OverflowError):
        found = None
    if found is None or found.tzinfo is None:
        raise Unreadable(
            f"before = {given!r}: give a moment with its time zone, such as 2026-01-31T12:00:00Z"
        )
    return found
