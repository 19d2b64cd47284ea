"""The dashboards for Grafana, made by `python -m dashboards`, as an app's keys want them."""

import json
import re
from collections.abc import Mapping
from importlib.resources import files
from typing import Final

from flask_mlmonitor.config import Settings
from flask_mlmonitor.dashboards.limits import steps_of

__all__ = ["NAMES", "dashboards_for", "fitted"]

NAMES: Final = ("overview", "model", "drift", "accuracy")
_METRIC: Final = re.compile(r"\bml(?=_\w)")
_UID: Final = re.compile(rf"\bml(?=-(?:{'|'.join(NAMES)})\b)")
_UID_PREFIX: Final = 24
"""Grafana takes 40 characters."""
_RUNBOOK: Final = {
    "asDropdown": False,
    "icon": "doc",
    "includeVars": False,
    "keepTime": False,
    "tags": [],
    "targetBlank": True,
    "title": "Runbook",
    "tooltip": "What to do about each alert",
    "type": "link",
}


def dashboards_for(settings: Settings) -> Mapping[str, str]:
    """Return an app's dashboards as JSON, by the names of their files."""
    folder = files(__package__)
    return {
        f"{name}.json": fitted(folder.joinpath(f"{name}.json").read_text("utf-8"), settings)
        for name in NAMES
    }


def fitted(text: str, settings: Settings) -> str:
    """Return a dashboard with the names of an app's metrics, its limits, and its runbook."""
    prefix = settings.metrics_prefix
    dashboard = json.loads(_UID.sub(prefix[:_UID_PREFIX], _METRIC.sub(prefix, text)))
    for panel in dashboard["panels"]:
        if panel["type"] != "row":
            panel["fieldConfig"]["defaults"]["thresholds"] = {
                "mode": "absolute",
                "steps": steps_of(panel["title"], settings),
            }
    if settings.runbook_url is not None:
        dashboard["links"].append({**_RUNBOOK, "url": settings.runbook_url})
    return json.dumps(dashboard, indent=2, sort_keys=True) + "\n"
