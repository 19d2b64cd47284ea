"""What an alert rule is: a figure, its thresholds, and how to speak of it."""

from typing import Final, Literal

import msgspec

from flask_mlmonitor.alerts.levels import Thresholds
from flask_mlmonitor.config import Settings

Unit = Literal["seconds", "share", "rate", "psi", "error", "number"]
Source = Literal["live", "window", "truth", "monitor"]

MONITOR: Final = "__monitor__"
"""Stands for the model in alerts that are about the monitor itself."""
NO_VERSION: Final = "-"
"""And for its version."""


class Rule(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """When something is wrong with one figure.

    :param name: the figure's: the metric of its alerts.
    :param family: in which message and section of the runbook its alerts stand.
    :param title: for a heading.
    :param says: one sentence with ``{feature}``, ``{value}`` and ``{threshold}``.
    :param series: where the figure is on `/metrics`.
    :param worse: whether a figure is bad that is high, or low.
    :param warning: the name of the key that holds the threshold, the threshold, or nothing.
    :param critical: likewise.
    :param relative: how much worse than in the baseline the figure may be, where that is what
        counts: keys or thresholds, too.
    :param per_feature: whether each feature has one.
    :param source: what it is read from: the requests of the last minutes, the windows that are
        evaluated, those whose ground truth came, or the monitor's own state.
    """

    name: str
    family: str
    title: str
    says: str
    unit: Unit
    series: str
    source: Source
    worse: Literal["higher", "lower"] = "higher"
    warning: str | float | None = None
    critical: str | float | None = None
    relative: tuple[str | float, str | float] | None = None
    per_feature: bool = False

    @property
    def alert(self) -> str:
        """The name of its alert in Prometheus and Alertmanager, such as "MLModelDataDrift"."""
        return "MLModel" + "".join(word.capitalize() for word in self.name.split("_"))

    def thresholds(self, settings: Settings) -> Thresholds:
        """Return what holds under these settings, of one model."""
        warning, critical = _value(self.warning, settings), _value(self.critical, settings)
        return Thresholds(warning, critical, low=self.worse == "lower")


def _value(threshold: str | float | None, settings: Settings) -> float | None:
    if isinstance(threshold, str):
        found: float | None = getattr(settings, threshold.lower())
        return found
    return threshold
