"""Each concern alone, and several around one view."""

import math
from typing import TYPE_CHECKING, Any

import pytest
from flask import abort

from flask_mlmonitor import Baseline, ConfigError, MLMonitor

if TYPE_CHECKING:
    from tests.conftest import Serve, Service

Tally = dict[str, float]
NOTHING: Tally = {}
OURS = {"X-Prediction-ID", "X-Prediction-Source"}


class Broken(Exception):
    """What a model raises."""


def predict() -> Any:
    return {"prediction": 1}


def broken() -> Any:
    raise Broken


def rules() -> Any:
    return {"prediction": 7}


TIMED: dict[str, tuple[Any, int, Tally]] = {
    "success": (predict, 200, {"predictions success": 1, "timed": 1}),
    "5xx": (
        lambda: ({}, 503),
        503,
        {"predictions error": 1, "errors unknown_error": 1, "timed": 1},
    ),
    "4xx": (
        lambda: abort(400),
        400,
        {"predictions invalid": 1, "errors validation_error": 1, "timed": 1},
    ),
    "not-found": (lambda: abort(404), 404, NOTHING),
    "nan": (
        lambda: {"prediction": math.nan},
        200,
        {"predictions error": 1, "errors nan_prediction": 1, "timed": 1},
    ),
}


@pytest.mark.parametrize(("view", "status", "tally"), TIMED.values(), ids=TIMED)
def test_timed_alone(serve: "Serve", view: Any, status: int, tally: Tally) -> None:
    """It counts and times, and does nothing else: NaN is counted, and served."""
    service = serve(view, by="timed")
    response = service.post()

    assert response.status_code == status
    assert not OURS & set(response.headers.keys())
    assert service.rows() == []
    assert service.tally() == tally


def test_validated_alone(serve: "Serve", baseline: Baseline, customer: dict[str, Any]) -> None:
    """It counts broken rules, and nothing else."""
    service = serve(predict, by="validated", baseline=baseline)
    response = service.post(customer | {"age": "41"})

    assert response.get_json() == {"prediction": 1}
    assert not OURS & set(response.headers.keys())
    assert service.rows() == []
    assert service.tally() == {"failures age type": 1}


def test_validated_alone_rejects(
    serve: "Serve", baseline: Baseline, customer: dict[str, Any]
) -> None:
    """With the same policies, and the same answer."""
    service = serve(broken, by="validated", baseline=baseline, on_invalid="reject", strict=True)
    response = service.post(customer | {"age": 99})

    assert response.status_code == 422
    assert response.get_json()["errors"] == [{"row": 0, "field": "age", "rule": "range"}]
    assert service.rows() == []
    assert service.tally() == {"failures age range": 1}


def test_validated_alone_has_no_fallback() -> None:
    """To ask for one is refused, with the remedy."""
    with pytest.raises(ConfigError, match=r"on_invalid = 'fallback': .*monitor\.prediction"):
        MLMonitor().validated("fraud", on_invalid="fallback")


def test_recorded_alone(serve: "Serve", baseline: Baseline, customer: dict[str, Any]) -> None:
    """It stores and returns the id, and counts nothing."""
    service = serve(predict, by="recorded", baseline=baseline)
    response = service.post(customer | {"age": None})

    assert response.headers["X-Prediction-ID"] == service.row().id
    assert "X-Prediction-Source" not in response.headers
    assert (service.row().prediction, service.row().status) == (1, "success")
    assert service.tally() == NOTHING


def test_recorded_alone_keeps_failures(serve: "Serve") -> None:
    """With their status, and the exception leaves."""
    service = serve(broken, by="recorded")
    with pytest.raises(Broken):
        service.post()

    assert service.row().status == "error"
    assert service.tally() == NOTHING


def test_with_fallback_alone(serve: "Serve") -> None:
    """It answers when the view fails, and counts that by its reason."""
    service = serve(broken, rules, by="with_fallback")
    response = service.post()

    assert response.get_json() == {"prediction": 7}
    assert response.headers["X-Prediction-Source"] == "fallback"
    assert "X-Prediction-ID" not in response.headers
    assert service.rows() == []
    assert service.tally() == {"fallbacks error": 1}


@pytest.mark.parametrize(("on_nan", "answer"), [("error", 7), ("flag", 7)])
def test_with_fallback_alone_answers_nan(serve: "Serve", on_nan: str, answer: int) -> None:
    """Whatever `on_nan`: that only says what happens when the fallback fails too."""
    service = serve(lambda: {"prediction": math.nan}, rules, by="with_fallback", on_nan=on_nan)

    assert service.post().get_json() == {"prediction": answer}
    assert service.tally() == {"fallbacks nan_prediction": 1}


def stacked(service: "Service", view: Any, baseline: Baseline) -> None:
    """Put all concerns around a view, one by one."""
    monitor = service.monitor
    view = monitor.with_fallback("fraud", rules, version="2")(view)
    view = monitor.recorded("fraud", version="2", baseline=baseline)(view)
    view = monitor.validated("fraud", version="2", baseline=baseline)(view)
    view = monitor.timed("fraud", version="2")(view)
    service.app.add_url_rule("/predict", "predict", view, methods=["POST"])


def test_all_concerns_are_together_what_prediction_is(
    service: "Service", serve: "Serve", baseline: Baseline, customer: dict[str, Any]
) -> None:
    """One count, one row, one id; the same as the one decorator."""
    stacked(service, predict, baseline)
    together = serve(predict, baseline=baseline, fallback=rules)
    for one in (service, together):
        response = one.post(customer | {"age": 99})

        assert response.headers["X-Prediction-ID"] == one.row().id
        assert response.headers["X-Prediction-Source"] == "primary"
        assert (one.row().status, one.row().prediction) == ("success", 1)
        assert one.tally() == {"predictions success": 1, "timed": 1, "failures age range": 1}


def test_the_outer_concerns_know_that_the_fallback_answered(
    service: "Service", baseline: Baseline, customer: dict[str, Any]
) -> None:
    """Row and count have the final outcome; its error and the fallback are counted once."""
    stacked(service, broken, baseline)
    response = service.post(customer)

    assert response.get_json() == {"prediction": 7}
    assert response.headers["X-Prediction-Source"] == "fallback"
    assert (service.row().status, service.row().source) == ("fallback", "fallback")
    assert service.tally() == {
        "predictions fallback": 1,
        "errors model_error": 1,
        "fallbacks error": 1,
        "timed": 1,
    }


def test_one_fallback_does_not_stain_the_next_request(
    service: "Service", baseline: Baseline, customer: dict[str, Any]
) -> None:
    """What is passed on to the outer concerns ends with its request."""
    answers = iter([broken, predict])
    stacked(service, lambda: next(answers)(), baseline)
    sources = [service.post(customer).headers["X-Prediction-Source"] for _ in range(2)]

    assert sources == [row.source for row in service.rows()] == ["fallback", "primary"]
