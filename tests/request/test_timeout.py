"""A view with a time limit: what the caller gets, what becomes of the call, what is counted."""

import math
import threading
import time
import traceback
from typing import TYPE_CHECKING, Any

import pytest
from werkzeug.exceptions import GatewayTimeout

from flask_mlmonitor import ConfigError, MLMonitor, signals

if TYPE_CHECKING:
    from tests.conftest import Serve, Service
    from tests.request.conftest import Hanging

SHORT = 0.02
LONG = 20.0
TIMED_OUT = {"predictions error": 1, "errors timeout": 1, "timed": 1}
RUNS_ON = {"abandoned": 1, "abandoned in progress": 1}
FELL_BACK = {"predictions fallback": 1, "errors timeout": 1, "fallbacks timeout": 1, "timed": 1}


class Broken(Exception):
    """What a model raises."""


def rules() -> Any:
    return {"prediction": 7}


def fail() -> Any:
    raise Broken


@pytest.mark.parametrize(
    "value", [0, -1, -0.5, math.nan, math.inf, 10**400, True, "5", None.__class__, [1], 1j]
)
def test_a_wrong_limit(value: Any) -> None:
    """It is refused at once, with key, value and remedy."""
    with pytest.raises(ConfigError, match=r"timeout = .*give seconds above 0, or None"):
        MLMonitor().prediction("fraud", timeout=value)
    with pytest.raises(ConfigError, match=r"timeout = .*give seconds above 0, or None"):
        MLMonitor().with_fallback("fraud", rules, timeout=value)


def test_without_a_limit_there_is_no_thread(serve: "Serve") -> None:
    """The view runs in the thread of its request."""
    service = serve(lambda: {"prediction": threading.get_ident()})

    assert service.post().get_json() == {"prediction": threading.get_ident()}
    assert service.samples("ml_abandoned_calls_total") == {}


def test_in_time(serve: "Serve") -> None:
    """All is as without a limit, but for the thread; it serves the next request too."""
    service = serve(lambda: {"prediction": threading.get_ident()}, timeout=LONG)
    idents = {service.post().get_json()["prediction"] for _ in range(5)}

    assert len(idents) == 1
    assert idents != {threading.get_ident()}
    assert service.tally() == {"predictions success": 5, "timed": 5}
    assert service.samples("ml_abandoned_calls_total") == {("fraud", "2"): 0}
    assert service.samples("ml_abandoned_calls_in_progress") == {("fraud", "2"): 0}


def test_too_late_without_a_fallback(serve: "Serve", hanging: "Hanging") -> None:
    """A 504 problem document, one error; the call runs on, and its result is dropped."""
    service = serve(hanging.predict, timeout=SHORT)
    response = service.post()

    assert response.status_code == 504
    assert response.content_type == "application/problem+json"
    assert response.get_json() == {
        "type": "prediction-timeout",
        "title": "No prediction in time",
        "status": 504,
        "detail": "The model did not answer in time.",
    }
    assert service.tally() == {**TIMED_OUT, **RUNS_ON}
    row = service.row()
    assert response.headers["X-Prediction-ID"] == row.id
    assert (row.status, row.prediction) == ("error", None)
    assert SHORT <= (row.latency or 0) < LONG / 2

    hanging.released.set()
    service.wait_for(lambda: "abandoned in progress" not in service.tally())
    assert hanging.ended == 1
    assert service.tally() == {**TIMED_OUT, "abandoned": 1}
    assert len(service.rows()) == 1


def test_too_late_with_a_fallback(serve: "Serve", hanging: "Hanging") -> None:
    """It answers, and is told why; it may take longer than the limit."""
    heard: list[str] = []

    def listen(sender: object, reason: str, **_: Any) -> None:
        heard.append(reason)

    def slow_rules() -> Any:
        time.sleep(3 * SHORT)
        return {"prediction": 7}

    service = serve(hanging.predict, timeout=SHORT, fallback=slow_rules)
    with signals.fallback_used.connected_to(listen, sender=service.app):
        response = service.post()

    assert (response.status_code, response.get_json()) == (200, {"prediction": 7})
    assert response.headers["X-Prediction-Source"] == "fallback"
    assert heard == ["timeout"]
    assert service.tally() == {**FELL_BACK, **RUNS_ON}
    assert (service.row().latency or 0) > 4 * SHORT


def test_a_fallback_that_fails_too(serve: "Serve", hanging: "Hanging") -> None:
    """The caller gets the first failure: the 504."""
    service = serve(hanging.predict, timeout=SHORT, fallback=fail)

    assert service.post().status_code == 504
    assert service.tally() == {**TIMED_OUT, **RUNS_ON}


def test_the_handlers_of_the_app_shape_the_answer(serve: "Serve", hanging: "Hanging") -> None:
    """It is a `GatewayTimeout` as Werkzeug has it."""
    service = serve(hanging.predict, timeout=SHORT)

    @service.app.errorhandler(GatewayTimeout)
    def on_timeout(error: GatewayTimeout) -> Any:
        return {"sorry": error.code}, 503

    response = service.post()
    assert (response.status_code, response.get_json()) == (503, {"sorry": 504})


def test_five_timeouts_open_the_circuit(serve: "Serve", hanging: "Hanging") -> None:
    """Then the pool is left alone."""
    service = serve(hanging.predict, timeout=SHORT, fallback=rules)
    for _ in range(7):
        assert service.post().get_json() == {"prediction": 7}

    assert service.tally() == {
        "predictions fallback": 7,
        "errors timeout": 7,
        "fallbacks timeout": 5,
        "fallbacks circuit_open": 2,
        "timed": 7,
        "circuit open": 1,
        "abandoned": 5,
        "abandoned in progress": 5,
    }


def test_what_a_view_raises_leaves_untouched(serve: "Serve") -> None:
    """Through the pool too: the same object, the same cause, the view's own frame."""
    cause = ValueError("why")
    raised = Broken("the model broke")

    def predict() -> Any:
        secret = 42
        if secret:
            raise raised from cause

    service = serve(predict, timeout=LONG)
    with pytest.raises(Broken) as caught:
        service.post()

    assert caught.value is raised
    assert (raised.__cause__, raised.__context__) == (cause, None)
    assert not getattr(raised, "__notes__", None)
    *_, (innermost, _) = traceback.walk_tb(raised.__traceback__)
    assert innermost.f_locals["secret"] == 42
    assert service.tally() == {"predictions error": 1, "errors model_error": 1, "timed": 1}


def test_a_view_that_itself_waited_too_long_for_something(serve: "Serve") -> None:
    """Its `TimeoutError` is its own: a `model_error`, not our limit."""

    def predict() -> Any:
        raise TimeoutError("the feature store")

    service = serve(predict, timeout=LONG)
    with pytest.raises(TimeoutError, match="feature store"):
        service.post()

    assert service.tally() == {"predictions error": 1, "errors model_error": 1, "timed": 1}


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit])
def test_the_end_of_a_process_is_no_prediction(serve: "Serve", stop: type[BaseException]) -> None:
    """It ends the request's thread, as if the view had run there; the pool lives on."""
    ends = iter([stop])

    def predict() -> Any:
        for kind in ends:
            raise kind
        return {"prediction": 1}

    service = serve(predict, timeout=LONG)
    with pytest.raises(stop):
        service.post()
    assert service.tally() == {}
    assert service.post().status_code == 200


def test_what_an_abandoned_call_raises_is_logged(
    serve: "Serve", caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody else would see it; it reaches no caller and counts as nothing more."""
    released = threading.Event()

    def predict() -> Any:
        released.wait(30)
        raise Broken("late")

    service = serve(predict, timeout=SHORT, config={"MLMONITOR_EVALUATION_INTERVAL": "1000d"})
    assert [service.post().status_code for _ in range(3)] == [504] * 3
    released.set()
    service.wait_for(lambda: "abandoned in progress" not in service.tally())
    service.wait_for(lambda: caplog.records)

    (record,) = caplog.records
    assert record.exc_info is not None
    assert record.exc_info[0] is Broken
    assert record.getMessage() == "fraud 2 failed; nobody waited for it any more."
    assert service.tally()["abandoned"] == service.tally()["errors timeout"] == 3


def test_with_fallback_alone(serve: "Serve", hanging: "Hanging") -> None:
    """It has the limit too."""
    service = serve(hanging.predict, rules, by="with_fallback", timeout=SHORT)

    assert service.post().get_json() == {"prediction": 7}
    assert service.tally() == {"fallbacks timeout": 1, **RUNS_ON}


@pytest.mark.parametrize("answers", [True, False])
def test_below_other_concerns(service: "Service", hanging: "Hanging", answers: bool) -> None:
    """Whoever counts above it counts a timeout, once, whether or not a fallback answered."""
    monitor = service.monitor
    secondary = rules if answers else fail
    view: Any = monitor.with_fallback("fraud", secondary, version="2", timeout=SHORT)(
        hanging.predict
    )
    view = monitor.timed("fraud", version="2")(monitor.recorded("fraud", version="2")(view))
    service.app.post("/predict", endpoint="predict")(view)

    assert service.post().status_code == (200 if answers else 504)
    assert service.tally() == {**(FELL_BACK if answers else TIMED_OUT), **RUNS_ON}
    assert service.row().status == ("fallback" if answers else "error")


def test_nan_below_other_concerns(service: "Service") -> None:
    """Likewise what the concern below refused to serve."""
    monitor = service.monitor
    view: Any = monitor.with_fallback("fraud", fail, version="2")(lambda: {"prediction": math.nan})
    service.app.post("/predict", endpoint="p")(monitor.timed("fraud", version="2")(view))

    assert service.post().status_code == 500
    assert service.tally() == {"predictions error": 1, "errors nan_prediction": 1, "timed": 1}


def test_a_limit_within_a_limit(service: "Service", hanging: "Hanging") -> None:
    """The outer one ends first, and the inner call ends as it likes; nothing is counted twice."""
    monitor = service.monitor
    view: Any = monitor.with_fallback("inner", rules, timeout=LONG)(hanging.predict)
    view = monitor.prediction("fraud", version="2", timeout=SHORT)(view)
    service.app.post("/predict", endpoint="predict")(view)

    assert service.post().status_code == 504
    assert service.tally() == {**TIMED_OUT, **RUNS_ON}
    hanging.released.set()
    service.wait_for(lambda: "abandoned in progress" not in service.tally())
    assert service.tally() == {**TIMED_OUT, "abandoned": 1}


def test_a_monitor_that_is_off(serve: "Serve") -> None:
    """Then views run as if they were not decorated."""
    service = serve(
        lambda: {"prediction": threading.get_ident()},
        timeout=SHORT,
        config={"MLMONITOR_ENABLED": False},
    )

    assert service.post().get_json() == {"prediction": threading.get_ident()}
