"""A model that fails again and again is not asked each time."""

import logging
import math
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from flask import abort, redirect

from flask_mlmonitor import Baseline, MLMonitor, signals
from flask_mlmonitor.counters.cells import Owner
from flask_mlmonitor.request.breaker import Breaker

if TYPE_CHECKING:
    from tests.conftest import MakeService, Serve, Service

FRAUD = Owner("fraud", "2")
OPENED = {"predictions fallback": 5, "errors model_error": 5, "fallbacks error": 5, "timed": 5}
OPEN = {"circuit open": 1}


class Broken(Exception):
    """What a model raises."""


class Model:
    """A view whose next answers can be set.

    :ivar asked: how often it was.
    """

    def __init__(self, answer: Callable[[], Any]) -> None:
        self.answer = answer
        self.asked = 0

    def predict(self) -> Any:
        """Answer a request."""
        self.asked += 1
        return self.answer()


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def fine() -> Any:
    return {"prediction": 1}


def broken() -> Any:
    raise Broken


def rules() -> Any:
    return {"prediction": 7}


def breaker_of(service: "Service", owner: Owner = FRAUD) -> Breaker:
    """Return the breaker of a model that was asked before."""
    return service.state.built(owner, Breaker)


def opened(service: "Service", times: int = 5) -> Clock:
    """Let the model fail until its circuit is open; return the clock that it follows from now."""
    clock = Clock()
    service.client.get("/")
    breaker_of(service).clock = clock
    for _ in range(times):
        assert service.post().get_json() == {"prediction": 7}
    assert breaker_of(service).admit() == 0
    return clock


@pytest.fixture
def model() -> Model:
    """A model that fails."""
    return Model(broken)


@pytest.fixture
def fraud(serve: "Serve", model: Model) -> "Service":
    """It, with a fallback, as people serve it."""
    return serve(model.predict, fallback=rules)


def test_five_failures_in_a_row_open_it(fraud: "Service", model: Model) -> None:
    """From then on the fallback answers at once; each of these requests is one failure too."""
    opened(fraud)
    response = fraud.post()

    assert (response.get_json(), model.asked) == ({"prediction": 7}, 5)
    assert response.headers["X-Prediction-Source"] == "fallback"
    assert [row.status for row in fraud.rows()] == ["fallback"] * 6
    assert fraud.tally() == {
        "predictions fallback": 6,
        "errors model_error": 6,
        "fallbacks error": 5,
        "fallbacks circuit_open": 1,
        "timed": 6,
        **OPEN,
    }


FAILURES: dict[str, tuple[Callable[[], Any], str]] = {
    "raise": (broken, "model_error"),
    "abort-503": (lambda: abort(503), "model_error"),
    "returned-500": (lambda: ({}, 500), "unknown_error"),
    "not-sendable": (lambda: {"prediction": 1j}, "model_error"),
    "nan": (lambda: {"prediction": math.nan}, "nan_prediction"),
}


@pytest.mark.parametrize(("answer", "error"), FAILURES.values(), ids=FAILURES)
def test_what_is_a_failure(
    fraud: "Service", model: Model, answer: Callable[[], Any], error: str
) -> None:
    """While the circuit is open, a request counts as what its last failure was."""
    model.answer = answer
    opened(fraud)
    fraud.post()

    assert model.asked == 5
    assert fraud.tally()[f"errors {error}"] == 6
    assert fraud.tally()["fallbacks circuit_open"] == 1


NO_FAILURES: dict[str, Callable[[], Any]] = {
    "abort-400": lambda: abort(400),
    "returned-422": lambda: ({}, 422),
    "abort-404": lambda: abort(404),
    "too-many": lambda: ({}, 429),
    "redirect": lambda: redirect("/"),
}


@pytest.mark.parametrize("answer", NO_FAILURES.values(), ids=NO_FAILURES)
def test_what_is_the_callers_is_no_failure(
    fraud: "Service", model: Model, answer: Callable[[], Any]
) -> None:
    """Nor does it stand between two failures: it says nothing of the model."""
    for kind in [answer] * 6 + [broken, broken, answer, broken, broken, answer]:
        model.answer = kind
        fraud.post()
    assert model.asked == 12

    model.answer = broken
    for _ in range(2):
        fraud.post()
    assert model.asked == 13
    assert fraud.tally()["circuit open"] == 1


def test_a_success_ends_a_row_of_failures(fraud: "Service", model: Model) -> None:
    """Four failures, a success, four failures: nothing opens."""
    for answer in ([broken] * 4 + [fine]) * 3:
        model.answer = answer
        fraud.post()

    assert model.asked == 15
    assert "circuit open" not in fraud.tally()


def test_poor_input_is_neither(serve: "Serve", baseline: Baseline, customer: Any) -> None:
    """The view was not asked; that the fallback answered says nothing of it."""
    model = Model(broken)
    service = serve(model.predict, baseline=baseline, fallback=rules, on_invalid="fallback")
    for payload in [customer] * 4 + [customer | {"age": None}] * 3 + [customer] * 2:
        service.post(payload)

    assert model.asked == 5
    assert service.tally()["fallbacks invalid_input"] == 3
    assert service.tally()["fallbacks circuit_open"] == 1


def test_a_trial_that_succeeds_closes_it(fraud: "Service", model: Model) -> None:
    """30 s later one call is tried; from then on the model answers."""
    clock = opened(fraud)
    model.answer = fine
    clock.seconds += 29.9
    assert fraud.post().get_json() == {"prediction": 7}
    clock.seconds += 0.1

    assert [fraud.post().get_json() for _ in range(2)] == [{"prediction": 1}] * 2
    assert model.asked == 7
    assert "circuit open" not in fraud.tally()


def test_a_trial_that_fails_opens_it_again(fraud: "Service", model: Model) -> None:
    """For as long as before; one failure is enough."""
    clock = opened(fraud)
    for asked in (6, 7, 8):
        clock.seconds += 30
        fraud.post()
        clock.seconds += 29
        fraud.post()
        assert model.asked == asked
    tally = fraud.tally()

    assert (tally["fallbacks error"], tally["fallbacks circuit_open"]) == (8, 3)
    assert tally["circuit open"] == 1


def test_a_trial_that_says_nothing_leaves_it_to_the_next(fraud: "Service", model: Model) -> None:
    """A 400 in between does not cost another 30 s."""
    clock = opened(fraud)
    clock.seconds += 30
    model.answer = lambda: abort(400)
    assert fraud.post().status_code == 400
    model.answer = fine

    assert fraud.post().get_json() == {"prediction": 1}
    assert "circuit open" not in fraud.tally()


def test_a_trial_that_ends_its_process_leaves_it_to_the_next(
    fraud: "Service", model: Model
) -> None:
    """What is no `Exception` says nothing of the model either."""

    def stop() -> Any:
        raise SystemExit

    clock = opened(fraud)
    clock.seconds += 30
    model.answer = stop
    with pytest.raises(SystemExit):
        fraud.post()
    model.answer = fine

    assert fraud.post().get_json() == {"prediction": 1}


def test_one_call_is_tried_while_others_are_answered(fraud: "Service", model: Model) -> None:
    """Eight threads at once: one asks the model, seven do not wait for it."""
    clock = opened(fraud)
    clock.seconds += 30
    tried, answered = threading.Event(), threading.Event()

    def slow() -> Any:
        tried.set()
        assert answered.wait(10)
        return {"prediction": 1}

    model.answer = slow
    trial: list[Any] = []

    def ask(client: Any) -> None:
        trial.append(client.post("/predict", json={"age": 41}).get_json())

    thread = threading.Thread(target=ask, args=(fraud.app.test_client(),))
    thread.start()
    assert tried.wait(10)
    others = [fraud.post().get_json() for _ in range(7)]
    answered.set()
    thread.join()

    assert (others, trial) == ([{"prediction": 7}] * 7, [{"prediction": 1}])
    assert model.asked == 6
    assert fraud.tally() == {
        **OPENED,
        "predictions fallback": 12,
        "predictions success": 1,
        "errors model_error": 12,
        "fallbacks circuit_open": 7,
        "timed": 13,
    }


def test_a_trial_that_never_ends_is_not_the_last(fraud: "Service") -> None:
    """Another one begins when its turn is over, and the first one's end means nothing any more."""
    clock = opened(fraud)
    breaker = breaker_of(fraud)
    clock.seconds += 30
    first = breaker.admit()
    assert breaker.admit() == 0
    clock.seconds += 30
    second = breaker.admit()
    assert 0 < first < second
    breaker.failed(first, "timeout")
    breaker.succeeded(second)

    assert breaker.admit() > second
    assert "circuit open" not in fraud.tally()


def test_calls_that_began_before_it_opened_do_not_count(fraud: "Service") -> None:
    """The late success of one neither closes the circuit nor ends a trial."""
    fraud.client.get("/")
    early = breaker_of(fraud).admit()
    clock = opened(fraud)
    breaker = breaker_of(fraud)
    breaker.succeeded(early)
    assert breaker.admit() == 0
    clock.seconds += 30
    trial = breaker.admit()
    breaker.failed(early, "model_error")
    breaker.succeeded(trial)

    assert breaker.admit() > 0


def test_a_fallback_that_fails_while_it_is_open(serve: "Serve", model: Model) -> None:
    """Nobody else can answer: what the fallback raises goes to the caller."""
    secondary = Model(rules)
    service = serve(model.predict, fallback=lambda: secondary.predict())
    opened(service)
    secondary.answer = broken
    with pytest.raises(Broken):
        service.post()

    assert model.asked == 5
    assert service.tally() == {
        **OPENED,
        "predictions error": 1,
        "errors model_error": 6,
        "timed": 6,
        **OPEN,
    }
    assert service.rows()[-1].status == "error"


def test_a_body_that_the_fallback_cannot_read(serve: "Serve", model: Model) -> None:
    """An object that predicts rows has nothing to predict: the view is asked, and says so."""

    class Rules:
        def predict(self, rows: Any) -> Any:
            return [7] * len(rows)

    service = serve(model.predict, fallback=Rules())
    opened(service)
    model.answer = lambda: abort(400)

    assert service.post(json=None, data=b"{", content_type="application/json").status_code == 400
    assert service.post().get_json() == {"prediction": 7}
    assert model.asked == 6


def test_without_a_fallback_there_is_no_breaker(serve: "Serve", model: Model) -> None:
    """The model is asked each time, and no gauge stands for what is not there."""
    service = serve(model.predict, config={"PROPAGATE_EXCEPTIONS": False})
    for _ in range(7):
        assert service.post().status_code == 500

    assert model.asked == 7
    assert service.samples("ml_circuit_open") == {}


def test_with_fallback_alone(serve: "Serve", model: Model) -> None:
    """It has the breaker too."""
    service = serve(model.predict, rules, by="with_fallback")
    opened(service)
    service.post()

    assert model.asked == 5
    assert service.tally() == {"fallbacks error": 5, "fallbacks circuit_open": 1, **OPEN}


def test_below_other_concerns(service: "Service", model: Model) -> None:
    """Those above it know what answered and why; nothing is counted twice."""
    monitor = service.monitor
    view: Any = monitor.with_fallback("fraud", rules, version="2")(model.predict)
    view = monitor.timed("fraud", version="2")(monitor.recorded("fraud", version="2")(view))
    service.app.post("/predict", endpoint="predict")(view)
    assert service.samples("ml_circuit_open") == {}
    service.client.get("/")
    assert service.samples("ml_circuit_open") == {tuple(FRAUD): 0}
    opened(service)
    service.post()

    assert service.tally() == {
        **OPENED,
        "predictions fallback": 6,
        "errors model_error": 6,
        "fallbacks circuit_open": 1,
        "timed": 6,
        **OPEN,
    }
    assert [row.status for row in service.rows()] == ["fallback"] * 6


def test_configured_for_one_model(serve: "Serve", model: Model) -> None:
    """`MLMONITOR_MODELS` overrides how many failures, and how long it waits."""
    config = {
        "MLMONITOR_BREAKER_FAILURES": 9,
        "MLMONITOR_MODELS": {"fraud": {"BREAKER_FAILURES": 2, "BREAKER_RESET": "1m"}},
    }
    service = serve(model.predict, fallback=rules, config=config)
    clock = opened(service, times=2)
    clock.seconds += 59
    service.post()
    assert model.asked == 2
    clock.seconds += 1
    service.post()
    assert model.asked == 3


def test_routes_of_a_model_share_it_and_models_do_not(service: "Service", model: Model) -> None:
    """Two routes of one version ask the same model; another version is another one."""
    for path, version in [("/predict", "2"), ("/batch", "2"), ("/next", "3")]:
        decorator = service.monitor.prediction("fraud", version=version, fallback=rules)
        service.app.post(path, endpoint=path)(decorator(model.predict))
    opened(service)
    service.client.post("/batch", json={"age": 41})
    assert model.asked == 5
    service.client.post("/next", json={"age": 41})

    assert model.asked == 6
    assert service.samples("ml_circuit_open") == {("fraud", "2"): 1, ("fraud", "3"): 0}


def test_apps_do_not_share_it(make_service: "MakeService", model: Model) -> None:
    """What is dead in one may live in the other: their configuration differs."""
    monitor = MLMonitor()
    view = monitor.prediction("fraud", version="2", fallback=rules)(model.predict)
    services = [make_service(name, monitor=monitor) for name in ("one", "two")]
    for service in services:
        service.app.post("/predict", endpoint="predict")(view)
    opened(services[0])
    services[1].post()

    assert model.asked == 6
    assert [service.samples("ml_circuit_open")[tuple(FRAUD)] for service in services] == [1, 0]


def test_it_tells_once_each(
    fraud: "Service", model: Model, caplog: pytest.LogCaptureFixture
) -> None:
    """One line when it opened and one when it closed, whatever trials failed in between."""
    clock = opened(fraud)
    for _ in range(3):
        clock.seconds += 30
        fraud.post()
        fraud.post()
    model.answer = fine
    clock.seconds += 30
    fraud.post()
    fraud.post()
    told = [r for r in caplog.records if "circuit" in r.getMessage()]

    assert [record.levelno for record in told] == [logging.WARNING] * 2
    assert "fraud 2 opened after 5 failures in a row, the last one a model_error" in (
        told[0].getMessage()
    )
    assert "fraud 2 closed" in told[1].getMessage()


def test_a_listener_hears_why(fraud: "Service") -> None:
    """`fallback_used` has the reason `circuit_open`."""
    heard: list[str] = []

    def listen(sender: object, reason: str, **_: Any) -> None:
        heard.append(reason)

    opened(fraud)
    with signals.fallback_used.connected_to(listen, sender=fraud.app):
        fraud.post()

    assert heard == ["circuit_open"]


def test_a_broken_breaker_asks_the_model(
    fraud: "Service", model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault of ours is counted, and every request goes to the view."""
    model.answer = fine
    fraud.client.get("/")

    def fail(*_: Any) -> Any:
        raise OSError("a fault")

    for name in ("admit", "succeeded"):
        monkeypatch.setattr(breaker_of(fraud), name, fail)

    assert fraud.post().get_json() == {"prediction": 1}
    assert fraud.tally() == {"predictions success": 1, "timed": 1, "faults request": 1}


def test_eight_threads_open_it_once(
    fraud: "Service", model: Model, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever runs at once, each request is counted once, and the circuit opens once."""
    barrier = threading.Barrier(8)

    def work() -> None:
        client = fraud.app.test_client()
        barrier.wait(10)
        for _ in range(20):
            client.post("/predict", json={"age": 41})

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    tally = fraud.tally()

    assert 5 <= model.asked <= 5 + 7
    assert tally == {
        "predictions fallback": 160,
        "errors model_error": 160,
        "fallbacks error": model.asked,
        "fallbacks circuit_open": 160 - model.asked,
        "timed": 160,
        **OPEN,
    }
    assert len([r for r in caplog.records if "circuit" in r.getMessage()]) == 1
