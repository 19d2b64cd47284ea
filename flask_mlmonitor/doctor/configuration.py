"""Checks of what was configured."""

from collections.abc import Iterator
from typing import Final

from flask_mlmonitor.doctor.case import Case
from flask_mlmonitor.doctor.findings import Finding
from flask_mlmonitor.web.blueprint import views_in_the_way

SHORTEST_TOKEN: Final = 16


def access(case: Case) -> Iterator[Finding]:
    """Who may report ground truth and read the monitor's routes."""
    settings = case.settings
    if case.state.authorize is None and settings.api_token is None:
        if case.app.debug:
            problem = "the app is in debug mode, so its monitor's routes are open to everybody"
            yield Finding("warning", problem, "Never serve it so; set MLMONITOR_API_TOKEN.")
        else:
            problem = f"nobody may use the routes below {settings.url_prefix}: no token is set"
            remedy = "Set MLMONITOR_API_TOKEN, or give MLMonitor(authorize=...)."
            yield Finding("warning", problem, remedy)
    for name in ("api_token", "metrics_token"):
        token = getattr(settings, name)
        if token is not None and len(token) < SHORTEST_TOKEN:
            problem = f"MLMONITOR_{name.upper()} has {len(token)} characters and can be guessed"
            remedy = "Make one with: python -c 'import secrets; print(secrets.token_urlsafe())'"
            yield Finding("warning", problem, remedy)
    if settings.metrics_path is not None and settings.metrics_token is None:
        problem = f"whoever reaches the app can read {settings.metrics_path}"
        remedy = "Set MLMONITOR_METRICS_TOKEN, unless only Prometheus reaches it."
        yield Finding("info", problem, remedy)


def metrics_path(case: Case) -> Iterator[Finding]:
    """A view of the app's own on the path of the metrics."""
    for view in views_in_the_way(case.state):
        problem = f"the app's view {view!r} answers {case.settings.metrics_path} too"
        yield Finding("error", problem, "Set MLMONITOR_METRICS_PATH to another path.")
