"""Several apps in one process: each its own, or together where they share a folder."""

import gc
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from flask import Blueprint, Flask
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.test import Client

from flask_mlmonitor import Baseline, ConfigError, MLMonitor

if TYPE_CHECKING:
    from tests.conftest import MakeService, Service

SUCCESS = {"predictions success": 1, "timed": 1}


def predict() -> Any:
    return {"prediction": 1}


def blueprint(monitor: MLMonitor, **options: Any) -> Blueprint:
    """Return a route that any number of apps may register."""
    routes = Blueprint("routes", __name__)
    routes.post("/predict")(monitor.prediction("fraud", version="2", **options)(predict))
    return routes


def pair(make_service: "MakeService", **given: Any) -> tuple["Service", "Service"]:
    """Return two apps with the same route and the same monitor."""
    monitor = MLMonitor()
    routes = blueprint(monitor)
    shop = make_service("shop", monitor, **given)
    bank = make_service("bank", monitor, **given)
    for service in (shop, bank):
        service.app.register_blueprint(routes)
    return shop, bank


def test_one_monitor_for_two_apps(make_service: "MakeService") -> None:
    """Views of one module in two apps: counts, rows and ids stay apart."""
    shop, bank = pair(make_service)
    ids = [service.post().headers["X-Prediction-ID"] for service in (shop, shop, bank)]

    assert shop.tally() == {"predictions success": 2, "timed": 2}
    assert bank.tally() == SUCCESS
    assert [(row.id, row.app) for row in shop.rows()] == [(ids[0], "shop"), (ids[1], "shop")]
    assert [(row.id, row.app) for row in bank.rows()] == [(ids[2], "bank")]


def test_two_monitors_for_two_apps(make_service: "MakeService") -> None:
    """Nothing is global."""
    services = [make_service(name) for name in ("shop", "bank")]
    for service in services:
        service.app.register_blueprint(blueprint(service.monitor))
        service.post()

    assert [service.tally() for service in services] == [SUCCESS] * 2


def test_each_app_has_its_own_settings(make_service: "MakeService", baseline: Baseline) -> None:
    """Read when the app is given to the monitor; later changes and other apps do not matter."""
    monitor = MLMonitor()
    shop = make_service("shop", monitor, MLMONITOR_RECORD_EXTRA=True, MLMONITOR_URL_PREFIX="/own")
    bank = make_service("bank", monitor, MLMONITOR_METRICS_PATH="/scrape")
    off = make_service("off", monitor, MLMONITOR_ENABLED=False)
    routes = blueprint(monitor, baseline=baseline)
    for service in (shop, bank, off):
        service.app.register_blueprint(routes)
        service.app.config["MLMONITOR_RECORD_EXTRA"] = True
        service.post({"age": 41, "email": "a@b.se"})
    paths = ("/own/health", "/mlmonitor/health", "/metrics", "/scrape")
    statuses = [
        [service.client.get(path).status_code for path in paths] for service in (shop, bank, off)
    ]

    assert statuses == [[200, 404, 200, 404], [404, 200, 404, 200], [404, 404, 404, 404]]
    assert shop.row().features == {"age": 41, "email": "a@b.se"}
    assert bank.row().features == {"age": 41}


def test_apps_that_share_a_folder_share_one_state(
    make_service: "MakeService", production: dict[str, Any]
) -> None:
    """One journal, one set of counters, one store; each app is shown its own rows of it."""
    shop, bank = pair(make_service, **production)
    for service in (shop, bank, bank):
        service.post()

    assert shop.runtime is bank.runtime
    assert shop.tally() == bank.tally() == {"predictions success": 3, "timed": 3}
    assert shop.flush()
    assert [row.app for row in shop.rows()] == ["shop"]
    assert [row.app for row in bank.rows()] == ["bank"] * 2
    assert bank.samples("mlmonitor_workers") == {(): 1}


def test_a_shared_folder_is_enough(
    make_service: "MakeService", production: dict[str, Any], tmp_path: Path
) -> None:
    """Two packages, each with its instance folder, and one `MLMONITOR_DATA_DIR` for both."""
    monitor = MLMonitor()
    del production["MLMONITOR_STORE_URL"]
    services = [
        make_service(name, monitor, instance_path=tmp_path / name, **production)
        for name in ("shop", "bank")
    ]
    for service in services:
        service.app.register_blueprint(blueprint(monitor))

    assert all("X-Prediction-ID" in service.post().headers for service in services)


@pytest.mark.parametrize("key", ["STORE_URL", "RETENTION_DAYS"])
def test_apps_that_share_a_folder_must_share_the_store(
    make_service: "MakeService",
    production: dict[str, Any],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    key: str,
) -> None:
    """And what is kept there; the second one answers unmonitored, and an error names the key."""
    monitor = MLMonitor()
    others = {"STORE_URL": f"sqlite:///{tmp_path / 'other.sqlite3'}", "RETENTION_DAYS": 7}
    shop = make_service("shop", monitor, **production)
    bank = make_service("bank", monitor, **production | {f"MLMONITOR_{key}": others[key]})
    routes = blueprint(monitor)
    for service in (shop, bank):
        service.app.register_blueprint(routes)
        assert service.post().get_json() == {"prediction": 1}

    assert shop.tally() == SUCCESS
    assert f"MLMONITOR_{key}" in caplog.text


def test_apps_that_share_a_folder_may_leave_the_retention_to_one(
    make_service: "MakeService", production: dict[str, Any]
) -> None:
    """What was not set contradicts nothing."""
    keeping = make_service("shop", **production, MLMONITOR_RETENTION_DAYS=7)
    other = make_service("bank", **production)
    assert keeping.runtime is other.runtime
    assert other.runtime.maintenance.retention_days == 7


def test_a_second_call_for_an_app_is_refused(make_service: "MakeService") -> None:
    """Two monitors in one app would count everything twice."""
    service = make_service()

    with pytest.raises(ConfigError, match="init_app"):
        service.monitor.init_app(service.app)
    with pytest.raises(ConfigError, match="init_app"):
        MLMonitor(service.app)


def test_one_app_mounted_below_another(make_service: "MakeService") -> None:
    """Each answer is signed once, by the app that made it."""
    shop, bank = pair(make_service)
    client = Client(DispatcherMiddleware(shop.app, {"/bank": bank.app}))
    shop.app.wsgi_app = DispatcherMiddleware(shop.app.wsgi_app, {"/inner": bank.app})  # type: ignore[method-assign]
    answers = [
        client.post(path, json={"age": 41})
        for path in ("/predict", "/bank/predict", "/inner/predict")
    ]

    assert [len(answer.headers.getlist("X-Prediction-ID")) for answer in answers] == [1, 1, 1]
    stored = [*shop.rows(), *bank.rows()]
    assert [row.id for row in stored] == [answer.headers["X-Prediction-ID"] for answer in answers]


def test_apps_of_a_test_session_leave_nothing_behind() -> None:
    """An app factory in a fixture, a hundred times: no file stays open, no folder stays."""

    def run() -> Path:
        app = Flask("shop")
        app.config["TESTING"] = True
        monitor = MLMonitor(app)
        app.post("/predict")(monitor.prediction("fraud")(predict))
        assert app.test_client().post("/predict", json={"age": 41}).status_code == 200
        folder: Path = app.extensions["mlmonitor"].runtime.folders.data
        assert folder.is_dir()
        return folder

    run()
    gc.collect()
    before = len(os.listdir("/proc/self/fd"))
    folders = [run() for _ in range(10)]
    gc.collect()

    assert len(os.listdir("/proc/self/fd")) <= before
    assert [folder for folder in folders if folder.exists()] == []
