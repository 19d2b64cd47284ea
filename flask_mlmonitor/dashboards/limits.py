"""From where on panels are orange and red."""

from collections.abc import Iterator
from typing import Any, Final

from flask_mlmonitor.alerts.rules import RULE
from flask_mlmonitor.config import Settings

RULE_OF: Final = {
    "95th percentile of the latency": "latency",
    "Latency": "latency",
    "Error share": "error_rate",
    "Fallback share": "fallback_rate",
    "Invalid share": "invalid_rate",
    "Drifted features": "drift_share",
    "Drift of each feature": "data_drift",
    "Drift of the predictions": "prediction_drift",
    "Missing values": "missing",
    "Outliers": "outliers",
    "Out of range": "out_of_range",
    "Unseen categories": "unseen_categories",
}
"""The alert rules whose thresholds panels show, by the titles of the panels."""

ANY: Final = {"Critical alerts": "red", "Warnings": "orange"}
"""The colors of panels for which one is enough."""

LIMITED: Final = (*RULE_OF, *ANY)


def steps_of(title: str, settings: Settings) -> list[dict[str, Any]]:
    """Return where a panel's colors begin, as Grafana has it."""
    return [{"color": "green", "value": None}, *_steps(title, settings)]


def _steps(title: str, settings: Settings) -> Iterator[dict[str, Any]]:
    if title in ANY:
        yield {"color": ANY[title], "value": 1}
    if title in RULE_OF:
        thresholds = RULE[RULE_OF[title]].thresholds(settings)
        for color, value in (("orange", thresholds.warning), ("red", thresholds.critical)):
            if value is not None:
                yield {"color": color, "value": value}
