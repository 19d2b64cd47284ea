"""Monitor machine-learning models that are served by Flask."""

from flask_mlmonitor import drift, signals, testing
from flask_mlmonitor.exceptions import (
    BaselineError,
    ConfigError,
    InvalidInput,
    MLMonitorError,
    NotEnoughData,
    StoreError,
    StoreUnavailable,
)
from flask_mlmonitor.extension import MLMonitor
from flask_mlmonitor.records import GroundTruth, Prediction
from flask_mlmonitor.stats.baselines.baseline import Baseline
from flask_mlmonitor.stats.drift.comparing import FeatureDrift
from flask_mlmonitor.stats.verdicts.evaluation import Evaluation

__all__ = [
    "Baseline",
    "BaselineError",
    "ConfigError",
    "Evaluation",
    "FeatureDrift",
    "GroundTruth",
    "InvalidInput",
    "MLMonitor",
    "MLMonitorError",
    "NotEnoughData",
    "Prediction",
    "StoreError",
    "StoreUnavailable",
    "drift",
    "signals",
    "testing",
]
