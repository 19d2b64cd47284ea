"""Ground truth while it cannot be kept."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from flask_mlmonitor import StoreUnavailable, signals
from flask_mlmonitor.store import database
from flask_mlmonitor.store.reading import count_pending

if TYPE_CHECKING:
    from tests.conftest import Service
from tests.web.truths import BEARER, NOTHING, URL, assert_problem, counted, predicted, send, values


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Another process holds the store's write lock."""
    ready, done = os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            os.write(ready[1], b".")
            os.close(done[1])
            os.read(done[0], 1)
        os._exit(0)
    os.read(ready[0], 1)
    try:
        yield
    finally:
        for fd in (*ready, *done):
            os.close(fd)
        os.waitpid(pid, 0)


@contextmanager
def displaced(path: Path) -> Iterator[None]:
    """A folder lies in the store's place."""
    away = path.with_suffix(".away")
    path.rename(away)
    path.mkdir()
    yield
    path.rmdir()
    away.rename(path)


@pytest.mark.filterwarnings("ignore:This process.*fork:DeprecationWarning")
@pytest.mark.parametrize("trouble", [locked, displaced])
def test_while_the_store_is_down(
    live: "Service", trouble: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """503 with Retry-After, nothing recorded, counted or signalled; afterwards it works again."""
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.2)
    keys = [predicted(live), predicted(live)]
    assert live.flush()
    items = [{"prediction_id": key, "value": 1} for key in (*keys, "early")]
    path = Path(live.runtime.database.name)
    live.runtime.database.close()
    heard: list[Any] = []

    def hear(app: Any, **sent: Any) -> None:
        heard.append(sent)

    with signals.ground_truth_recorded.connected_to(hear, live.app):
        with trouble(path):
            answer = live.client.post(URL, json=items, headers=BEARER)
            with live.app.app_context(), pytest.raises(StoreUnavailable):
                live.monitor.record_ground_truth(keys[0], 1)
        assert_problem(answer, 503, "nothing was recorded")
        assert int(answer.headers["Retry-After"]) > 0
        assert heard == []
    live.runtime.database.close()

    assert values(live) == {}
    assert count_pending(live.runtime.database) == 0
    assert counted(live) == {}
    assert send(live, items, headers=BEARER) == {**NOTHING, "accepted": 2, "pending": 1}


def test_while_the_monitor_could_not_start(
    serve: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """503 as well, not a 500 of ours."""
    config = {"TESTING": False, "MLMONITOR_DATA_DIR": str(tmp_path / "data")}
    service = serve(lambda: {"prediction": 1}, config={**config, "MLMONITOR_API_TOKEN": "s=cret"})
    (tmp_path / "data").write_text("a file is in the folder's place")
    assert service.post().get_json() == {"prediction": 1}
    answer = service.client.post(URL, json=[], headers=BEARER)

    assert_problem(answer, 503, str(tmp_path / "data"))
    assert service.client.get("/metrics").status_code == 503
    assert "The monitor could not start" in caplog.text
