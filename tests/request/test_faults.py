"""Each part of the monitor made to fail in turn: the client's answer is the same, the fault shows.

A fault is counted each time and logged once; what does not depend on the broken part still works.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import pytest
from flask import request

from flask_mlmonitor import Baseline, signals
from flask_mlmonitor.request.route import Route, route_of
from tests.request.asking import SUCCESS, Bug, ask, bug, errors, predict

if TYPE_CHECKING:
    from tests.conftest import Serve, Service


def route(service: "Service") -> Route:
    """Return the only route of a service."""
    (declaration,) = service.state.declarations()
    return route_of(service.state, declaration)


BUGS: dict[str, tuple[str, str, str, Mapping[str, float], int]] = {
    "payload": ("order", "fields", "validation", SUCCESS, 3),
    "validation": ("validator", "failures", "validation", SUCCESS, 3),
    "rows": ("", "rows", "journal", SUCCESS, 0),
    "journal": ("journal", "append", "journal", SUCCESS, 0),
    "begin": ("counters", "begun", "counters", SUCCESS, 3),
    "counters": ("counters", "finished", "counters", {"in progress": 3}, 3),
    "drain": ("runtime", "stand_in", "drain", SUCCESS, 3),
    "warning": ("", "warn", "request", SUCCESS, 3),
}


@pytest.mark.parametrize(("part", "method", "where", "counted", "stored"), BUGS.values(), ids=BUGS)
def test_a_bug_in_a_part(
    serve: "Serve",
    baseline: Baseline,
    customer: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    part: str,
    method: str,
    where: str,
    counted: Mapping[str, float],
    stored: int,
) -> None:
    """Whatever it is: the answer is there, and the other parts do their work."""
    service = serve(
        predict,
        baseline=baseline,
        on_invalid="reject",
        config={"MLMONITOR_LATENCY_WARNING": 1e-9},
    )
    broken = getattr(route(service), part) if part else route(service)
    with monkeypatch.context() as patch:
        patch.setattr(broken, method, bug)
        ids = ask(service, customer)

    assert len(ids) == stored  # who holds an id finds its prediction in the store
    tally = service.tally()
    assert tally.pop(f"faults {where}") == 3
    if method == "begun":
        assert tally.pop("in progress") == -3  # what was not counted in is counted out
    assert tally == counted
    assert len(service.rows()) == stored
    (message,) = errors(caplog)
    assert f"({where})" in message


def test_payload_that_raises_when_it_is_read(
    serve: "Serve", baseline: Baseline, caplog: pytest.LogCaptureFixture
) -> None:
    """A row of the app's own type may raise anything: no policy acts on what was not read."""

    class Lazy(dict[str, Any]):
        def __getitem__(self, name: str) -> Any:
            raise Bug(name)

    rows = Lazy(age=41, income=1, plan="paid", member=True)
    service = serve(predict, baseline=baseline, features=lambda asked: rows, on_invalid="reject")
    ask(service)

    assert service.tally() == {**SUCCESS, "faults validation": 3}
    assert [row.prediction for row in service.rows()] == [1] * 3
    assert len(errors(caplog)) == 1


@pytest.mark.parametrize(
    ("options", "where"),
    [({"features": bug}, "validation"), ({"output": bug}, "outcome")],
    ids=["features", "output"],
)
def test_a_callable_of_the_app_that_raises(
    serve: "Serve",
    caplog: pytest.LogCaptureFixture,
    options: dict[str, Any],
    where: str,
) -> None:
    """What `features=` or `output=` raises is a fault of the monitoring, not of the prediction."""
    service = serve(predict, **options)
    ids = ask(service)

    assert service.tally() == {**SUCCESS, f"faults {where}": 3}
    assert [row.id for row in service.rows()] == ids
    assert len(errors(caplog)) == 1


def test_a_value_whose_every_method_raises(serve: "Serve", baseline: Baseline) -> None:
    """It is stored by its type's name: journal and store are not harmed."""

    class Rude:
        __eq__ = __repr__ = __str__ = __float__ = __iter__ = __len__ = __bool__ = bug

        def __hash__(self) -> int:
            raise Bug

        def __getattr__(self, name: str) -> Any:
            raise Bug

    service = serve(
        predict,
        baseline=baseline,
        features=lambda asked: {"age": Rude(), "plan": Rude()},
        output=lambda answer: Rude(),
    )
    ask(service)

    assert len(service.rows()) == 3
    assert all("Rude" in row.features["age"] for row in service.rows())
    assert "faults journal" not in service.tally()


@pytest.mark.parametrize("version", [bug, lambda: ["unhashable"]], ids=["raises", "list"])
def test_a_version_that_cannot_be_told(
    service: "Service", caplog: pytest.LogCaptureFixture, version: Callable[[], Any]
) -> None:
    """The request counts as `__other__`, like every version that nobody declared."""
    decorator = service.monitor.prediction("untold", version=version, versions=("1", "2"))
    service.app.post("/predict")(decorator(predict))
    ask(service)

    assert service.tally() == {**SUCCESS, "faults request": 3}
    assert {row.version for row in service.rows()} == {"__other__"}
    assert len(errors(caplog)) == 1


def test_a_version_that_fails_in_many_ways_is_not_logged_each_time(
    service: "Service", caplog: pytest.LogCaptureFixture
) -> None:
    """What a caller sends must not fill the log, nor a set that is never emptied."""

    def version() -> str:
        raise LookupError(request.headers["X-Version"])

    decorator = service.monitor.prediction("flooded", version=version, versions=("1", "2"))
    service.app.post("/predict")(decorator(predict))
    for number in range(300):
        service.post(headers={"X-Version": str(number)})

    assert len(errors(caplog)) <= 100


def test_faults_of_many_texts_are_not_logged_without_end(
    serve: "Serve", caplog: pytest.LogCaptureFixture
) -> None:
    """They are counted without end."""

    def features(asked: Any) -> Any:
        raise Bug(asked.get_json()["number"])

    service = serve(lambda: {"prediction": 1}, features=features)
    for number in range(300):
        service.post({"number": number})

    assert service.tally()["faults validation"] == 300
    assert len(errors(caplog)) == 100


@pytest.mark.parametrize("name", ["prediction_recorded", "fallback_used"])
def test_a_receiver_that_raises(
    serve: "Serve", caplog: pytest.LogCaptureFixture, name: str
) -> None:
    """A listener's exception never reaches a request."""
    service = serve(bug, fallback=predict)
    with getattr(signals, name).connected_to(bug, sender=service.app):
        ids = ask(service)

    assert service.tally() == {
        "predictions fallback": 3,
        "errors model_error": 3,
        "fallbacks error": 3,
        "timed": 3,
        "faults signal": 3,
    }
    assert [row.id for row in service.rows()] == ids
    assert len(errors(caplog)) == 1


def test_a_receiver_of_ground_truth_that_raises(
    serve: "Serve", caplog: pytest.LogCaptureFixture
) -> None:
    """The truth is stored: its sender must not be told to send it again."""
    service = serve(predict)
    key = ask(service)[0]
    truth = {"prediction_id": key, "value": 1}
    with signals.ground_truth_recorded.connected_to(bug, sender=service.app):
        response = service.client.post("/mlmonitor/ground-truth", json=truth)

    assert (response.status_code, response.get_json()["accepted"]) == (200, 1)
    assert service.tally()["faults signal"] == 1
    assert len(errors(caplog)) == 1
