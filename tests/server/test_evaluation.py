"""Evaluations beside real servers: one of all processes makes them, and none feels it."""

import json
import os
import signal
import time
from pathlib import Path

import pytest
from sqlalchemy import select

from flask_mlmonitor.background.election import HostElection
from flask_mlmonitor.exceptions import StoreError
from flask_mlmonitor.store import tables
from flask_mlmonitor.store.urls import open_store
from tests.server import traffic
from tests.server.conftest import Serve
from tests.server.serving import Gunicorn, wait_until, worker

TICK = 60
SETTINGS = {
    "MLMONITOR_WINDOWS": "1m,2m",
    "MLMONITOR_EVALUATION_INTERVAL": 1,
    "MLMONITOR_MIN_SAMPLES": 20,
}


def predict(server: Gunicorn, number: int) -> None:
    """Ask for so many predictions."""
    with server.caller() as caller:
        for body in traffic.bodies(number):
            answer = caller.call("POST", "/predict", body)
            assert answer is not None
            assert answer.status == 200


def runs(folder: Path) -> dict[float, list[tuple[str, int]]]:
    """Return window and epoch of each evaluation, by the end of the window."""
    database = open_store(f"sqlite:///{folder / 'mlmonitor.sqlite3'}")
    column = tables.evaluations.c
    found: dict[float, list[tuple[str, int]]] = {}
    try:
        with database.reading() as connection:
            query = select(column.end, column.window, column.epoch).where(column.model == "fraud")
            for end, window, epoch in connection.execute(query.order_by(column.window)):
                found.setdefault(end, []).append((window, epoch))
    except StoreError:
        pass
    finally:
        database.close()
    return found


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize("background", ["thread", "external"])
def test_one_of_all_processes_evaluates_and_is_replaced(serve: Serve, background: str) -> None:
    """Four web workers and two workers: one result for each window and tick, whoever dies."""
    settings = {**SETTINGS, "MLMONITOR_BACKGROUND": background}
    server = serve(workers=4, settings=settings)
    predict(server, 100)
    with worker(server.folder, settings), worker(server.folder, settings):
        wait_until(lambda: bool(runs(server.folder)), "a first evaluation", TICK + 20)
        first = runs(server.folder)
        predict(server, 100)
        holder = HostElection(server.data / "drain.lock").officer()
        assert holder is not None
        os.kill(holder.pid, signal.SIGKILL)
        killed = time.time()

        wait_until(lambda: len(runs(server.folder)) > len(first), "another one", 2 * TICK + 20)
        assert time.time() - killed < 2 * TICK + 20

    found = runs(server.folder)
    assert [[window for window, _ in one] for one in found.values()] == [["1m", "2m"]] * len(found)
    (early, *_, late) = (found[end][0][1] for end in sorted(found))
    assert early < late
    assert json.loads(server.get("/heavy").body) == []

    def shown() -> bool:
        predict(server, 20)  # the window that ends next has enough of them, whenever that is
        return b"ml_data_drift_psi{" in server.get("/metrics").body

    with worker(server.folder, settings):
        wait_until(shown, "drift on the page of metrics", 2 * TICK + 20)
