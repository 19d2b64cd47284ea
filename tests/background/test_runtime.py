"""What one process keeps for a folder, with its thread, from the first append to the last."""

import ctypes
import logging
import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from flask_mlmonitor.background.election import HostElection
from flask_mlmonitor.background.runtime import POLL_SECONDS, Runtime
from flask_mlmonitor.background.runtimes import runtime_for
from flask_mlmonitor.config import Settings
from flask_mlmonitor.counters.slots import read_slots
from flask_mlmonitor.exceptions import StoreUnavailable
from flask_mlmonitor.store import database as database_module
from flask_mlmonitor.store.levels import DAY, floor
from flask_mlmonitor.store.reading import read_predictions
from flask_mlmonitor.store.truth import Claim
from flask_mlmonitor.store.windows import read_window
from tests.background.rigs import BINNING, FRAUD, NOW, request
from tests.ledgers import add_rollups
from tests.processes import Child, run_in_child

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")

Open = Callable[..., Runtime]
SECONDS = 10


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The data folder."""
    return tmp_path / "data"


@pytest.fixture
def settings(tmp_path: Path, folder: Path) -> Callable[..., Settings]:
    """Make an app's settings."""

    def make(**keys: object) -> Settings:
        given = {f"MLMONITOR_{name.upper()}": value for name, value in keys.items()}
        chosen = {"MLMONITOR_DATA_DIR": str(folder), **given}
        return Settings.from_mapping(chosen, instance_path=str(tmp_path))

    return make


@pytest.fixture
def start(settings: Callable[..., Settings]) -> Iterator[Open]:
    """Open this process's runtime, and close it in the end."""
    opened: list[Runtime] = []

    def make(**keys: object) -> Runtime:
        opened.append(runtime_for(settings(**keys), testing=False))
        return opened[-1]

    yield make
    for runtime in opened:
        runtime.close()


def record(runtime: Runtime, *numbers: int, at: float | None = None) -> None:
    """Journal requests, of this moment if no other is given: the retention takes old ones."""
    runtime.journal.schema(FRAUD)
    for number in numbers:
        assert runtime.journal.append(request(number, time=time.time() if at is None else at))


def stored(runtime: Runtime) -> set[int]:
    """Return the numbers of the requests in the store."""
    try:
        return {int(row.id[1:]) for row in read_predictions(runtime.database)}
    except StoreUnavailable:
        return set()


def wait_for(condition: Callable[[], bool], seconds: float = SECONDS) -> float:
    """Wait until *condition* holds; return how long it took."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds
        time.sleep(0.005)
    return time.monotonic() - began


def elected(folder: Path) -> int:
    """Return the process that said last that it was elected."""
    officer = HostElection(folder / "drain.lock").officer()
    return 0 if officer is None else officer.pid


def counts(runtime: Runtime) -> Counter[str]:
    """Add up what all processes counted, by the words of its name."""
    total: Counter[str] = Counter()
    for _, blocks in read_slots(runtime.slot):
        for block in blocks or ():
            for name, value in block.items():
                if value:
                    total[" ".join([*block.owner, *name]).strip()] += int(value)
    return total


def threads() -> list[str]:
    """Return the names of the runtime's threads; those of views are others'."""
    names = {thread.name for thread in threading.enumerate()} - {"mlmonitor-view"}
    return sorted(name for name in names if "mlmonitor" in name)


def test_a_prediction_is_in_the_store_within_a_second(start: Open) -> None:
    """Nobody asks for it; the thread comes by often enough."""
    runtime = start()
    record(runtime, 0)
    wait_for(lambda: stored(runtime) == {0})
    times = []
    for number in range(1, 4):
        record(runtime, number)
        times.append(wait_for(lambda last=number: last in stored(runtime)))  # type: ignore[misc]
    assert sorted(times)[1] < 1


def test_a_process_has_one_runtime_for_a_folder(
    start: Open, settings: Callable[..., Settings]
) -> None:
    """Its apps share it, until it is closed."""
    runtime = start()
    assert runtime_for(settings(), testing=False) is runtime
    runtime.close()
    again = start()
    assert again is not runtime
    record(again, 1)
    assert again.flush(SECONDS)


def test_durability_has_its_price_off_the_request(
    start: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With `interval` another thread brings the segment onto the disk, and so does the end."""
    synced: list[tuple[str, str]] = []
    flush = os.fdatasync

    def note(fd: int) -> None:
        flush(fd)
        synced.append((threading.current_thread().name, os.readlink(f"/proc/self/fd/{fd}")))

    monkeypatch.setattr(os, "fdatasync", note)
    runtime = start(durability="interval", background="external")
    record(runtime, 1)
    path = str(runtime.journal.path)
    wait_for(lambda: synced == [("mlmonitor-journal", path)])
    runtime.upkeep.stop(SECONDS)
    record(runtime, 2)
    runtime.close()
    assert [name for _, name in synced] == [path, path]


def test_of_two_processes_one_drains(start: Open, settings: Callable[..., Settings]) -> None:
    """What both of them recorded; when it is killed, the other goes on."""

    def work() -> int:
        own = runtime_for(settings(), testing=False)
        record(own, 1, 2)
        wait_for(lambda: stored(own) >= {1, 2})
        record(own, 3)
        return os.getpid()

    with Child(work) as child:
        runtime = start()
        record(runtime, 4)
        wait_for(lambda: stored(runtime) == {1, 2, 3, 4})
        assert elected(runtime.folders.data) == child.told
    record(runtime, 5)
    wait_for(lambda: stored(runtime) == {1, 2, 3, 4, 5})
    assert elected(runtime.folders.data) == os.getpid()


def test_what_a_killed_process_left_is_drained(
    start: Open, settings: Callable[..., Settings]
) -> None:
    """By whoever comes next; a segment without a writer is just a file."""

    def work() -> None:
        record(runtime_for(settings(background="external"), testing=False), 1, 2, 3)

    with Child(work):
        pass
    runtime = start()
    wait_for(lambda: stored(runtime) == {1, 2, 3})


def test_flush_drains_at_once(start: Open) -> None:
    """When nobody else is elected, it need not wait for the thread."""
    runtime = start()
    record(runtime, *range(500))
    assert runtime.flush(SECONDS)
    assert stored(runtime) == set(range(500))
    assert runtime.flush(0)


def test_flush_waits_for_the_elected_process(
    start: Open, settings: Callable[..., Settings]
) -> None:
    """While that one does not come by, it tells that something waits."""

    def work() -> None:
        own = runtime_for(settings(), testing=False)
        record(own, 1)
        wait_for(lambda: stored(own) == {1})

    with Child(work) as child:
        runtime = start()
        record(runtime, 2)
        assert runtime.flush(SECONDS)
        assert stored(runtime) == {1, 2}

        os.kill(child.pid, signal.SIGSTOP)
        record(runtime, 3)
        assert not runtime.flush(0.1)
        os.kill(child.pid, signal.SIGCONT)
        assert runtime.flush(SECONDS)
        assert stored(runtime) == {1, 2, 3}


def test_flush_says_that_the_store_is_down(start: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing is lost by it."""
    monkeypatch.setattr(database_module, "BUSY_SECONDS", 0.05)
    runtime = start(background="external")
    record(runtime, 1)
    Path(runtime.database.name).mkdir()
    with pytest.raises(StoreUnavailable):
        runtime.flush(SECONDS)
    Path(runtime.database.name).rmdir()
    assert runtime.flush(SECONDS)
    assert stored(runtime) == {1}


def test_external_leaves_the_drain_to_the_worker(
    start: Open, settings: Callable[..., Settings]
) -> None:
    """A web process neither drains nor stands for election, not even at its end."""
    runtime = start(background="external")
    record(runtime, 1)

    def work() -> None:
        worker = runtime_for(settings(background="external"), testing=False)
        worker.work()
        wait_for(lambda: stored(worker) == {1})

    with Child(work) as child:
        worker = child.pid
        assert elected(runtime.folders.data) == worker
    record(runtime, 2)
    runtime.close()
    assert elected(runtime.folders.data) == worker
    assert stored(start(background="external")) == {1}


@pytest.mark.parametrize("down", [False, True])
def test_flush_does_not_take_the_office_from_the_worker(
    start: Open, settings: Callable[..., Settings], down: bool
) -> None:
    """It is given back, whether the flush went well or not."""
    runtime = start(background="external")
    record(runtime, 1)
    if down:
        Path(runtime.database.name).mkdir()
        with pytest.raises(StoreUnavailable):
            runtime.flush(SECONDS)
        Path(runtime.database.name).rmdir()
    else:
        assert runtime.flush(SECONDS)

    def win() -> None:
        assert runtime_for(settings(background="external"), testing=False).election.win()

    assert run_in_child(win) == 0


def test_external_still_looks_after_the_journal(start: Open, folder: Path) -> None:
    """A segment that somebody removed is noticed, and its loss is known."""
    runtime = start(background="external")
    record(runtime, 1)
    path = runtime.journal.path
    assert path is not None
    path.unlink()
    wait_for(lambda: counts(runtime)["dropped segment_lost"] == 1)
    record(runtime, 2)
    assert runtime.journal.path != path
    assert runtime.flush(SECONDS)
    assert stored(runtime) == {2}


def test_a_worker_drains_what_others_leave_to_it(start: Open) -> None:
    """Until it is closed; then nobody is elected."""
    runtime = start(background="external")
    record(runtime, 1)
    runtime.work()
    wait_for(lambda: stored(runtime) == {1})
    runtime.close()


def test_closing_moves_what_is_left(start: Open, folder: Path) -> None:
    """And gives back lock and slot; a second time it does nothing."""
    runtime = start()
    record(runtime, *range(300))
    runtime.close()
    runtime.close()
    heir = start()
    assert stored(heir) == set(range(300))
    assert list((folder / "spool").iterdir()) == []
    assert heir.election.win()
    assert [path.name for path in (folder / "slots").glob("*.cells")] == ["0.cells"]


def test_closing_while_the_store_is_down(
    start: Open, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    """A process ends all the same, and the spool keeps what it had."""
    monkeypatch.setattr(database_module, "BUSY_SECONDS", 0.05)
    runtime = start(store_url=f"sqlite:///{folder}/store/s.db")
    folder.mkdir(exist_ok=True)
    (folder / "store").touch()
    record(runtime, 1)
    began = time.monotonic()
    runtime.close()
    assert time.monotonic() - began < 8
    (folder / "store").unlink()
    heir = start(store_url=f"sqlite:///{folder}/store/s.db")
    assert heir.flush(SECONDS)
    assert stored(heir) == {1}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_died_is_started_again(start: Open) -> None:
    """By the next append: whatever ended it was none of the exceptions that the guard counts."""
    runtime = start()
    (thread,) = [thread for thread in threading.enumerate() if thread.name == "mlmonitor-drain"]
    kill = ctypes.pythonapi.PyThreadState_SetAsyncExc
    assert kill(ctypes.c_ulong(thread.ident or 0), ctypes.py_object(SystemExit)) == 1
    wait_for(lambda: not thread.is_alive())
    record(runtime, 1)
    assert not runtime.loop.running

    runtime.stand_in()
    wait_for(lambda: stored(runtime) == {1})
    tasks = ("alerts", "drain", "evaluation", "journal")
    assert threads() == [f"mlmonitor-{task}" for task in tasks]


def test_a_process_that_can_have_no_more_threads(start: Open) -> None:
    """It journals; the thread is started when there can be one."""
    usual = threading.stack_size(1 << 46)  # more than there is
    try:
        runtime = start()
        record(runtime, 1)
        runtime.stand_in()
    finally:
        threading.stack_size(usual)
    assert not runtime.loop.running
    assert counts(runtime)["internal_errors background"] == 4 * 2

    runtime.stand_in()
    wait_for(lambda: stored(runtime) == {1})


def test_a_uwsgi_without_threads_is_named(
    start: Open, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The module is uWSGI's own; it is there in its processes alone."""
    uwsgi = ModuleType("uwsgi")
    uwsgi.has_threads = 0  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "uwsgi", uwsgi)
    start()
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "--enable-threads" in caplog.text


def test_a_closed_runtime_starts_nothing(start: Open) -> None:
    """A request that is under way while its process ends."""
    runtime = start()
    runtime.close()
    runtime.stand_in()
    assert threads() == []


def test_a_child_that_ends_leaves_its_parents_things_alone(
    settings: Callable[..., Settings],
) -> None:
    """At exit, the child's copy of the parent's runtime closes and removes nothing."""
    runtime = runtime_for(settings(), testing=True)
    record(runtime, 1)
    assert run_in_child(runtime.close) == 0
    record(runtime, 2)
    assert runtime.flush(SECONDS)
    assert stored(runtime) == {1, 2}
    runtime.close()


def test_what_cannot_be_recorded_is_logged_once(
    start: Open, caplog: pytest.LogCaptureFixture, folder: Path
) -> None:
    """And counted each time; predictions come back with the disk."""
    runtime = start()
    folder.mkdir(exist_ok=True)
    (folder / "spool").touch()
    runtime.journal.schema(FRAUD)
    for number in range(5):
        assert not runtime.journal.append(request(number))
    assert counts(runtime)["dropped write_error"] == 5
    errors = [one for one in caplog.records if one.levelno == logging.ERROR]
    assert len(errors) == 1
    assert "write_error" in errors[0].getMessage()
    (folder / "spool").unlink()
    wait_for(lambda: runtime.journal.append(request(7, time=time.time())))
    assert runtime.flush(SECONDS)
    assert 7 in stored(runtime)


def test_ground_truth_is_counted_by_what_became_of_it(start: Open) -> None:
    """That which waited is accepted when its prediction comes, with its delay."""
    runtime, current = start(), time.time()
    record(runtime, 1, 2, at=current)
    for number in (3, 4):
        runtime.journal.append(request(number, time=current, external_id="order"))
    assert runtime.flush(SECONDS)
    claims = [
        Claim("r000001", 1, current + 5),
        Claim("r000001", 0, current + 5),
        Claim("r000009", 1, current + 30),
        Claim("order", 1, current, True),
    ]
    results = [verdict.result for verdict in runtime.record_ground_truth(claims)]
    assert results == ["accepted", "updated", "pending", "invalid"]
    record(runtime, 9, at=current)
    assert runtime.flush(SECONDS)
    found = {name: number for name, number in counts(runtime).items() if "truth" in name}
    assert found == {
        "fraud 2 ground_truth accepted": 2,
        "fraud 2 ground_truth updated": 1,
        "__unknown__ __unknown__ ground_truth pending": 1,
        "__unknown__ __unknown__ ground_truth invalid": 1,
    }
    assert counts(runtime)["fraud 2 delay_sum"] == 35


def test_one_process_of_a_host_is_first_in_an_interval(
    start: Open, settings: Callable[..., Settings], folder: Path
) -> None:
    """The next interval has a first one too, and few files remain."""
    runtime = start()

    def first() -> bool:
        own = runtime_for(settings(), testing=False)
        return own.folders.first_in_interval("slow", 3600)

    children = [Child(first) for _ in range(4)]
    told = [child.told for child in children]
    for child in children:
        child.kill()
    assert sorted(told) == [False] * 3 + [True]
    assert not runtime.folders.first_in_interval("slow", 3600)
    assert runtime.folders.first_in_interval("other", 3600)
    assert runtime.folders.first_in_interval("slow", 0.001)
    assert len(list(folder.glob("slow-*.once"))) == 1


def test_a_tested_app_drains_inline(settings: Callable[..., Settings], folder: Path) -> None:
    """In a folder that is gone in the end, without a thread."""
    threads = threading.active_count()
    runtime = runtime_for(settings(), testing=True)
    data = runtime.folders.data
    record(runtime, 1)
    runtime.stand_in()
    assert stored(runtime) == {1}
    assert threading.active_count() == threads
    runtime.close()
    assert not data.exists()
    assert not folder.exists()


def test_the_elected_process_keeps_the_store_small(start: Open) -> None:
    """At its start, and then again and again: old rows go, their counts become one."""
    runtime = start(background="external")
    for number in range(3):
        record(runtime, number, at=NOW)
        assert runtime.flush(SECONDS)
    assert len(stored(runtime)) == 3
    runtime.work()
    wait_for(lambda: stored(runtime) == set())
    day = floor(NOW, DAY)
    window = read_window(runtime.database, "fraud", "2", day, day + DAY)
    assert window.n == 3
    assert add_rollups(runtime.database, BINNING).n == 3


def test_a_web_worker_leaves_the_store_to_the_worker(start: Open) -> None:
    """With `external`, whatever is due."""
    runtime = start(background="external")
    record(runtime, 0, at=NOW)
    assert runtime.flush(SECONDS)
    time.sleep(4 * POLL_SECONDS)
    assert stored(runtime) == {0}
