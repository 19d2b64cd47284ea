"""What lies between an answer and the store, under a real server."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from flask_mlmonitor.background.runtime import POLL_SECONDS
from tests.server import traffic
from tests.server.books import read_store, settle, sum_of
from tests.server.conftest import Serve
from tests.server.serving import Gunicorn, wait_until, worker

EXTERNAL = {"MLMONITOR_BACKGROUND": "external"}
SEVERAL_TURNS = 4 * POLL_SECONDS
"""In this time a web worker that drains would have drained."""


def predict(server: Gunicorn, number: int) -> list[str]:
    """Ask for so many predictions over one connection; return their ids."""
    ids = []
    with server.caller() as caller:
        for body in traffic.bodies(number):
            answer = caller.call("POST", "/predict", body)
            assert answer is not None
            assert answer.status == 200
            assert answer.prediction_id is not None
            ids.append(answer.prediction_id)
    return ids


def predict_for(server: Gunicorn, seconds: float) -> list[str]:
    """Ask for predictions for so long; return their ids."""
    ids: list[str] = []
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        ids += predict(server, 50)
    return ids


def holds(folder: Path, ids: Sequence[str]) -> bool:
    """Tell whether the store holds exactly these predictions, each counted once."""
    stored = read_store(folder)
    if len(stored.ids) < len(ids):
        return False
    assert sorted(stored.ids) == sorted(ids)
    assert stored.in_rollups == stored.in_totals == len(ids)
    return True


def segments(server: Gunicorn) -> list[Path]:
    """Return the files in the spool."""
    return list((server.data / "spool").iterdir())


def test_a_prediction_is_in_the_store_within_a_second(serve: Serve) -> None:
    """All come, the first one too, which makes the store; the quickest needs no other turn."""
    server = serve(workers=2)
    server.get("/heavy")
    known: list[str] = []
    delays = []
    for _ in range(5):
        known.extend(predict(server, 1))
        delays.append(wait_until(lambda: holds(server.folder, known), "a prediction in the store"))
    assert min(delays) < 1, delays


def test_a_worker_that_predicts_has_loaded_nothing_heavy(serve: Serve) -> None:
    """Drain and scrape included, importing scipy, pandas or scikit-learn would stall requests."""
    server = serve(workers=1)
    predict(server, 3)
    settle(server)

    assert json.loads(server.get("/heavy").body) == []


def test_a_worker_that_exits_leaves_nothing_behind(serve: Serve) -> None:
    """Its successor drains only from its first request on, which does not come here."""
    server = serve(workers=1)
    ids = predict(server, 50)
    (old,) = server.living()
    old.terminate()

    wait_until(lambda: holds(server.folder, ids), "all predictions in the store")
    wait_until(lambda: not segments(server), "an empty spool")
    assert server.process.poll() is None


def test_a_server_that_shuts_down_leaves_nothing_behind(serve: Serve) -> None:
    """SIGTERM to the master: the last worker to go drains what is there."""
    server = serve("--worker-class", "gthread", "--threads", "2", workers=2)
    ids = predict(server, 200)
    server.stop()

    assert holds(server.folder, ids)
    assert segments(server) == []


def test_what_a_killed_server_left_is_drained_at_the_next_start(serve: Serve) -> None:
    """All of its processes died, and none of them had drained anything."""
    first = serve("--preload", workers=2, settings=EXTERNAL)
    ids = predict_for(first, SEVERAL_TURNS)
    first.kill()
    assert read_store(first.folder).ids == []

    second = serve(workers=1)
    second.get("/heavy")
    wait_until(lambda: holds(second.folder, ids), "all predictions in the store")
    assert sum_of(second.get("/metrics"), "ml_predictions_total") == len(ids)


def test_a_worker_process_drains_for_the_web_workers(serve: Serve) -> None:
    """With MLMONITOR_BACKGROUND=external, `flask mlmonitor worker` does all of it."""
    server = serve(workers=2, settings=EXTERNAL)
    ids = predict_for(server, SEVERAL_TURNS)
    assert segments(server)
    assert read_store(server.folder).ids == []

    with worker(server.folder, EXTERNAL) as drain:
        wait_until(lambda: holds(server.folder, ids), "all predictions in the store")
        for process in server.living():
            os.kill(process.pid, signal.SIGKILL)
        ids += predict(server, 100)
        wait_until(lambda: holds(server.folder, ids), "all predictions in the store")
        assert stopped(drain) == 0
    assert all(path.suffix == ".j" for path in segments(server))


def stopped(process: subprocess.Popen[bytes]) -> int:
    """Ask a process to stop; return its exit code."""
    process.terminate()
    return process.wait(20)
