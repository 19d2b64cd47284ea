"""Circuits and pools belong to a process: what its siblings and its children see of them."""

import threading
from typing import TYPE_CHECKING, Any

import pytest

from tests.processes import Child, run_in_child

if TYPE_CHECKING:
    from tests.conftest import Serve

# Python 3.12 warns of any fork in a process with threads: that such a fork goes well is the point.
pytestmark = pytest.mark.filterwarnings("ignore:This process.*fork:DeprecationWarning")


class Broken(Exception):
    """What a model raises."""


def rules() -> Any:
    return {"prediction": 7}


def test_any_process_says_it_for_its_host(serve: "Serve", production: dict[str, Any]) -> None:
    """The gauge is 1 while any of them has its circuit open, and goes with the last of them."""

    def view() -> Any:
        raise Broken

    service = serve(view, fallback=rules, config=production)

    def gauge() -> float:
        return service.samples("ml_circuit_open")["fraud", "2"]

    def fail(times: int) -> float:
        for _ in range(times):
            assert service.post().get_json() == {"prediction": 7}
        return gauge()

    assert fail(4) == 0
    with Child(lambda: fail(4)) as closed, Child(lambda: fail(5)) as first:
        assert (closed.told, first.told, gauge()) == (0, 1, 1)
        with Child(lambda: fail(7)) as second:
            assert (second.told, gauge()) == (1, 1)
        assert gauge() == 1
    assert gauge() == 0
    assert fail(1) == 1
    assert service.tally()["fallbacks circuit_open"] == 2


def test_what_runs_on_ends_with_its_process(serve: "Serve", production: dict[str, Any]) -> None:
    """The calls that a killed process had given up are not in progress any more."""
    service = serve(
        lambda: {"prediction": threading.Event().wait()}, timeout=0.01, config=production
    )
    service.client.get("/")

    def work() -> None:
        for _ in range(3):
            assert service.post().status_code == 504

    with Child(work):
        assert service.tally()["abandoned in progress"] == 3
    assert service.tally() == {
        "predictions error": 3,
        "errors timeout": 3,
        "timed": 3,
        "abandoned": 3,
    }


def test_a_child_has_a_pool_of_its_own(serve: "Serve", production: dict[str, Any]) -> None:
    """The threads of its parent are not in it: its first request makes new ones."""
    service = serve(lambda: {"prediction": threading.get_ident()}, timeout=20, config=production)
    service.post()

    def work() -> None:
        assert service.post().status_code == 200
        assert [t.name for t in threading.enumerate()].count("mlmonitor-view") == 1

    assert run_in_child(work) == 0
    assert service.post().status_code == 200
    assert service.tally() == {"predictions success": 3, "timed": 3}
