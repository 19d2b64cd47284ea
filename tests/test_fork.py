"""A process that forks after its first use: each side counts and records for itself, once."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask, current_app

from flask_mlmonitor import MLMonitor
from tests.processes import run_in_child

if TYPE_CHECKING:
    from tests.conftest import MakeService, Service

# Python 3.12 warns of any fork in a process with threads: that such a fork goes well is the point.
pytestmark = pytest.mark.filterwarnings("ignore:This process.*fork:DeprecationWarning")


@pytest.fixture
def forking(make_service: "MakeService", production: dict[str, Any]) -> "Service":
    """A service as in production, with the threads that it has there."""
    service = make_service(**production)

    @service.app.post("/predict")
    @service.monitor.prediction("fraud", version="2")
    def predict() -> Any:
        return {"prediction": os.getpid()}

    return service


def test_a_child_counts_and_records_for_itself(forking: "Service") -> None:
    """In a slot and a segment of its own; together they are exact."""
    forking.post()
    segment = forking.runtime.journal.path

    def work() -> None:
        assert forking.runtime.pid == os.getpid()
        for _ in range(2):
            assert forking.post().get_json() == {"prediction": os.getpid()}
        assert forking.runtime.journal.path not in (None, segment)

    assert run_in_child(work) == 0
    forking.post()

    assert forking.runtime.journal.path == segment
    assert forking.tally() == {"predictions success": 4, "timed": 4}
    assert len(list((forking.runtime.folders.data / "slots").glob("*.cells"))) == 2
    assert forking.samples("mlmonitor_workers") == {(): 1}
    assert forking.flush()
    rows = forking.rows()
    assert len({row.id for row in rows}) == len(rows) == 4
    assert sorted(
        [row.prediction for row in rows].count(pid) for pid in {r.prediction for r in rows}
    ) == [2, 2]


def test_a_child_sees_the_counts_of_its_parent(forking: "Service") -> None:
    """Whichever process a scrape meets, it tells the same."""
    forking.post()

    def work() -> None:
        assert forking.tally() == {"predictions success": 1, "timed": 1}
        assert forking.samples("mlmonitor_workers") == {(): 2}

    assert run_in_child(work) == 0


def test_a_child_that_does_nothing_leaves_nothing(forking: "Service") -> None:
    """No slot, no segment; what is in progress in the parent is not in progress twice."""
    forking.post()
    files = set(forking.runtime.folders.data.rglob("*"))

    assert run_in_child(lambda: None) == 0
    assert set(forking.runtime.folders.data.rglob("*")) == files


def test_ids_after_a_fork_differ(forking: "Service") -> None:
    """Both sides go on from the same state of the same generator."""
    forking.post()

    def work() -> None:
        for _ in range(50):
            forking.post()

    assert run_in_child(work) == 0
    work()
    assert forking.flush()
    assert len({row.id for row in forking.rows()}) == 101


def record_in_child() -> None:
    """Record by hand, in a process that a view started."""
    monitor = MLMonitor()
    for _ in range(3):
        monitor.record_prediction("fraud", {"age": 41}, "child", version="2")


def test_a_view_that_forks(make_service: "MakeService", production: dict[str, Any]) -> None:
    """`multiprocessing` inside a request: the request counts once, the child's work once."""
    service = make_service(**production)
    seen: list[dict[str, float]] = []

    def work(app: Flask) -> None:
        with app.app_context():
            record_in_child()

    @service.app.post("/predict")
    @service.monitor.prediction("fraud", version="2")
    def predict() -> Any:
        app = current_app._get_current_object()  # type: ignore[attr-defined]
        child = multiprocessing.get_context("fork").Process(target=work, args=(app,))
        child.start()
        child.join(20)
        seen.append(service.tally())
        return {"prediction": str(child.exitcode)}

    assert service.post().get_json() == {"prediction": "0"}
    assert seen == [{"predictions success": 3, "in progress": 1}]
    assert service.tally() == {"predictions success": 4, "timed": 1}
    assert service.flush()
    assert sorted(row.prediction for row in service.rows()) == ["0", "child", "child", "child"]


def test_a_view_with_threads_of_its_own(
    make_service: "MakeService", production: dict[str, Any]
) -> None:
    """Each of a pool's threads records by hand, in a context of the app; all of it counts once."""
    service = make_service(**production)

    def work(number: int) -> str:
        with service.app.app_context():
            return service.monitor.record_prediction("fraud", {"age": number}, 1, version="2")

    @service.app.post("/predict")
    @service.monitor.prediction("fraud", version="2")
    def predict() -> Any:
        with ThreadPoolExecutor(4) as pool:
            return {"prediction": len(set(pool.map(work, range(20))))}

    assert service.post().get_json() == {"prediction": 20}
    assert service.tally() == {"predictions success": 21, "timed": 1}
    assert service.flush()
    assert len(service.rows()) == 21


def test_a_job_that_ends_without_a_word(forking: "Service") -> None:
    """As the children of task queues do, by `os._exit`: what it recorded is in the journal."""
    forking.post()

    def work() -> None:
        with forking.app.app_context():
            record_in_child()
        os._exit(7)  # nothing is flushed, no handler runs

    assert [run_in_child(work) for _ in range(2)] == [7, 7]
    assert forking.tally() == {"predictions success": 7, "timed": 1}
    assert forking.flush()
    rows = forking.rows()
    assert len({row.id for row in rows}) == len(rows) == 7


def test_a_fork_before_the_first_use(forking: "Service") -> None:
    """As under `gunicorn --preload`: nothing is there that a child could inherit."""

    def work() -> None:
        forking.post()

    assert [run_in_child(work) for _ in range(2)] == [0, 0]
    assert forking.tally() == {"predictions success": 2, "timed": 2}
    assert forking.flush()
    assert len(forking.rows()) == 2


def test_a_child_is_drained_by_its_own_thread(
    make_service: "MakeService", production: dict[str, Any]
) -> None:
    """A thread does not survive a fork: the child's first request starts a new one."""
    service = make_service(**production | {"MLMONITOR_BACKGROUND": "thread"})

    @service.app.post("/predict")
    @service.monitor.prediction("fraud", version="2")
    def predict() -> Any:
        return {"prediction": 1}

    def work() -> None:
        service.post()
        names = [thread.name for thread in threading.enumerate()]
        assert sorted(name for name in names if "mlmonitor" in name) == [
            "mlmonitor-alerts",
            "mlmonitor-drain",
            "mlmonitor-evaluation",
            "mlmonitor-journal",
        ]

    service.post()
    assert run_in_child(work) == 0
    service.wait_for(lambda: not service.runtime.drain.backlog().size)
    assert len(service.rows()) == 2


def test_a_fork_while_another_thread_opens_the_monitor(forking: "Service") -> None:
    """The child inherits a lock that nobody will ever give back, and must not wait for it."""
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with forking.state._opening:
            held.set()
            done.wait(30)

    def work() -> None:
        signal.alarm(2)
        forking.post()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(10)
    try:
        status = run_in_child(work)
    finally:
        done.set()
        thread.join()

    assert status == 0


def test_ids_of_a_child_that_python_never_heard_of() -> None:
    """UWSGI forks by itself: in one millisecond, equal random bits would be equal ids."""
    script = (
        "import ctypes, os; from flask_mlmonitor.request.ids import new_id; new_id()\n"
        "child = ctypes.PyDLL(None).fork()\n"
        "os.write(1, new_id()[14:].encode() + b' ')\n"
        "child and os.waitpid(child, 0)\n"
        "os._exit(0)\n"
    )
    said = subprocess.check_output([sys.executable, "-c", script], text=True, timeout=60)
    ours, theirs = said.split()

    assert len(ours) == len(theirs) == 22
    assert ours != theirs
