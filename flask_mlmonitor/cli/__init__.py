"""``flask mlmonitor ...``: a module for each command."""

from flask_mlmonitor.cli import (
    baseline,
    doctor,
    drift,
    export,
    ground_truth,
    prune,
    status,
    worker,
)
from flask_mlmonitor.cli.group import cli

__all__ = [
    "baseline",
    "cli",
    "doctor",
    "drift",
    "export",
    "ground_truth",
    "prune",
    "status",
    "worker",
]
