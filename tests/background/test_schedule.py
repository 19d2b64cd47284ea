"""When models are evaluated, and by whom: a real child process, an injected clock."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from msgspec.structs import replace

from flask_mlmonitor import Baseline
from flask_mlmonitor._parsers import windows
from flask_mlmonitor.background import child
from flask_mlmonitor.background.child import Job, evaluate_in_child
from flask_mlmonitor.background.schedule import LONGEST_WAIT, Schedule
from flask_mlmonitor.background.subjects import Subject
from flask_mlmonitor.exceptions import EvaluationFailed
from flask_mlmonitor.stats.verdicts.evaluation import Evaluation
from flask_mlmonitor.store.database import Database
from flask_mlmonitor.store.results import read_last_run, read_latest
from flask_mlmonitor.store.urls import open_store
from tests.limits import LIMITS

HOUR = 3600
START = int(time.time()) // HOUR * HOUR - HOUR
"""Of late: of longer ago there are no hours."""
BASELINE = Baseline.from_dataframe(pd.DataFrame({"x": np.arange(1000.0)}))
SUBJECT = Subject(
    model="fraud",
    version="2",
    windows=windows("1h,6h"),
    alarm_budget=1 / 30,
    limits=LIMITS,
    baseline=BASELINE,
)


class Host:
    """A host whose elected process follows a schedule.

    :ivar time: what its clock shows.
    :ivar waiting: whether it has predictions to store yet.
    :ivar finished: what it was told to be new.
    """

    def __init__(self, url: str, subjects: Sequence[Subject] = (SUBJECT,)) -> None:
        self.time = START + 60.0
        self.waiting = False
        self.finished: list[Evaluation] = []
        self.database = open_store(url)
        self.schedule = Schedule(
            "shop",
            self.database,
            url,
            lambda: subjects,
            waits=lambda _: self.waiting,
            on_finished=self.finished.extend,
            clock=lambda: self.time,
        )

    def turn(self) -> list[str]:
        """Take a turn; return the windows that were new."""
        self.finished.clear()
        self.schedule.turn()
        return [one.window for one in self.finished]


NewHost = Callable[..., Host]


@pytest.fixture
def new_host(store_url: str) -> Iterator[NewHost]:
    """Hosts that share a store."""
    hosts: list[Host] = []

    def make(*arguments: Any) -> Host:
        hosts.append(Host(store_url, *arguments))
        return hosts[-1]

    yield make
    for host in hosts:
        host.database.close()


def ends(database: Database) -> set[float]:
    """Return when the stored windows end."""
    return {one.end.timestamp() for one in read_latest(database)}


def test_once_on_each_boundary(new_host: NewHost) -> None:
    """Of the shortest window; what lies between is waited for."""
    host = new_host()

    assert host.turn() == ["1h", "6h"]
    assert ends(host.database) == {START}
    assert host.turn() == []
    host.time += HOUR - 60
    assert host.turn() == []
    host.time += 60
    assert host.turn() == ["1h", "6h"]
    run = read_last_run(host.database)
    assert run is not None
    assert run.end == START + HOUR
    assert run.seconds > 0


def test_a_process_that_starts_does_nothing_again(new_host: NewHost) -> None:
    """The store knows what was evaluated."""
    new_host().turn()

    assert new_host().turn() == []


def test_what_is_not_stored_yet_is_waited_for(new_host: NewHost) -> None:
    """For a while: a store that was down has much to catch up with."""
    host = new_host()
    host.waiting = True

    assert host.turn() == []
    host.time = START + LONGEST_WAIT + 10
    assert host.turn() == ["1h", "6h"]


def test_a_model_without_a_baseline_is_evaluated_too(new_host: NewHost) -> None:
    """Its ground truth says how well it does."""
    host = new_host([replace(SUBJECT, baseline=None)])

    assert host.turn() == ["1h", "6h"]


def test_hosts_share_the_work(new_host: NewHost) -> None:
    """Four at once: each window is evaluated once, and told once."""
    hosts = [new_host() for _ in range(4)]
    for host in hosts:
        host.database.prepare()
    threads = [threading.Thread(target=host.schedule.turn) for host in hosts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    told = [one.window for host in hosts for one in host.finished]
    assert sorted(told) == ["1h", "6h"]


def test_a_child_that_fails_is_an_error(new_host: NewHost, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its last words; the next turn tries again."""
    host = new_host()
    with monkeypatch.context() as patched:
        patched.setattr(child, "_CODE", "raise SystemExit('out of luck')")
        with pytest.raises(EvaluationFailed, match="out of luck"):
            host.turn()
    assert host.turn() == ["1h", "6h"]


def test_a_child_finds_what_its_parent_found(
    store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From whatever folder the server was started."""
    monkeypatch.chdir(tmp_path)
    database = open_store(store_url)
    database.prepare()
    database.close()

    (one, _) = evaluate_in_child(Job(store_url, START, (SUBJECT,))).evaluations
    assert (one.model, one.window, one.status) == ("fraud", "1h", "not_enough_data")


def test_a_child_leaves_the_cores_to_requests() -> None:
    """It has a low priority, and no library that it computes with uses more than one thread."""
    ask = (
        "import scipy.linalg, sklearn.metrics, threadpoolctl as found; "
        "print(os.nice(0), *{one['num_threads'] for one in found.threadpool_info()})"
    )
    code = child._CODE.replace("it.work()", ask)
    said = subprocess.check_output([sys.executable, "-c", code, *sys.path], text=True, timeout=100)
    assert said.split() == [str(os.nice(0) + child.NICE), "1"]


def test_a_child_that_cannot_start_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the server calls its interpreter."""
    monkeypatch.setattr("sys.executable", "/nowhere/python3")
    with pytest.raises(EvaluationFailed, match="nowhere"):
        evaluate_in_child(Job("sqlite:///x", START, ()))


def test_inside_of_uwsgi_the_interpreter_is_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """There ``sys.executable`` is uWSGI, which takes no ``-c``."""
    monkeypatch.setattr("sys.executable", "/usr/bin/uwsgi")
    with pytest.raises(EvaluationFailed, match="StoreUnavailable"):
        evaluate_in_child(Job("sqlite:////nowhere/at/all.sqlite3", START, (SUBJECT,)))
