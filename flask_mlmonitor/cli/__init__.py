"""``flask mlmonitor ...``: a module for each command."""

from flask_mlmonitor.cli import (
    baseline,
    drift,
    ground_truth,
    status,
    worker,
)
from flask_mlmonitor.cli.group import cli

__all__ = [
    "baseline",
    "cli",
    "drift",
    "ground_truth",
    "status",
    "worker",
]
