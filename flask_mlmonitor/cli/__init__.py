"""``flask mlmonitor ...``: a module for each command."""

from flask_mlmonitor.cli import (
    alerts,
    baseline,
    dashboard,
    doctor,
    drift,
    evaluate,
    export,
    ground_truth,
    notify,
    performance,
    provision,
    prune,
    report,
    rules,
    runbook,
    status,
    worker,
)
from flask_mlmonitor.cli.group import cli

__all__ = [
    "alerts",
    "baseline",
    "cli",
    "dashboard",
    "doctor",
    "drift",
    "evaluate",
    "export",
    "ground_truth",
    "notify",
    "performance",
    "provision",
    "prune",
    "report",
    "rules",
    "runbook",
    "status",
    "worker",
]
