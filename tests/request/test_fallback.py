"""Who answers when the view fails, predicts NaN or should not be asked, and what is told of it."""

import logging
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from flask import abort, g, request
from sklearn.dummy import DummyClassifier

from flask_mlmonitor import Baseline, signals

if TYPE_CHECKING:
    from tests.conftest import Serve, Service

Tally = dict[str, float]
NAN = math.nan
BATCH = [{"age": 41}, {"age": 42}]


class Broken(Exception):
    """What a model raises."""


class Rules:
    """A secondary model as people have them: an object that predicts rows.

    :ivar asked: the rows it was asked about.
    """

    def __init__(self, *answers: Any) -> None:
        self.answers = answers
        self.asked: list[Sequence[Any]] = []

    def predict(self, rows: Sequence[Sequence[Any]]) -> Any:
        """Return an answer for each row."""
        self.asked += rows
        return np.array((self.answers or (7,) * len(rows))[: len(rows)])


def broken() -> Any:
    raise Broken


def rules() -> Any:
    return {"prediction": 7}


def tally(error: str, reason: str = "error", rows: int = 1) -> Tally:
    """Return what one fallback counts."""
    return {
        "predictions fallback": rows,
        f"errors {error}": 1,
        f"fallbacks {reason}": 1,
        "timed": 1,
    }


FAILURES: dict[str, tuple[Callable[[], Any], str, str]] = {
    "raise": (broken, "error", "model_error"),
    "abort-500": (lambda: abort(500), "error", "model_error"),
    "returned-503": (lambda: ({"error": "down"}, 503), "error", "unknown_error"),
    "nan": (lambda: {"prediction": NAN}, "nan_prediction", "nan_prediction"),
}


@pytest.mark.parametrize(("view", "reason", "error"), FAILURES.values(), ids=FAILURES)
@pytest.mark.parametrize("spelling", ["argument", "decorator", "object"])
def test_a_fallback_answers(
    serve: "Serve",
    baseline: Baseline,
    customer: dict[str, Any],
    view: Callable[[], Any],
    reason: str,
    error: str,
    spelling: str,
) -> None:
    """In each spelling: the client sees its answer and who gave it; it is counted and stored."""
    secondary = {"argument": rules, "object": Rules()}.get(spelling)
    service = serve(view, baseline=baseline, fallback=secondary)
    if spelling == "decorator":
        monitored: Any = service.app.view_functions[view.__name__]
        monitored.fallback(rules)
    response = service.post(customer)
    row = service.row()

    assert (response.status_code, response.get_json()) == (200, {"prediction": 7})
    assert response.headers["X-Prediction-Source"] == row.source == "fallback"
    assert response.headers["X-Prediction-ID"] == row.id
    assert (row.status, row.prediction, row.features) == ("fallback", 7, customer)
    assert service.tally() == tally(error, reason)


NO_FAILURES: dict[str, tuple[Callable[[], Any], int]] = {
    "success": (lambda: {"prediction": 1}, 200),
    "invalid": (lambda: abort(422), 422),
    "returned-400": (lambda: ({"error": "bad"}, 400), 400),
    "not-found": (lambda: abort(404), 404),
    "too-many": (lambda: abort(429), 429),
}


@pytest.mark.parametrize(("view", "status"), NO_FAILURES.values(), ids=NO_FAILURES)
def test_a_fallback_is_not_asked(serve: "Serve", view: Callable[[], Any], status: int) -> None:
    """A success needs none, and what is the caller's fault is not mended by another model."""
    secondary = Rules()
    service = serve(view, fallback=secondary)
    response = service.post()

    assert response.status_code == status
    assert response.headers.get("X-Prediction-Source") != "fallback"
    assert secondary.asked == []
    assert "fallbacks error" not in service.tally()


def test_a_fallback_gets_the_arguments_of_the_view(service: "Service") -> None:
    """It stands in the view's place, with its URL, its request and its globals."""

    @service.app.post("/predict/<int:shop>")
    @service.monitor.prediction("fraud")
    def predict(shop: int) -> Any:
        g.tried = True
        raise Broken

    @predict.fallback
    def by_rules(shop: int) -> Any:
        return {"prediction": shop + request.get_json()["age"], "tried": g.tried}, 203

    response = service.client.post("/predict/7", json={"age": 41})

    assert (response.status_code, response.get_json()) == (203, {"prediction": 48, "tried": True})
    assert by_rules.__name__ == "by_rules"


def test_a_predictor_gets_rows_in_the_order_of_the_baseline(
    serve: "Serve", baseline: Baseline, customer: dict[str, Any]
) -> None:
    """Lists of values, absent ones as None, whatever else was sent."""
    secondary = Rules()
    service = serve(broken, baseline=baseline, fallback=secondary)
    service.post({"email": "a@b.se", **dict(reversed(customer.items()))})
    service.post({"age": 41})

    assert secondary.asked == [[41, 1200.5, "paid", True], [41, None, None, None]]


def test_a_predictor_answers_a_batch(
    serve: "Serve", baseline: Baseline, customer: dict[str, Any]
) -> None:
    """As many predictions as rows, each stored with its own; one error, one fallback."""
    service = serve(broken, baseline=baseline, fallback=Rules(7, 8))
    response = service.post([customer, customer | {"age": 50}])

    assert response.get_json() == {"predictions": [7, 8]}
    assert [(row.prediction, row.features["age"]) for row in service.rows()] == [(7, 41), (8, 50)]
    assert service.tally() == tally("model_error", rows=2)


def test_a_model_of_scikit_learn_is_a_fallback(serve: "Serve", customer: dict[str, Any]) -> None:
    """Its numbers are numpy's; the answer's are JSON's."""
    model = DummyClassifier(strategy="most_frequent").fit([[1], [2]], ["yes", "yes"])
    service = serve(broken, fallback=model)

    assert service.post(customer).get_json() == {"prediction": "yes"}


@pytest.mark.parametrize("payload", [{"age": 41, "income": 7.5}, [41, 7.5]])
def test_a_predictor_without_a_baseline_gets_the_rows_as_sent(serve: "Serve", payload: Any) -> None:
    """There is no other order than theirs; a model of two features cannot answer for none."""
    secondary = Rules()
    service = serve(broken, fallback=secondary)
    service.post(payload)

    assert secondary.asked == [[41, 7.5]]


def test_a_fallback_for_one_bad_row_of_a_batch(serve: "Serve") -> None:
    """The whole request goes to it."""
    service = serve(lambda: {"predictions": [1, NAN]}, fallback=lambda: {"predictions": [7, 8]})

    assert service.post(BATCH).get_json() == {"predictions": [7, 8]}
    assert [row.prediction for row in service.rows()] == [7, 8]
    assert service.tally() == tally("nan_prediction", "nan_prediction", rows=2)


def test_a_listener_hears_of_each_fallback(serve: "Serve") -> None:
    """With the id under which it is stored and its reason; the sender is the app."""
    heard: list[dict[str, Any]] = []

    def listen(sender: object, **told: Any) -> None:
        heard.append({"sender": sender, **told})

    service = serve(broken, fallback=rules)
    with signals.fallback_used.connected_to(listen, sender=service.app):
        response = service.post()

    assert heard == [
        {
            "sender": service.app,
            "model": "fraud",
            "version": "2",
            "prediction_id": response.headers["X-Prediction-ID"],
            "reason": "error",
        }
    ]


def test_what_the_fallback_hid_is_logged_once(
    serve: "Serve", caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody else would ever see the exception; a flood of it is one line in an interval."""
    service = serve(broken, fallback=rules, config={"MLMONITOR_EVALUATION_INTERVAL": "1000d"})
    for _ in range(4):  # one more would open the circuit, which is logged too
        service.post()

    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.exc_info is not None
    assert record.exc_info[0] is Broken
    assert "fraud 2" in record.getMessage()


def test_a_fallback_is_timed_with_the_view(serve: "Serve") -> None:
    """The caller waited for both."""
    seen: list[float | None] = []

    def secondary() -> Any:
        seen.append(service.tally().get("in progress"))
        return {"prediction": sum(range(200_000))}

    service = serve(broken, fallback=secondary)
    service.post()

    assert seen == [1]
    assert (service.row().latency or 0) > 0.0005
    assert "in progress" not in service.tally()
