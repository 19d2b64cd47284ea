"""A process or a disk that has no room left, under a service with its threads."""

import contextlib
import os
import resource
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from flask_mlmonitor.exceptions import StoreUnavailable
from flask_mlmonitor.records import Gap
from tests.disks import SmallDisk
from tests.ledgers import read_ledger
from tests.processes import run_in_child
from tests.request.asking import ask, predict

if TYPE_CHECKING:
    from tests.conftest import MakeService, Service

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")


@pytest.fixture
def make_live(make_service: "MakeService", production: dict[str, Any]) -> Any:
    """Make a service that drains by itself."""

    def make(**config: Any) -> "Service":
        service = make_service(**production | {"MLMONITOR_BACKGROUND": "thread"} | config)
        service.app.post("/predict")(service.monitor.prediction("fraud", version="2")(predict))
        return service

    return make


@contextlib.contextmanager
def no_descriptors() -> Iterator[Callable[[], None]]:
    """Let this process open no more files; what is called takes those that were given back."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 256), hard))
    taken = []

    def take() -> None:
        with contextlib.suppress(OSError):
            while True:
                taken.append(os.open(os.devnull, os.O_RDONLY))

    try:
        take()
        yield take
    finally:
        for fd in taken:
            os.close(fd)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def stored(service: "Service") -> list[str]:
    """Return the ids in the store."""
    try:
        return read_ledger(service.runtime.database).ids
    except StoreUnavailable:
        return []


def test_a_process_without_descriptors(make_live: Any) -> None:
    """Requests go on, scrapes are refused rather than wrong, nothing leaks, all is stored."""

    def work() -> None:
        service = make_live()
        ids = ask(service)
        service.wait_for(lambda: len(stored(service)) == 3)
        before = len(os.listdir("/proc/self/fd"))
        with no_descriptors() as take:
            ids += ask(service)

            def refused() -> bool:
                take()
                paths = "/metrics", "/mlmonitor/health"
                return [service.client.get(path).status_code for path in paths] == [503] * 2

            service.wait_for(refused)
            service.wait_for(lambda: service.runtime.loop.trouble is not None)
            ids += ask(service)
        service.wait_for(lambda: len(stored(service)) == len(ids))
        service.wait_for(lambda: service.runtime.loop.trouble is None)
        assert sorted(stored(service)) == sorted(ids)
        tally = service.tally()
        tally.pop("faults background", None)  # none where it was the store that met it first
        assert tally == {"predictions success": 9, "timed": 9}
        assert len(os.listdir("/proc/self/fd")) <= before + 3  # connections to the store
        service.close()

    assert run_in_child(work) == 0


def test_a_disk_under_the_journal_that_fills_up(
    make_live: Any, small_disk: SmallDisk, caplog: pytest.LogCaptureFixture
) -> None:
    """Drops are counted and told while they last, a gap afterwards, and recording resumes."""
    data = small_disk.path / "data"
    service = make_live(MLMONITOR_DATA_DIR=str(data), MLMONITOR_JOURNAL_MAX_BYTES="1 MiB")
    kept = ask(service)
    service.wait_for(lambda: len(stored(service)) == 3)
    small_disk.fill()
    asked = len(kept)
    while service.runtime.journal.error is None:
        kept += ask(service)
        asked += 3
    kept += ask(service)
    asked += 3
    dropped = asked - len(kept)
    assert dropped >= 3

    health = service.client.get("/mlmonitor/health")
    assert (health.status_code, "journal" in health.get_json()["detail"]) == (503, True)
    assert service.tally()["dropped disk_full"] == dropped
    assert service.client.get("/metrics").status_code == 200
    small_disk.empty()
    service.wait_for(lambda: service.runtime.journal.error is None)
    kept += ask(service)
    service.wait_for(lambda: len(stored(service)) == len(kept))
    service.wait_for(lambda: read_ledger(service.runtime.database).gaps)
    service.wait_for(lambda: service.client.get("/mlmonitor/health").status_code == 200)

    found = read_ledger(service.runtime.database)
    assert sorted(found.ids) == sorted(kept)
    (gap,) = found.gaps
    assert isinstance(gap, Gap)
    assert (gap.count, gap.reason) == (dropped, "disk_full")
    said = [text for text in caplog.messages if "recorded" in text]
    assert len(said) == 2
    assert "cannot be recorded (disk_full)" in said[0]
    assert f"recorded again; not recorded meanwhile: {dropped} disk_full" in said[1]


def test_a_disk_under_the_store_that_fills_up(make_live: Any, small_disk: SmallDisk) -> None:
    """Predictions wait in the journal, on another disk; the store is whole, and catches up."""
    store = small_disk.path / "store.sqlite3"
    service = make_live(MLMONITOR_STORE_URL=f"sqlite:///{store}")
    ids = ask(service)
    service.wait_for(lambda: len(stored(service)) == 3)
    small_disk.fill()
    while service.runtime.loop.trouble is None:
        ids += ask(service)
    ids += ask(service)
    service.wait_for(lambda: service.client.get("/mlmonitor/health").status_code == 503)
    assert "store" in service.client.get("/mlmonitor/health").get_json()["detail"]
    assert service.samples("mlmonitor_store_up") == {(): 0}

    small_disk.empty()
    service.wait_for(lambda: len(stored(service)) == len(ids), 40)
    assert sorted(stored(service)) == sorted(ids)
    service.wait_for(lambda: service.samples("mlmonitor_store_up") == {(): 1})
