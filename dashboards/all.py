"""The dashboards, each in its file."""

import json
from collections.abc import Mapping

from dashboards import accuracy, drift, model, overview
from dashboards.portable import portable
from flask_mlmonitor.config import Settings
from flask_mlmonitor.dashboards import fitted

DASHBOARDS = {
    "overview": overview.dashboard,
    "model": model.dashboard,
    "drift": drift.dashboard,
    "accuracy": accuracy.dashboard,
}


def generated() -> Mapping[str, str]:
    """Return what is to be shipped, by the names of the files."""
    defaults = Settings.from_mapping({}, instance_path="/")
    return {
        f"{name}.json": fitted(json.dumps(portable(make())), defaults)
        for name, make in DASHBOARDS.items()
    }
