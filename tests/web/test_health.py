"""Whether the monitor works, for those who watch it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from werkzeug.test import TestResponse

if TYPE_CHECKING:
    from tests.conftest import MakeService, Service

URL = "/mlmonitor/health"
BEARER = {"Authorization": "Bearer s=cret"}


def health(service: "Service", **headers: str) -> TestResponse:
    return service.client.get(URL, headers=headers)


def assert_unwell(service: "Service", part: str, detail: str) -> None:
    """Anybody is told the part, only those who may know it the detail."""
    answer = health(service)
    assert answer.status_code == 503
    assert answer.mimetype == "application/problem+json"
    assert answer.get_json()["detail"] == part
    assert detail in health(service, **BEARER).get_json()["detail"]


def test_while_it_works(live: "Service") -> None:
    """200 for anybody, before and after the first prediction."""
    assert health(live).status_code == 200
    live.post()
    answer = health(live)

    assert (answer.status_code, answer.get_json()) == (200, {"status": "ok"})


def test_it_moves_with_the_prefix(serve: Any) -> None:
    """MLMONITOR_URL_PREFIX is where all of the monitor's routes are."""
    service = serve(lambda: {"prediction": 1}, config={"MLMONITOR_URL_PREFIX": "/watch"})

    assert service.client.get("/watch/health").status_code == 200
    assert service.client.post("/watch/ground-truth", json=[]).status_code == 200
    assert health(service).status_code == 404


def test_while_the_store_is_down(live: "Service") -> None:
    """The part is the store; the app goes on answering, and afterwards all is well."""
    live.post()
    assert live.flush()
    path = Path(live.runtime.database.name)
    live.runtime.database.close()
    away = path.with_suffix(".away")
    path.rename(away)
    path.mkdir()

    assert_unwell(live, "store", "the store does not answer")
    assert live.post().status_code == 200
    path.rmdir()
    away.rename(path)
    assert health(live).status_code == 200


def test_while_nobody_drains(live: "Service") -> None:
    """Records that wait for more than a minute mean that no process moves them."""
    earlier = datetime.now(UTC) - timedelta(minutes=5)
    with live.app.app_context():
        live.monitor.record_prediction("fraud", {"age": 41}, 1, version="2", time=earlier)

    assert_unwell(live, "drain", "the oldest record waits for 300 s")
    assert live.flush()
    assert health(live).status_code == 200


def test_with_a_borrowed_folder(
    make_service: "MakeService", tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """An instance folder that cannot be written: predictions are kept elsewhere, and it is told."""
    (tmp_path / "instance").write_text("a file is in the folder's place")
    service = make_service(
        TESTING=False, MLMONITOR_API_TOKEN="s=cret", instance_path=tmp_path / "instance"
    )

    assert_unwell(service, "data_dir", str(service.runtime.folders.data))


def test_when_the_monitor_could_not_start(
    serve: Any, production: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """The reason is told to those who may know it."""
    config = {**production, "MLMONITOR_API_TOKEN": "s=cret"}
    service = serve(lambda: {"prediction": 1}, config=config)
    Path(production["MLMONITOR_DATA_DIR"]).write_text("a file is in the folder's place")

    assert_unwell(service, "start", production["MLMONITOR_DATA_DIR"])
    assert service.post().get_json() == {"prediction": 1}
