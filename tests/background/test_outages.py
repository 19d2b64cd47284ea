"""Stores, disks, clocks and processes that fail under a host: what is kept, and what is told."""

import logging
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from flask_mlmonitor.background import election
from flask_mlmonitor.background.drain import FORGET_SECONDS
from flask_mlmonitor.background.runtime import Runtime
from flask_mlmonitor.background.runtimes import runtime_for
from flask_mlmonitor.config import Settings
from flask_mlmonitor.exceptions import StoreUnavailable
from flask_mlmonitor.store import database as database_module
from flask_mlmonitor.store import patience, recording
from flask_mlmonitor.store.patience import in_a_request
from tests.background.rigs import FRAUD, Rig, expected, request, requests
from tests.ledgers import Ledger, read_ledger
from tests.processes import Child
from tests.troubles import locked, moved, stopped

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")

Open = Callable[..., Runtime]
SECONDS = 30.0
MANY = 8


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Open]:
    """Open this process's runtime with these settings, and close it in the end."""
    opened: list[Runtime] = []

    def make(**keys: object) -> Runtime:
        given = {f"MLMONITOR_{name.upper()}": value for name, value in keys.items()}
        folders = {
            "MLMONITOR_DATA_DIR": str(tmp_path / "data"),
            "MLMONITOR_STORE_URL": f"sqlite:///{tmp_path / 'store' / 'store.sqlite3'}",
        }
        settings = Settings.from_mapping(folders | given, instance_path=str(tmp_path))
        opened.append(runtime_for(settings, testing=False))
        return opened[-1]

    yield make
    for runtime in opened:
        runtime.close()


def wait_for(condition: Callable[[], object]) -> None:
    """Return when *condition* holds."""
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def is_stopped(pid: int) -> bool:
    return psutil.Process(pid).status() == psutil.STATUS_STOPPED


def test_a_drain_that_is_stopped_in_mid_transaction(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite's lock stays with it, and is named; PostgreSQL loses patience. All is stored once."""
    monkeypatch.setattr(patience, "REQUEST_SECONDS", 1.0)
    records = requests(300)
    for first in range(0, 300, 100):
        rig.write(records[first : first + 100])
    assert rig.new_drain().run_once(100) == 100
    add_gaps = recording._add_gaps

    def stop_once(*arguments: object) -> None:
        monkeypatch.setattr(recording, "_add_gaps", add_gaps)
        os.kill(os.getpid(), signal.SIGSTOP)

    def drain() -> int:
        own = Rig(rig.folder, rig.store_url)
        monkeypatch.setattr(recording, "_add_gaps", stop_once)
        with in_a_request():
            try:
                return own.new_drain().run_once(1000)
            except StoreUnavailable:
                return -1

    child = Child(drain)
    try:
        wait_for(lambda: is_stopped(child.pid))
        if rig.store_url.startswith("sqlite"):
            with in_a_request(), pytest.raises(StoreUnavailable, match=f"process {child.pid}$"):
                rig.drain()
            os.kill(child.pid, signal.SIGCONT)
            assert child.told == 200
        else:
            wait_for(lambda: drained(rig))
            os.kill(child.pid, signal.SIGCONT)
            assert child.told == -1  # the server has thrown it out
    finally:
        child.kill()
    wait_for(lambda: drained(rig))
    assert rig.ledger() == expected(records)
    assert rig.spool.segments() == []  # it had kept one of them locked


def drained(rig: Rig) -> bool:
    """Drain what can be drained; tell whether all predictions are stored."""
    with in_a_request(), suppress(StoreUnavailable):
        rig.drain()
        return len(rig.ledger().ids) == 300
    return False


def test_a_stopped_process_is_taken_over(
    start: Open, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The next one drains in its place, and says so; when it goes on, nothing is double."""
    monkeypatch.setattr(election, "LIFELESS_SECONDS", 1.5)

    def work() -> bool:
        runtime = start()
        record(runtime, range(50))
        wait_for(lambda: len(ledger(runtime).ids) == 50)
        record(runtime, range(50, 100))
        return True

    with Child(work) as child:
        assert child.told
        runtime = start()
        with stopped([child.pid]):
            record(runtime, range(100, 200))
            wait_for(lambda: len(ledger(runtime).ids) == 200)
            assert runtime.election.win()
        wait_for(lambda: psutil.Process(child.pid).status() != psutil.STATUS_STOPPED)
        record(runtime, range(200, 250))
        wait_for(lambda: len(ledger(runtime).ids) == 250)
        assert runtime.election.win()
    assert ledger(runtime)._replace(offsets={}) == expected(requests(250))
    assert [text for text in caplog.messages if "no sign of life" in text] != []


def record(runtime: Runtime, numbers: range) -> None:
    """Journal requests."""
    runtime.journal.schema(FRAUD)
    for number in numbers:
        assert runtime.journal.append(request(number))


def ledger(runtime: Runtime) -> Ledger:
    """Return what the store holds."""
    try:
        return read_ledger(runtime.database)
    except StoreUnavailable:
        return Ledger([], 0, (0, 0, 0), {}, [], [])


@pytest.mark.parametrize("full", ["drop_newest", "drop_oldest"])
def test_a_journal_at_its_bound_under_load(start: Open, full: str, tmp_path: Path) -> None:
    """What a long outage leaves no room for is counted and is a gap, to the last prediction."""
    runtime = start(background="external", journal_max_bytes="1 MiB", journal_full=full)
    runtime.journal.schema(FRAUD)
    runtime.database.prepare()
    kept: list[int] = []
    each, began = 1500, time.time()

    def work(first: int) -> None:
        for number in range(first, first + each):
            if runtime.journal.append(request(number)):
                kept.append(number)

    with moved(tmp_path / "store"):
        threads = [threading.Thread(target=work, args=(one * each,)) for one in range(MANY)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert runtime.spool.size() <= 1 << 20
        with pytest.raises(StoreUnavailable):
            runtime.flush(1)
    wait_for(lambda: runtime.flush(SECONDS) and not runtime.journal.missing())
    assert runtime.flush(SECONDS)

    found = ledger(runtime)
    stored = {int(key[1:]) for key in found.ids}
    dropped = sum(gap.count for gap in found.gaps)
    assert dropped > 0
    assert len(stored) + dropped == MANY * each
    assert {gap.reason for gap in found.gaps} == {"journal_full"}
    assert all(began - 1 <= gap.start <= gap.end <= time.time() for gap in found.gaps)
    assert found.in_rollups == len(stored)
    if full == "drop_newest":
        assert stored == set(kept)
    else:
        assert len(kept) == MANY * each
        assert set(kept[-100:]) <= stored
        assert not stored & set(kept[:100])


def test_the_log_says_that_a_disk_is_full_and_that_it_is_not_any_more(
    start: Open, caplog: pytest.LogCaptureFixture
) -> None:
    """Each once, with the number; the second time as well."""
    runtime = start(background="external")
    runtime.journal.schema(FRAUD)
    for _ in range(2):
        caplog.clear()
        runtime.journal.close()
        shutil.rmtree(runtime.spool.path, ignore_errors=True)
        runtime.spool.path.write_text("in the way")
        for number in range(20):
            assert not runtime.journal.append(request(number))
        (gap,) = runtime.journal.missing()
        assert gap.count == 20
        runtime.spool.path.unlink()
        wait_for(lambda: len(caplog.messages) == 2)
        assert "cannot be recorded (write_error)" in caplog.messages[0]
        assert "recorded again; not recorded meanwhile: 20 write_error" in caplog.messages[1]
        assert [one.levelno for one in caplog.records] == [logging.ERROR, logging.WARNING]
        assert runtime.journal.missing() == ()


def test_trouble_with_the_store_is_told_to_every_process(
    start: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Who drains writes down what keeps it from draining, and who holds the lock."""
    monkeypatch.setattr(database_module, "BUSY_SECONDS", 0.2)
    runtime = start()
    record(runtime, range(1))
    wait_for(lambda: len(ledger(runtime).ids) == 1)
    other = election.HostElection(tmp_path / "data" / "drain.lock")

    def trouble() -> str:
        officer = other.officer()
        return "" if officer is None or officer.trouble is None else officer.trouble

    with locked(tmp_path / "store" / "store.sqlite3") as culprit:
        record(runtime, range(1, 2))
        wait_for(lambda: trouble() == f"database is locked by process {culprit}")
        time.sleep(2)
    wait_for(lambda: len(ledger(runtime).ids) == 2)
    wait_for(lambda: trouble() == "")
    assert len(caplog.messages) == 2


def test_a_clock_that_steps(rig: Rig) -> None:
    """Back by hours and forward by days: every prediction once, and nothing is stuck."""
    records, now = [], time.time()
    for turn, step in enumerate((0, -7200, 3600, -86400, 86400, 0)):
        rig.time = now + step
        journal = rig.journal(clock=lambda: rig.time)
        journal.schema(FRAUD)
        for number in range(10 * turn, 10 * turn + 10):
            records.append(request(number, time=rig.time))
            assert journal.append(records[-1])
        journal.heartbeat()
        if turn % 2:
            rig.new_drain().run_once(15)
        journal.close()
    rig.time = now
    drain = rig.new_drain()
    while drain.run_once(7):
        pass
    assert rig.ledger() == expected(records)
    removed = []
    for number, step in enumerate((-86400, 0, int(2 * FORGET_SECONDS), -7200)):
        rig.time += step
        removed.append(rig.write(requests(1, first=1000 + number)).name)
        assert drain.run_once(10) == 1
    rig.time = now + 86400
    rig.write(requests(1, first=2000))
    assert drain.run_once(10) == 1
    assert read_ledger(rig.database).offsets.keys().isdisjoint(removed)
