"""The threads of views with a time limit: how many, shared by whom, and for how long."""

import gc
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask, request

from flask_mlmonitor import MLMonitor
from flask_mlmonitor.request.limit import POOL_SIZE
from tests.conftest import Service

if TYPE_CHECKING:
    from tests.conftest import Serve
    from tests.request.conftest import Hanging

SHORT = 0.02
LONG = 20.0


class Broken(Exception):
    """What a model raises."""


def rules() -> Any:
    return {"prediction": 7}


def threads() -> list[threading.Thread]:
    """Return the pools' threads."""
    return [thread for thread in threading.enumerate() if thread.name == "mlmonitor-view"]


def test_a_full_pool(serve: "Serve", hanging: "Hanging") -> None:
    """It counts as a timeout at once; the view is not called, and nothing is abandoned."""
    service = serve(hanging.predict, timeout=SHORT, config={"MLMONITOR_EVALUATION_INTERVAL": "1d"})
    for _ in range(POOL_SIZE):
        assert service.post().status_code == 504
    began = time.perf_counter()
    assert [service.post().status_code for _ in range(3)] == [504] * 3
    assert time.perf_counter() - began < LONG / 2

    assert len(threads()) >= POOL_SIZE
    asked = POOL_SIZE + 3
    assert service.tally() == {
        "predictions error": asked,
        "errors timeout": asked,
        "timed": POOL_SIZE,
        "abandoned": POOL_SIZE,
        "abandoned in progress": POOL_SIZE,
    }
    hanging.released.set()
    service.wait_for(lambda: "abandoned in progress" not in service.tally())
    assert hanging.ended == POOL_SIZE
    service.wait_for(lambda: service.post().status_code == 200)


def test_models_do_not_share_a_pool(service: Service, hanging: "Hanging") -> None:
    """One that hangs takes no thread from another."""
    monitor, app = service.monitor, service.app
    app.post("/hangs", endpoint="h")(monitor.prediction("h", timeout=SHORT / 10)(hanging.predict))
    app.post("/predict", endpoint="p")(monitor.prediction("fraud", timeout=LONG)(rules))
    for _ in range(POOL_SIZE + 1):
        service.client.post("/hangs", json={})

    assert service.post().status_code == 200


def test_many_at_once(serve: "Serve") -> None:
    """Eight threads, in time, late and failing: each request is counted once."""
    released = threading.Event()

    def view() -> Any:
        number = request.get_json()["number"]
        if number % 3 == 1:
            released.wait(30)
        if number % 3 == 2:
            raise Broken
        return {"prediction": number}

    service = serve(view, timeout=1, config={"PROPAGATE_EXCEPTIONS": False})
    service.client.get("/")
    barrier = threading.Barrier(8)
    wrong: list[Any] = []

    def work(thread: int) -> None:
        client = service.app.test_client()
        barrier.wait(10)
        for number in range(thread * 6, thread * 6 + 6):
            answer = client.post("/predict", json={"number": number})
            if answer.status_code != (200, 504, 500)[number % 3]:
                wrong.append((number, answer.status_code))

    workers = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    expected = {
        "predictions success": 16,
        "predictions error": 32,
        "errors timeout": 16,
        "errors model_error": 16,
        "timed": 48,
        "abandoned": 16,
    }

    assert wrong == []
    assert service.tally() == {**expected, "abandoned in progress": 16}
    released.set()
    service.wait_for(lambda: "abandoned in progress" not in service.tally())
    assert service.tally() == expected


def test_threads_end_with_their_app() -> None:
    """Also one that was busy when its app went away."""
    released = threading.Event()
    before = set(threads())
    ask_a_hanging_view(released)

    def left() -> int:
        gc.collect()
        return len(set(threads()) - before)

    assert left() == 2  # the call that still runs keeps its app, and so both pools
    released.set()
    Service.wait_for(lambda: left() == 0)


def ask_a_hanging_view(released: threading.Event) -> None:
    """Make an app, ask one view in time, another one too late, and forget the app."""
    app = Flask("gone")
    app.config["TESTING"] = True
    monitor = MLMonitor(app)
    views = {"/quick": (LONG, rules), "/late": (SHORT, lambda: {"prediction": released.wait(30)})}
    for path, (timeout, view) in views.items():
        app.add_url_rule(path, path, monitor.prediction("fraud", timeout=timeout)(view))
    client = app.test_client()
    assert [client.get(path).status_code for path in ("/quick", "/quick", "/late")] == [
        200,
        200,
        504,
    ]


def test_a_machine_that_starts_no_thread(
    serve: "Serve", monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The view runs without a limit rather than not at all; the fault is counted and logged."""

    def fail(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    service = serve(lambda: {"prediction": threading.get_ident()}, timeout=LONG)
    monkeypatch.setattr(threading.Thread, "start", fail)

    assert service.post().get_json() == {"prediction": threading.get_ident()}
    assert service.tally() == {"predictions success": 1, "timed": 1, "faults request": 1}
