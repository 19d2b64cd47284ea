"""From a request that fails to whoever is told: an app, Prometheus and Alertmanager, for real."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from pytest_httpserver import HTTPServer
from werkzeug.serving import make_server

from flask_mlmonitor.provision.deployment import deployment
from tests.channels.alertmanagers import AlertmanagerServer
from tests.prometheuses import Running, program

if TYPE_CHECKING:
    from flask import Flask

    from tests.conftest import Serve
SECONDS = 35.0
TOKEN = "only-prometheus"


@contextmanager
def served(app: "Flask") -> Iterator[str]:
    """Serve an app; its host and port."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join(SECONDS)
    server.server_close()


@contextmanager
def scraping(folder: Path, texts: Mapping[str, str], app: str, alertmanager: str) -> Iterator[None]:
    """Run Prometheus on the files, with other hosts, and every second."""
    config = yaml.safe_load(texts["prometheus/prometheus.yml"])
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"] = [alertmanager]
    config["scrape_configs"][0]["static_configs"][0]["targets"] = [app]
    (folder / "secrets").mkdir()
    (folder / "secrets" / "metrics_token").write_text(TOKEN)
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    (folder / "mlmonitor.rules.json").write_text(texts["prometheus/mlmonitor.rules.json"])
    command = [
        program("prometheus"),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
    ]
    with Running(folder, command):
        yield


def told(receiver: HTTPServer) -> list[dict[str, Any]]:
    """Return the alerts that a receiver was told of."""
    return [alert for request, _ in receiver.log for alert in request.get_json()["alerts"]]


@pytest.mark.slow
def test_from_a_failing_model_to_a_person(
    serve: "Serve", httpserver: HTTPServer, tmp_path: Path
) -> None:
    """Once, of the worse of two severities, with what to do about it."""

    def fail() -> None:
        raise ValueError

    url = "https://shop.example/mlmonitor/runbook"
    service = serve(
        fail,
        config={
            "PROPAGATE_EXCEPTIONS": False,
            "MLMONITOR_METRICS_TOKEN": TOKEN,
            "MLMONITOR_ALERT_FOR": 0,
            "MLMONITOR_RUNBOOK_URL": url,
        },
    )
    httpserver.expect_request("/hook").respond_with_data("")
    texts = deployment(service.state, "shop")
    routes = yaml.safe_load(texts["alertmanager/alertmanager.yml"])
    routes["route"] |= {"group_wait": "500ms", "group_interval": "1s"}
    for receiver in routes["receivers"]:
        receiver["webhook_configs"] = [{"url": f"%s?{receiver['name']}"}]
    folders = [tmp_path / name for name in ("alertmanager", "prometheus")]
    for folder in folders:
        folder.mkdir()
    with (
        served(service.app) as app,
        AlertmanagerServer(
            folders[0], httpserver.url_for("/hook"), yaml.safe_dump(routes)
        ) as alertmanager,
        scraping(folders[1], texts, app, alertmanager.url.removeprefix("http://")),
    ):
        deadline = time.monotonic() + SECONDS
        while not told(httpserver):  # the first scrape takes its time, and the second one too
            assert time.monotonic() < deadline, (folders[1] / "log").read_text()
            service.post()
            time.sleep(0.05)

    first = told(httpserver)[0]
    request, _ = httpserver.log[0]
    assert request.query_string == b"critical"
    labels = {"job": "shop", "model": "fraud", "version": "2", "severity": "critical"}
    assert labels.items() <= first["labels"].items()
    assert first["labels"]["alertname"] in ("MLModelErrorRate", "MLModelErrorBudgetBurn")
    link = f"{url}#{first['labels']['alertname'].lower()}"
    assert first["annotations"]["runbook_url"] == link
    assert {alert["labels"]["severity"] for alert in told(httpserver)} == {"critical"}
