"""What Prometheus scrapes."""

from flask_mlmonitor.metrics.collector import MonitorCollector, render
from flask_mlmonitor.metrics.metric import Metric
from flask_mlmonitor.metrics.snapshot import Snapshot, take_snapshot
from flask_mlmonitor.metrics.table import METRICS

__all__ = ["METRICS", "Metric", "MonitorCollector", "Snapshot", "render", "take_snapshot"]
