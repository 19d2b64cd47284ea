"""Alerting rules of Prometheus: those of the one table, and what all of them have."""

from collections.abc import Iterator
from typing import Any, Final

from flask_mlmonitor._app import AppState
from flask_mlmonitor.alerts.families import FAMILY
from flask_mlmonitor.alerts.levels import Bad
from flask_mlmonitor.alerts.rule import MONITOR, NO_VERSION, Rule, Unit
from flask_mlmonitor.alerts.saying import UNITS
from flask_mlmonitor.alerts.sections import section
from flask_mlmonitor.config import Settings
from flask_mlmonitor.provision.figures import FIGURES, Look
from flask_mlmonitor.provision.limits import scopes
from flask_mlmonitor.provision.promql import duration
from flask_mlmonitor.provision.scopes import Labels

RUNBOOK: Final = "/runbook"
"""The runbook's path below the URL prefix."""
OF_MODEL: Final = "{{ $labels.model }} {{ $labels.version }}"
OF_JOB: Final = "{{ $labels.job }}"
_VALUES: Final[dict[Unit, str]] = {
    "seconds": "{{ $value | humanizeDuration }}",
    "share": "{{ $value | humanizePercentage }}",
    "rate": "{{ $value | humanize }} requests per second",
    "psi": '{{ $value | printf "%.2f" }}',
    "error": '{{ $value | printf "%.4g" }}',
    "number": "{{ $value | humanize }}",
}
_OTHERWISE: Final = {
    "concept_drift": "The model errs more than was to be expected of the same input.",
    "stale_ground_truth": "No ground truth came for {threshold}.",
}
"""What alerts say whose expression has another value than the figure."""


def alerts_of(rule: Rule, state: AppState, look: Look) -> Iterator[dict[str, Any]]:
    """Yield the alerting rules of one rule: for each scope and level that has a threshold."""
    settings = state.settings
    figure = FIGURES[rule.name]
    for scope in scopes(rule, state):
        seen = look._replace(view=look.view.of(scope))
        for level, limit in scope.judged.limits.worst_first():
            yield alert(
                rule.alert,
                figure(seen, limit, level),
                settings,
                wait=scope.judged.wait,
                labels=labels_of(rule.family, level, scope.labels),
                summary=f"{FAMILY[rule.family].title}: {rule.title}.",
                description=_description(rule, limit),
            )


def alert(
    name: str,
    expr: str,
    settings: Settings,
    *,
    wait: float,
    labels: dict[str, str],
    summary: str,
    description: str,
) -> dict[str, Any]:
    """Return an alerting rule: as long as it waits until it fires, it stays when it is over."""
    lasts = {"for": duration(wait), "keep_firing_for": duration(wait)} if wait else {}
    return {
        "alert": name,
        "expr": expr,
        **lasts,
        "labels": labels,
        "annotations": {
            "summary": summary,
            "description": description,
            "runbook_url": section(runbook_url(settings), name),
        },
    }


def labels_of(family: str, level: Bad, labels: Labels = ()) -> dict[str, str]:
    """Return the labels of an alert: those about the monitor itself have what the app's have."""
    own = {"model": MONITOR, "version": NO_VERSION} if family == "monitor" else {}
    return {"severity": level, **own, **dict(labels)}


def runbook_url(settings: Settings) -> str:
    """Return where people read the runbook."""
    return settings.runbook_url or settings.url_prefix + RUNBOOK


def _description(rule: Rule, limit: float) -> str:
    said = _OTHERWISE.get(rule.name, rule.says).format(
        feature="{{ $labels.feature }}",
        value=_VALUES[rule.unit],
        threshold=UNITS[rule.unit](limit),
    )
    return f"{OF_JOB if rule.family == 'monitor' else OF_MODEL}: {said}"
