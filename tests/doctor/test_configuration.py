"""What was configured, and the models that were declared."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from flask_mlmonitor import Baseline, MLMonitor
from flask_mlmonitor.doctor.examination import examine

if TYPE_CHECKING:
    from tests.conftest import MakeService, Serve, Service
    from tests.doctor.conftest import Examine

TOKEN = "a-token-that-nobody-guesses"


def test_nobody_may(patient: "Service", found: "Examine") -> None:
    """Neither a token nor `authorize`: a warning names the key; the metrics are open."""
    closed, open_ = found(patient, "access")

    assert (closed.level, open_.level) == ("warning", "info")
    assert "MLMONITOR_API_TOKEN" in closed.remedy
    assert "MLMONITOR_METRICS_TOKEN" in open_.remedy


def test_everybody_may(patient: "Service", found: "Examine") -> None:
    """Under debug the routes are open."""
    patient.app.debug = True

    assert "debug mode" in found(patient, "access")[0].problem


def test_tokens(make_service: "MakeService", production: dict[str, Any], found: "Examine") -> None:
    """A long one is nothing to speak of, a short one is; it is not shown."""
    both = {"MLMONITOR_API_TOKEN": TOKEN, "MLMONITOR_METRICS_TOKEN": "hunter2"}
    (short,) = found(make_service(**production, **both), "access")

    assert "MLMONITOR_METRICS_TOKEN has 7 characters" in short.problem
    assert "hunter2" not in repr(short)


def test_the_app_decides(
    make_service: "MakeService", production: dict[str, Any], found: "Examine"
) -> None:
    """Then no token is missed."""
    config = {**production, "MLMONITOR_METRICS_PATH": None}
    service = make_service("shop", MLMonitor(authorize=lambda _: True), **config)

    assert found(service, "access") == []


def test_a_decorator_above_its_route(patient: "Service", found: "Examine") -> None:
    """An error names the view; the same function may answer elsewhere without being monitored."""
    monitor = patient.monitor.prediction("fraud")
    bare = patient.app.post("/bare", endpoint="bare")(lambda: {"prediction": 1})
    assert found(patient, "views") == []
    monitored = monitor(bare)
    (finding,) = found(patient, "views")
    assert finding.level == "error"
    assert "'bare'" in finding.problem

    patient.app.post("/predict", endpoint="monitored")(monitored)
    assert found(patient, "views") == []


def test_a_view_on_the_metrics_path(patient: "Service", found: "Examine") -> None:
    """An error, with its name."""
    assert found(patient, "metrics_path") == []
    patient.app.add_url_rule("/metrics", "own_metrics", lambda: "")
    (finding,) = found(patient, "metrics_path")

    assert finding.level == "error"
    assert "'own_metrics' answers /metrics too" in finding.problem


def test_nothing_monitored(
    make_service: "MakeService", production: dict[str, Any], found: "Examine"
) -> None:
    """A warning says what to write."""
    (finding,) = found(make_service(**production), "models")

    assert finding.level == "warning"
    assert "@monitor.prediction" in finding.remedy


def test_baselines(
    serve: "Serve", production: dict[str, Any], found: "Examine", baseline: Baseline, tmp_path: Path
) -> None:
    """A fresh one is fine; one of two years ago is a warning, a damaged one an error."""
    path = tmp_path / "baseline.json"
    baseline.save(path)
    service = serve(lambda: {"prediction": 1}, config=production, baseline=path)
    assert found(service, "baselines") == []
    document = json.loads(path.read_text())
    document["created"] = "2020-01-01T00:00:00Z"
    path.write_text(json.dumps(document))
    (old,) = found(service, "baselines")
    assert old.level == "warning"
    assert "baseline of model fraud 2 is" in old.problem
    path.unlink()
    (gone,) = found(service, "baselines")

    assert gone.level == "error"
    assert str(path) in gone.problem


def test_no_baseline(patient: "Service", found: "Examine") -> None:
    """Good to know: without one there are no ranges and no drift."""
    (finding,) = found(patient, "baselines")

    assert finding.level == "info"
    assert "baseline build" in finding.remedy


@pytest.mark.parametrize(
    ("config", "checks"),
    [
        ({"TESTING": True}, {"testing", "models"}),
        ({"TESTING": False, "MLMONITOR_ENABLED": False}, {"enabled"}),
    ],
)
def test_where_there_is_nothing_to_examine(
    make_service: "MakeService", config: dict[str, Any], checks: set[str]
) -> None:
    """In a test only the configuration is looked at; switched off, nothing is."""
    found = examine(make_service(**config).state)

    assert {name for name, _ in found} == checks
    assert "error" not in {finding.level for _, finding in found}
