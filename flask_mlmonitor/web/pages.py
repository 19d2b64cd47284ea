"""The page: what is known of the models, for people."""

from typing import Final

from flask import Blueprint, Response, request

from flask_mlmonitor._app import current_state
from flask_mlmonitor.store.patience import in_a_request
from flask_mlmonitor.views.alerts import read_shown_alerts
from flask_mlmonitor.views.models import read_models
from flask_mlmonitor.web.answers import KNOWN_ERRORS, problem_of
from flask_mlmonitor.web.rendering import as_page, page
from flask_mlmonitor.web.runbook import get_runbook
from flask_mlmonitor.web.showing import read_shown

PAGES: Final = frozenset(("mlmonitor.overview", "mlmonitor.model", "mlmonitor.runbook"))
"""The routes that a person looks at."""


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
            found = read_shown(state, model, version, request.args.get("window"))
    except KNOWN_ERRORS as error:
        return as_page(problem_of(error))
    return page("model.html", app=state.name, **found)
