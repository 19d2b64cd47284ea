"""Before its first request an app leaves no trace on disk."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from flask_mlmonitor import Baseline, ConfigError, MLMonitor, signals

if TYPE_CHECKING:
    from tests.conftest import MakeService, Service

Given = dict[str, Any]


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which everything lies that an app could write to."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def traces(places: Path) -> Any:
    """Return what lies there now."""

    def look() -> list[str]:
        return sorted(str(path.relative_to(places)) for path in places.rglob("*"))

    return look


def build(make_service: "MakeService", baseline: Baseline, **given: Any) -> "Service":
    """Make an app with all that can be declared."""
    monitor = MLMonitor()
    view = monitor.prediction("fraud", baseline=baseline, fallback=lambda: {"prediction": 0})
    service = make_service("shop", monitor, **given)
    service.app.post("/predict")(view(lambda: {"prediction": 1}))
    monitor.register("churn")
    monitor.collector(service.app)
    with service.app.app_context(), service.app.test_request_context("/"):
        pass
    return service


@pytest.mark.parametrize("path", ["/predict", "/nowhere", "/metrics", "/mlmonitor/health"])
def test_nothing_before_the_first_request(
    make_service: "MakeService", baseline: Baseline, places: Path, traces: Any, path: str
) -> None:
    """Whatever the first one asks for, it is what opens the monitor: below the instance folder."""
    instance = places / "instance"
    service = build(make_service, baseline, TESTING=False, instance_path=instance)
    assert traces() == ["tmp"]

    service.client.open(path, method="POST" if path == "/predict" else "GET")
    assert {name.split("/")[0] for name in traces()} == {"instance", "tmp"}
    assert "instance/mlmonitor" in traces()
    assert not list((places / "tmp").iterdir())


def test_chosen_places_are_not_made_before_the_first_request(
    make_service: "MakeService",
    baseline: Baseline,
    production: Given,
    places: Path,
    traces: Any,
) -> None:
    """A set folder is checked at once, and not made."""
    instance = places / "instance"
    production["MLMONITOR_DATA_DIR"] = str(places / "far" / "away")
    service = build(make_service, baseline, instance_path=instance, **production)
    assert traces() == ["tmp"]

    service.post()
    assert (places / "far" / "away" / "spool").is_dir()
    assert not instance.exists()


def test_a_set_folder_that_cannot_be_is_refused_at_once(
    make_service: "MakeService", places: Path, traces: Any
) -> None:
    """Wrong configuration must stop the app, not be found out at night."""
    (places / "file").write_text("in the way")
    before = traces()
    with pytest.raises(ConfigError, match="MLMONITOR_DATA_DIR"):
        make_service(TESTING=False, MLMONITOR_DATA_DIR=str(places / "file" / "data"))

    assert traces() == before


def test_an_unset_folder_that_cannot_be_written(
    make_service: "MakeService", places: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A private folder stands in, one warning says so, and the health is not good."""
    (places / "instance").write_text("in the way")
    service = make_service(TESTING=False, instance_path=places / "instance")
    service.app.post("/predict")(service.monitor.prediction("fraud")(lambda: {"prediction": 1}))
    answers = [service.post() for _ in range(2)]
    (borrowed,) = (places / "tmp").iterdir()

    assert all("X-Prediction-ID" in answer.headers for answer in answers)
    assert borrowed.stat().st_mode & 0o777 == 0o700
    assert service.client.get("/mlmonitor/health").status_code == 503
    (record,) = caplog.records
    assert (record.levelname, str(borrowed) in record.getMessage()) == ("WARNING", True)
    assert service.flush()
    assert len(service.rows()) == 2


def test_a_tested_app_uses_a_temporary_folder(
    make_service: "MakeService", baseline: Baseline, places: Path, traces: Any
) -> None:
    """Whatever is configured, a test writes nowhere else, and it goes with the app."""
    service = build(
        make_service,
        baseline,
        instance_path=places / "instance",
        MLMONITOR_DATA_DIR=str(places / "data"),
    )
    assert traces() == ["tmp"]
    service.post()
    assert {name.split("/")[0] for name in traces()} == {"tmp"}
    service.close()

    assert traces() == ["tmp"]


def test_nothing_while_it_is_off(
    make_service: "MakeService", baseline: Baseline, places: Path, traces: Any
) -> None:
    """What a program asks has an answer; nothing is kept, and nobody is told."""
    instance = places / "instance"
    off = {"MLMONITOR_ENABLED": False, "TESTING": False, "instance_path": instance}
    service = build(make_service, baseline, **off)
    with (
        signals.alert_fired.connected_to(lambda _, **__: pytest.fail("somebody was told")),
        service.app.app_context(),
    ):
        alerts = service.monitor.alerts
        assert alerts.check_latency(3, model="churn") is None
        assert alerts.check_data_drift(3, "age", model="churn") is None
        assert alerts.send_alert("critical", "No.", "queue", 1).severity == "critical"
        assert alerts.silence("2h").why == ""
        assert (alerts.active(), alerts.silences()) == ([], [])
        assert (alerts.acknowledge("x"), alerts.unsilence("x")) == (None, False)
        found = service.monitor.evaluate_batch([1, 0], [1, 1], model="churn")
        assert (found["severity"], found["alerts"]) == ("critical", [])
        assert service.monitor.evaluate() == ()
        assert service.monitor.flush()

    assert service.post().get_json() == {"prediction": 1}
    assert traces() == ["tmp"]
