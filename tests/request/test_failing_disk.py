"""What becomes of predictions when disk, store or folder fail, and that clients never notice."""

import contextlib
import resource
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from flask_mlmonitor import Baseline
from tests.request.asking import ANSWER, SUCCESS, Bug, ask, bug, errors, predict

if TYPE_CHECKING:
    from tests.conftest import MakeService, Serve, Service


@contextlib.contextmanager
def no_space() -> Iterator[None]:
    """Let the kernel refuse every write of this process to a file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def live(make_service: "MakeService", production: dict[str, Any]) -> "Service":
    """A service as in production."""
    service = make_service(**production)
    decorator = service.monitor.prediction("fraud", version="2")
    service.app.post("/predict")(decorator(predict))
    return service


def test_a_disk_that_takes_no_journal_is_logged(
    live: "Service", caplog: pytest.LogCaptureFixture
) -> None:
    """Who loses predictions is told so, once."""
    live.runtime.spool.path.write_text("in the way")
    ask(live)

    assert len(caplog.records) == 1


def test_a_disk_that_takes_nothing(live: "Service", caplog: pytest.LogCaptureFixture) -> None:
    """Predictions are dropped and counted, in memory alone; with room again, all is as before."""
    before = ask(live)
    with no_space():
        ask(live)
    tally = live.tally()

    tally.pop("faults journal", None)  # what it drops, it counts: in a cell that has no room
    assert tally.pop("faults counters") >= 3
    assert tally == {"predictions success": 6, "timed": 6, "dropped write_error": 3}
    assert len([message for message in errors(caplog) if "(counters)" in message]) == 1
    live.wait_for(lambda: not live.runtime.journal.error)
    after = ask(live)
    assert live.flush()
    assert [row.id for row in live.rows()] == [*before, *after]


def test_a_data_folder_that_is_removed(live: "Service") -> None:
    """What was lost with it is counted, and from the next heartbeat on all goes into a new one."""
    ask(live)
    shutil.rmtree(live.runtime.folders.data)
    ask(live)
    live.runtime.journal.heartbeat()
    ids = ask(live)

    assert live.flush()
    stored = [row.id for row in live.rows()]
    tally = live.tally()
    assert set(ids) <= set(stored)
    assert tally.pop("dropped segment_lost") == 9 - len(stored) >= 3
    assert tally == {"predictions success": 9, "timed": 9}


@pytest.mark.parametrize("damage", [b"garbage" * 1000, b""], ids=["garbage", "folder"])
def test_a_store_that_cannot_be_used(live: "Service", damage: bytes) -> None:
    """Predictions wait in the journal, metrics go on; after the repair each is stored once."""
    path = Path(live.runtime.folders.store_url.removeprefix("sqlite:///"))
    if damage:
        path.write_bytes(damage)
    else:
        path.mkdir()
    ids = ask(live)

    assert {name: live.tally()[name] for name in SUCCESS} == SUCCESS
    assert live.client.get("/metrics").status_code == 200
    assert live.client.get("/mlmonitor/health").status_code == 503
    if damage:
        path.unlink()
    else:
        path.rmdir()
    assert live.flush()
    assert [row.id for row in live.rows()] == ids
    assert live.client.get("/mlmonitor/health").status_code == 200


def test_a_store_that_breaks_under_a_test(serve: "Serve", caplog: pytest.LogCaptureFixture) -> None:
    """Drained inline, too, it never reaches the request; counted each time, logged once."""
    service = serve(predict)
    Path(service.runtime.folders.store_url.removeprefix("sqlite:///")).write_bytes(b"garbage" * 999)
    ask(service)
    tally = service.tally()

    assert {name: tally[name] for name in SUCCESS} == SUCCESS
    assert tally["faults drain"] == 3
    assert len([message for message in errors(caplog) if "(drain)" in message]) == 1


def test_a_thread_meets_a_broken_store(
    make_service: "MakeService",
    production: dict[str, Any],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It tries again, ever more rarely, and says so; then it catches up by itself."""
    (tmp_path / "store.sqlite3").mkdir()
    service = make_service(**production | {"MLMONITOR_BACKGROUND": "thread"})
    service.app.post("/predict")(service.monitor.prediction("fraud", version="2")(predict))
    ask(service)
    service.wait_for(lambda: caplog.records)
    (tmp_path / "store.sqlite3").rmdir()
    service.wait_for(lambda: not service.runtime.drain.backlog().size)

    assert "cannot be used" in caplog.records[0].getMessage()
    assert service.tally() == SUCCESS
    assert len(service.rows()) == 3


@pytest.mark.parametrize("damage", [b"", b"garbage", b"MLMC\x01\x00\x00\x00cut"])
def test_a_bad_file_of_another_process(live: "Service", damage: bytes) -> None:
    """It is told in the metrics, and hides nothing."""
    ask(live)
    bad = live.runtime.folders.data / "slots" / "77.cells"
    bad.write_bytes(damage)

    assert live.tally() == SUCCESS
    assert set(live.samples("mlmonitor_unreadable_slots").values()) <= {0, 1}
    assert live.client.get("/metrics").status_code == 200


def test_a_baseline_that_vanishes_after_the_start(
    make_service: "MakeService",
    baseline: Baseline,
    customer: dict[str, Any],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A deployment swaps files: what runs goes on, and the metrics are served."""
    baseline.save(tmp_path / "fraud.json")
    service = make_service(root_path=tmp_path)
    decorator = service.monitor.prediction("fraud", version="2", baseline="fraud.json")
    service.app.post("/predict")(decorator(predict))
    ask(service, customer)
    (tmp_path / "fraud.json").unlink()
    ask(service, customer | {"age": 41})

    assert service.client.get("/metrics").status_code == 200
    assert service.tally()["predictions success"] == 6


@pytest.fixture
def way(tmp_path: Path) -> Path:
    """Where the data folder should come to lie."""
    return tmp_path / "data"


@pytest.fixture
def closed(live: "Service", way: Path) -> "Service":
    """A service that found a file in the place of its folder."""
    way.write_text("in the way")
    return live


def test_an_app_whose_monitor_cannot_open(
    closed: "Service", caplog: pytest.LogCaptureFixture
) -> None:
    """It answers as if it were not monitored; each kind of trouble is logged once."""
    answers = [closed.post() for _ in range(3)]

    assert [answer.get_json() for answer in answers] == [ANSWER] * 3
    assert not any("X-Prediction-ID" in answer.headers for answer in answers)
    assert 1 <= len(errors(caplog)) == len(set(errors(caplog))) <= 2


def test_an_exception_that_nobody_watches(closed: "Service") -> None:
    """It leaves the view as it does from a monitored one."""
    view = closed.monitor.prediction("fraud", version="2")(bug)
    closed.app.add_url_rule("/broken", "broken", view)
    closed.app.config["PROPAGATE_EXCEPTIONS"] = True
    with pytest.raises(Bug):
        closed.client.get("/broken")


def test_the_health_and_metrics_of_a_monitor_that_cannot_open(closed: "Service") -> None:
    """An orchestrator and a scrape are told, by a 503 with the reason."""
    closed.post()
    closed.app.config["PROPAGATE_EXCEPTIONS"] = True

    for path in ("/mlmonitor/health", "/metrics"):
        assert closed.client.get(path).status_code == 503


def test_a_monitor_opens_when_the_way_is_free(closed: "Service", way: Path) -> None:
    """No restart is needed."""
    closed.post()
    way.unlink()
    key = closed.post().headers["X-Prediction-ID"]

    assert closed.flush()
    assert closed.row().id == key
    assert closed.client.get("/mlmonitor/health").status_code == 200
    assert closed.client.get("/metrics").status_code == 200


def test_a_request_that_outlives_the_runtime(live: "Service") -> None:
    """At the end of a process a thread may still be answering: it does, and is recorded."""
    ask(live)
    live.runtime.close()
    answers = [live.post() for _ in range(3)]

    assert [answer.get_json() for answer in answers] == [ANSWER] * 3
    assert live.flush()
    assert len(live.rows()) == 6
