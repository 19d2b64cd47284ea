"""Settings, readings and alerts for tests."""

from typing import Any

from flask_mlmonitor.alerts.alert import Alert
from flask_mlmonitor.alerts.levels import Level
from flask_mlmonitor.alerts.reading import Reading
from flask_mlmonitor.clock import as_datetime
from flask_mlmonitor.config import Settings
from flask_mlmonitor.stats.verdicts.limits import Limits

NOON = 1_772_452_800.0
MODEL, VERSION = "fraud", "2"


def settings(**keys: Any) -> Settings:
    """Read settings; the keys are without their prefix."""
    config = {f"MLMONITOR_{name}": value for name, value in keys.items()}
    return Settings.from_mapping(config, instance_path="/nowhere")


def limits(settings: Settings) -> Limits:
    """Return the limits that windows are judged by under these settings."""
    return Limits(**{name: getattr(settings, name) for name in Limits.__struct_fields__})


def reading(
    level: Level | None,
    time: float = 0.0,
    *,
    held: Level | None = None,
    rule: str = "latency",
    feature: str | None = None,
    model: str = MODEL,
    version: str = VERSION,
    span: float = 0.0,
) -> Reading:
    """Read a figure *time* seconds after noon; nothing is known of it at no level."""
    return Reading(
        rule=rule,
        model=model,
        version=version,
        time=NOON + time,
        span=span,
        feature=feature,
        value=None if level is None else {"ok": 0.1, "warning": 1.0, "critical": 3.0}[level],
        level=level or "ok",
        held=held or level or "ok",
        threshold=2.0 if level == "critical" else 0.5,
        n=100,
    )


def alert(name: str = "1", **given: Any) -> Alert:
    """Make an alert about a feature's drift."""
    fields: dict[str, Any] = {
        "id": name,
        "model": MODEL,
        "version": VERSION,
        "metric": "data_drift",
        "severity": "warning",
        "value": 0.15,
        "threshold": 0.1,
        "message": f"Feature {name} has drifted.",
        "state": "firing",
        "since": as_datetime(NOON),
        "feature": f"x{name}",
    }
    return Alert(**fields | given)
