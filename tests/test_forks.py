"""What a fork calls in the child: once for each object that lives, whatever came before."""

import gc
import os

from flask import Flask

from flask_mlmonitor import MLMonitor, forks
from flask_mlmonitor.forks import renew_after_fork
from tests.processes import run_in_child

APPS = 50


class Renewed:
    """Notes that it was called.

    :param fails: then raises.
    """

    def __init__(self, *, fails: bool = False) -> None:
        self.calls = 0
        self._fails = fails
        renew_after_fork(self.renew)

    def renew(self) -> None:
        """Note the call."""
        self.calls += 1
        if self._fails:
            raise OSError("no such descriptor")


def test_each_is_called_once_in_the_child_alone() -> None:
    """One that fails is not in the way of the others, nor of the fork."""
    renewed = [Renewed(fails=number % 2 == 0) for number in range(4)]

    def work() -> None:
        assert [one.calls for one in renewed] == [1] * 4

    assert run_in_child(work) == 0
    assert [one.calls for one in renewed] == [0] * 4


def test_apps_that_are_gone_leave_nothing_behind() -> None:
    """Test suites make an app for each test: neither forks nor descriptors pile up."""
    before = left_over()
    apps = []
    for number in range(APPS):
        app = Flask(f"shop{number}")
        app.config["TESTING"] = True
        monitor = MLMonitor(app)
        app.post("/predict")(monitor.prediction("fraud")(lambda: {"prediction": 1}))
        assert app.test_client().post("/predict", json={"age": 41}).status_code == 200
        apps.append(app)
    assert left_over()[0] >= before[0] + APPS

    del app, apps, monitor
    assert left_over() == before


def left_over() -> tuple[int, int]:
    """Return how much a fork would call, and how many descriptors are open."""
    for _ in range(3):  # what the finalizers of one pass let go, the next one takes
        gc.collect()
    return len(forks._renewals), len(os.listdir("/dev/fd"))
