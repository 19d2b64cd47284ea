"""How a monitored view may end other than well, and as what each ending counts."""

import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from flask import Response, abort, jsonify, make_response, redirect, request
from werkzeug.exceptions import BadRequest, HTTPException, NotFound, ServiceUnavailable

if TYPE_CHECKING:
    from tests.conftest import Serve
    from tests.request.conftest import AssertUnaltered

Tally = dict[str, float]

MODEL_ERROR: Tally = {"predictions error": 1, "errors model_error": 1, "timed": 1}
UNKNOWN_ERROR: Tally = {"predictions error": 1, "errors unknown_error": 1, "timed": 1}
INVALID: Tally = {"predictions invalid": 1, "errors validation_error": 1, "timed": 1}
NOTHING: Tally = {}
ANSWER_500 = {"PROPAGATE_EXCEPTIONS": False}


class Broken(Exception):
    """What a model raises."""


class Teapot(HTTPException):
    """A 4xx that Werkzeug does not know."""

    code = 418


def broken() -> Any:
    raise Broken


def teapot() -> Any:
    raise Teapot


def abort_with_response(status: int) -> Any:
    abort(make_response({"error": "no"}, status))


ENDINGS: dict[str, tuple[Callable[..., Any], int, Tally]] = {
    "dict-500": (lambda: ({"error": "down"}, 500), 500, UNKNOWN_ERROR),
    "dict-503": (lambda: ({"error": "down"}, 503), 503, UNKNOWN_ERROR),
    "jsonify-500": (lambda: (jsonify(prediction=1), 500), 500, UNKNOWN_ERROR),
    "response-502": (lambda: Response("down", 502), 502, UNKNOWN_ERROR),
    "returned-exception-503": (lambda: ServiceUnavailable(), 503, UNKNOWN_ERROR),
    "abort-500": (lambda: abort(500), 500, MODEL_ERROR),
    "abort-503": (lambda: abort(503), 503, MODEL_ERROR),
    "abort-response-503": (lambda: abort_with_response(503), 503, MODEL_ERROR),
    "raise": (broken, 500, MODEL_ERROR),
    "dict-400": (lambda: ({"error": "bad"}, 400), 400, INVALID),
    "text-422": (lambda: ("bad", "422 UNPROCESSABLE ENTITY"), 422, INVALID),
    "returned-exception-400": (lambda: BadRequest(), 400, INVALID),
    "abort-400": (lambda: abort(400), 400, INVALID),
    "abort-405": (lambda: abort(405), 405, INVALID),
    "abort-413": (lambda: abort(413), 413, INVALID),
    "abort-422": (lambda: abort(422), 422, INVALID),
    "abort-response-409": (lambda: abort_with_response(409), 409, INVALID),
    "own-418": (teapot, 418, INVALID),
}

NO_PREDICTIONS: dict[str, tuple[Callable[..., Any], int]] = {
    **{f"abort-{code}": (lambda code=code: abort(code), code) for code in (401, 403, 404, 429)},
    **{f"dict-{code}": (lambda code=code: ({}, code), code) for code in (401, 403, 404, 429)},
    "response-403": (lambda: Response("", 403), 403),
    "returned-exception-404": (lambda: NotFound(), 404),
    "abort-response-404": (lambda: abort_with_response(404), 404),
    "redirect": (lambda: redirect("/elsewhere"), 302),
    "redirect-308": (lambda: redirect("/elsewhere", 308), 308),
    "abort-redirect": (lambda: abort(redirect("/elsewhere")), 302),
    "not-modified": (lambda: ("", 304), 304),
}


@pytest.mark.parametrize(("view", "status", "tally"), ENDINGS.values(), ids=ENDINGS)
def test_an_ending_that_is_no_success(
    serve: "Serve",
    assert_unaltered: "AssertUnaltered",
    view: Callable[..., Any],
    status: int,
    tally: Tally,
) -> None:
    """A 5xx is an error, another 4xx invalid input: one type each, stored, the answer unchanged."""
    service = serve(view, config=ANSWER_500)
    response = service.post()
    row = service.row()

    assert response.status_code == status
    assert_unaltered(response, view)
    assert response.headers["X-Prediction-ID"] == row.id
    assert response.headers["X-Prediction-Source"] == row.source == "primary"
    assert service.tally() == tally
    assert row.status == ("error" if status >= 500 else "invalid")
    assert (row.prediction, row.features) == (None, {"age": 41})


@pytest.mark.parametrize(("view", "status"), NO_PREDICTIONS.values(), ids=NO_PREDICTIONS)
def test_an_ending_that_is_no_prediction(
    serve: "Serve", assert_unaltered: "AssertUnaltered", view: Callable[..., Any], status: int
) -> None:
    """A closed door or another address: neither counted nor stored, and no id is named."""
    service = serve(view, config=ANSWER_500)
    response = service.post()

    assert response.status_code == status
    assert_unaltered(response, view)
    assert not {"X-Prediction-ID", "X-Prediction-Source"} & set(response.headers.keys())
    assert service.tally() == NOTHING
    assert service.rows() == []


def test_a_batch_that_fails_is_one_error_and_a_row_each(serve: "Serve") -> None:
    """Predictions are counted by row, errors and latency by request."""
    service = serve(broken, config=ANSWER_500)
    service.post([{"age": 41}, {"age": 42}, {"age": 43}])

    assert service.tally() == {"predictions error": 3, "errors model_error": 1, "timed": 1}
    assert [row.features["age"] for row in service.rows()] == [41, 42, 43]


def test_a_view_that_returns_none_failed(serve: "Serve") -> None:
    """Flask refuses it, so it is none of the successes."""
    service = serve(lambda: None, config=ANSWER_500)

    assert service.post().status_code == 500
    assert service.tally() == MODEL_ERROR


@pytest.mark.parametrize("number", [np.int64(1), np.float32(0.5), np.array([1])])
def test_an_answer_that_cannot_be_sent_failed(serve: "Serve", number: Any) -> None:
    """A number of numpy's in the answer is the commonest bug of all; the fallback answers it."""
    service = serve(lambda: {"prediction": number}, config=ANSWER_500)
    assert service.post().status_code == 500
    assert service.tally() == MODEL_ERROR

    helped = serve(lambda: {"prediction": [number]}, fallback=lambda: {"prediction": 0})
    assert helped.post().get_json() == {"prediction": 0}


def test_an_unreadable_body_that_the_view_refuses(serve: "Serve") -> None:
    """What it never understood is `invalid_input`; a body that it disliked, `validation_error`."""
    service = serve(lambda: {"prediction": request.get_json()["age"]})
    statuses = [
        service.post(json=None, data=b"{", content_type="application/json").status_code,
        service.post(json=None, data=b"age=41").status_code,
        service.post(json=None).status_code,
    ]

    assert statuses == [400, 415, 415]
    assert service.tally() == {"predictions invalid": 3, "errors invalid_input": 3, "timed": 3}
    assert [(row.status, row.features) for row in service.rows()] == [("invalid", {})] * 3


@pytest.mark.parametrize("kind", [Broken, ValueError, KeyError, RecursionError, MemoryError])
def test_what_a_view_raises_leaves_untouched(serve: "Serve", kind: type[Exception]) -> None:
    """The app sees the same object, the same cause and the view's own frame."""
    cause = ValueError("why")
    raised = kind("the model broke")

    def predict() -> Any:
        secret = 42
        if secret:
            raise raised from cause

    service = serve(predict)
    with pytest.raises(kind) as caught:
        service.post()

    assert caught.value is raised
    assert (raised.__cause__, raised.__context__) == (cause, None)
    assert not getattr(raised, "__notes__", None)
    frames = traceback.extract_tb(raised.__traceback__)
    assert (frames[-1].filename, frames[-1].name) == (__file__, "predict")
    *_, (innermost, _) = traceback.walk_tb(raised.__traceback__)
    assert innermost.f_locals["secret"] == 42
    assert service.tally() == MODEL_ERROR
    assert (service.row().status, service.row().prediction) == ("error", None)


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_the_end_of_a_process_is_no_prediction(serve: "Serve", stop: type[BaseException]) -> None:
    """What is no `Exception` passes through uncounted, and nothing stays in progress."""

    def predict() -> Any:
        raise stop

    service = serve(predict)
    with pytest.raises(stop):
        service.post()

    assert service.tally() == NOTHING
    assert service.rows() == []


def test_what_never_reaches_the_view_is_no_prediction(serve: "Serve") -> None:
    """A wrong method or path is the router's affair."""
    service = serve(broken)

    assert service.client.get("/predict").status_code == 405
    assert service.client.post("/predict/elsewhere", json={}).status_code == 404
    assert service.tally() == NOTHING


@pytest.mark.parametrize(
    ("view", "answer", "tally"),
    [
        (broken, (418, "broken"), MODEL_ERROR),
        (lambda: abort(400), (400, 400), INVALID),
        (lambda: abort(404), (404, 404), NOTHING),
        (lambda: abort(503), (503, 503), MODEL_ERROR),
    ],
    ids=["exception", "400", "404", "503"],
)
def test_the_error_handlers_of_the_app_still_work(
    serve: "Serve",
    view: Callable[..., Any],
    answer: tuple[int, object],
    tally: Tally,
) -> None:
    """They shape the answer, and what they make of it does not change what is counted."""
    service = serve(view)

    @service.app.errorhandler(Broken)
    def on_broken(error: Broken) -> Any:
        return {"handled": "broken"}, 418

    @service.app.errorhandler(HTTPException)
    def on_http(error: HTTPException) -> Any:
        return {"handled": error.code}, error.code

    response = service.post()

    assert (response.status_code, response.get_json()["handled"]) == answer
    assert service.tally() == tally
    assert ("X-Prediction-ID" in response.headers) is bool(tally)
