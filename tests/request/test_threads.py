"""Many requests at once in one process: each counts and is stored, once."""

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from flask import request

if TYPE_CHECKING:
    from tests.conftest import MakeService, Service

THREADS = 8
REQUESTS = 40


@pytest.fixture
def busy(make_service: "MakeService", production: dict[str, Any]) -> "Service":
    """A service as in production whose view ends well, badly or not at all."""
    service = make_service(**production | {"PROPAGATE_EXCEPTIONS": False})

    def view() -> Any:
        number = request.get_json()["number"]
        if number % 4 == 3:
            raise ValueError(number)
        return {"prediction": number}, 404 if number % 4 == 2 else 200

    decorator = service.monitor.prediction("fraud", version="2")
    service.app.post("/predict")(decorator(view))
    return service


def at_once(work: Callable[[int], object]) -> None:
    """Run *work* in threads that begin together."""
    barrier = threading.Barrier(THREADS)

    def run(number: int) -> None:
        barrier.wait(10)
        work(number)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_no_count_and_no_row_is_lost(busy: "Service") -> None:
    """Also those of the first requests, which open the monitor for one another."""
    ids: dict[int, str] = {}

    def work(thread: int) -> None:
        client = busy.app.test_client()
        for number in range(thread * REQUESTS, (thread + 1) * REQUESTS):
            answer = client.post("/predict", json={"number": number})
            if number % 4 != 2:
                ids[number] = answer.headers["X-Prediction-ID"]

    at_once(work)
    asked = THREADS * REQUESTS

    assert busy.tally() == {
        "predictions success": asked // 2,
        "predictions error": asked // 4,
        "errors model_error": asked // 4,
        "timed": asked * 3 // 4,
    }
    assert len(list((busy.runtime.folders.data / "slots").glob("*.cells"))) == 1
    assert busy.flush()
    assert {row.features["number"]: row.id for row in busy.rows()} == ids
    assert len(ids) == len(busy.rows()) == asked * 3 // 4


def test_what_runs_at_once_is_in_progress_at_once(busy: "Service") -> None:
    """The gauge is a sum over threads, and ends at zero."""
    barrier = threading.Barrier(THREADS)
    seen: list[float] = []

    def wait() -> Any:
        barrier.wait(10)
        seen.append(busy.tally()["in progress"])
        barrier.wait(10)
        return {"prediction": 1}

    busy.app.post("/wait")(busy.monitor.prediction("waiting")(wait))
    busy.post({"number": 0})
    at_once(lambda number: busy.app.test_client().post("/wait", json={"number": number}))

    assert seen == [THREADS] * THREADS
    assert "in progress" not in busy.tally()
