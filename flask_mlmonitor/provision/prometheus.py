"""The rules of Prometheus for an app, from the thresholds that it configured."""

from collections.abc import Iterable, Iterator
from typing import Any, Final, get_args

from flask_mlmonitor._app import AppState
from flask_mlmonitor.alerts.live import span_of
from flask_mlmonitor.alerts.rule import Source
from flask_mlmonitor.alerts.rules import RULE, RULES
from flask_mlmonitor.background.subjects import step_of
from flask_mlmonitor.provision.alerting import alerts_of
from flask_mlmonitor.provision.burning import BUDGETS, budget_alerts, budget_recordings
from flask_mlmonitor.provision.figures import Look
from flask_mlmonitor.provision.limits import scopes
from flask_mlmonitor.provision.promql import View, duration
from flask_mlmonitor.provision.shares import live_recordings
from flask_mlmonitor.provision.signs import SIGNS, sign_alerts

SOURCES: Final[tuple[Source, ...]] = get_args(Source)

Group = dict[str, Any]


def rule_file(state: AppState, job: str | None = None) -> dict[str, list[Group]]:
    """Return what a file of rules holds; JSON is YAML, too.

    :param job: only of its series; another app's models then have rules of their own.
    :raises BaselineError: when a baseline cannot be read.
    """
    settings = state.settings
    view = View(settings.metrics_prefix, job)
    span = duration(span_of(settings))
    step = step_of(settings.windows)
    look = Look(view, span, duration(step), step)
    latency = scopes(RULE["latency"], state)
    rules: dict[str, list[dict[str, Any]]] = {
        source: list(_alerts(state, look, source)) for source in SOURCES
    }
    rules["live"] = [*live_recordings(view, span, latency), *rules["live"]]
    for sign in SIGNS:
        rules["monitor"] += sign_alerts(sign, view, settings)
    rules["budgets"] = list(budget_recordings(view, span, latency))
    for budget in BUDGETS:
        found = scopes(RULE[budget.rule], state)
        rules["budgets"] += budget_alerts(budget, view, found, settings)
    return {"groups": list(_groups(rules.items()))}


def _alerts(state: AppState, look: Look, source: Source) -> Iterator[dict[str, Any]]:
    for rule in RULES:
        if rule.source == source:
            yield from alerts_of(rule, state, look)


def _groups(rules: Iterable[tuple[str, list[dict[str, Any]]]]) -> Iterator[Group]:
    for name, found in rules:
        yield {"name": f"mlmonitor-{name}", "rules": found}
