"""Monitor machine-learning models that are served by Flask."""

from flask_mlmonitor import signals, testing
from flask_mlmonitor.exceptions import (
    BaselineError,
    ConfigError,
    InvalidInput,
    MLMonitorError,
    StoreError,
    StoreUnavailable,
)
from flask_mlmonitor.extension import MLMonitor
from flask_mlmonitor.records import GroundTruth, Prediction
from flask_mlmonitor.stats.baseline import Baseline

__all__ = [
    "Baseline",
    "BaselineError",
    "ConfigError",
    "GroundTruth",
    "InvalidInput",
    "MLMonitor",
    "MLMonitorError",
    "Prediction",
    "StoreError",
    "StoreUnavailable",
    "signals",
    "testing",
]
