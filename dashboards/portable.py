"""Dashboards that Grafana 10 to 13 take alike, from what a newer builder makes."""

import json
from typing import Any, Final

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder

SCHEMA: Final = 39
"""Of Grafana 10.4: newer ones migrate it, and it holds nothing that 10 does not know."""
UNKNOWN: Final = {"placement", "allowCustomValue", "definition", "auto", "auto_count", "auto_min"}
"""Keys of variables, annotations and links that some of them do not know."""


def portable(dashboard: Dashboard) -> dict[str, Any]:
    """Return a dashboard as data."""
    found = pruned(json.loads(JSONEncoder().encode(dashboard.build())))
    found["schemaVersion"] = SCHEMA
    for number, panel in enumerate(found["panels"], start=1):
        panel["id"] = number
    for annotation in found["annotations"]["list"]:
        annotation["target"] = {"expr": annotation.pop("expr"), "refId": "Anno"}
    return found


def pruned(dashboard: dict[str, Any]) -> dict[str, Any]:
    """Take away what is not known everywhere."""
    variables, annotations = dashboard["templating"]["list"], dashboard["annotations"]["list"]
    for part in (*variables, *annotations, *dashboard["links"]):
        for key in UNKNOWN & part.keys():
            del part[key]
    return dashboard
