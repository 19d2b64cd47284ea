"""From a view's answer to predictions and probabilities, and what becomes of one that is NaN."""

import json
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from flask import Response
from flask.json.provider import DefaultJSONProvider
from hypothesis import given
from hypothesis import strategies as st

from flask_mlmonitor.request.outputs import not_finite, outputs_of

if TYPE_CHECKING:
    from tests.conftest import Serve

NAN, INF = math.nan, math.inf
BATCH = [{"age": 41}, {"age": 42}]
SUCCESS = {"predictions success": 1, "timed": 1}
NAN_ERROR = {"predictions error": 1, "errors nan_prediction": 1, "timed": 1}

SINGLE: dict[str, tuple[Any, Any, Any]] = {
    "prediction": ({"prediction": 1}, 1, None),
    "predictions": ({"predictions": [1]}, 1, None),
    "outputs": ({"outputs": [2.5]}, 2.5, None),
    "result": ({"result": "fraud"}, "fraud", None),
    "label": ({"label": "fraud"}, "fraud", None),
    "class": ({"class": "fraud"}, "fraud", None),
    "score": ({"score": 0.75}, 0.75, None),
    "true": ({"prediction": True}, True, None),
    "zero": ({"prediction": 0}, 0, None),
    "empty-text": ({"prediction": ""}, "", None),
    "first-key": ({"score": 0.9, "result": 2, "prediction": 1}, 1, None),
    "bare-number": ([1.5], 1.5, None),
    "probability": ({"prediction": 1, "probability": 0.75}, 1, 0.75),
    "probabilities": ({"prediction": 1, "probabilities": [0.25, 0.75]}, 1, [0.25, 0.75]),
    "proba": ({"prediction": "b", "proba": {"a": 0.2, "b": 0.8}}, "b", {"a": 0.2, "b": 0.8}),
    "scores": ({"prediction": 1, "scores": [0.25, 0.75]}, 1, [0.25, 0.75]),
    "first-probability": ({"prediction": 1, "scores": [1], "probability": 0.75}, 1, 0.75),
    "label-and-score": ({"label": "cat", "score": 0.8}, "cat", {"cat": 0.8}),
    "class-and-score": ({"class": 1, "score": 0.8}, 1, {"1": 0.8}),
    "prediction-and-score": ({"prediction": 1, "score": 0.8}, 1, None),
    "several-targets": ({"prediction": [1.5, 2.5]}, [1.5, 2.5], None),
    "nested": ({"result": {"label": "cat", "score": 0.8}}, "cat", {"cat": 0.8}),
    "list-of-one": ({"predictions": [{"prediction": 1, "probability": 0.75}]}, 1, 0.75),
    "alone-in-a-record": ({"result": {"price": 1200.5}}, 1200.5, None),
}
PER_ROW: dict[str, tuple[Any, list[tuple[Any, Any]]]] = {
    "predictions": ({"predictions": [1, 0]}, [(1, None), (0, None)]),
    "bare-list": ([1, 0], [(1, None), (0, None)]),
    "probabilities": (
        {"predictions": [1, 0], "probabilities": [0.75, 0.25]},
        [(1, 0.75), (0, 0.25)],
    ),
    "probability-lists": (
        {"predictions": [1, 0], "probabilities": [[0.25, 0.75], [0.75, 0.25]]},
        [(1, [0.25, 0.75]), (0, [0.75, 0.25])],
    ),
    "objects": (
        {"predictions": [{"label": "a", "score": 0.75}, {"label": "b", "score": 0.5}]},
        [("a", {"a": 0.75}), ("b", {"b": 0.5})],
    ),
    "list-of-objects": ([{"prediction": 1}, {"prediction": 0}], [(1, None), (0, None)]),
    "labels-and-scores": (
        {"label": ["a", "b"], "score": [0.75, 0.5]},
        [("a", {"a": 0.75}), ("b", {"b": 0.5})],
    ),
    "lists-of-one": ({"predictions": [[1], [0]]}, [(1, None), (0, None)]),
    "records-of-a-series": ({"predictions": [{"0": 1}, {"0": 0}]}, [(1, None), (0, None)]),
    "records": (
        {"predictions": [{"label": 1, "proba": 0.75}, {"label": 0, "proba": 0.25}]},
        [(1, 0.75), (0, 0.25)],
    ),
    "columns": (
        {"predictions": {"label": [1, 0], "proba": [0.75, 0.25]}},
        [(1, 0.75), (0, 0.25)],
    ),
}
UNKNOWN: dict[str, tuple[Any, Any]] = {
    "no-known-key": ({"answer": 1}, {"age": 41}),
    "empty": ({}, {"age": 41}),
    "null": ({"prediction": None}, {"age": 41}),
    "too-few": ({"predictions": [1]}, BATCH),
    "too-many": ({"predictions": [1, 2, 3]}, BATCH),
    "no-list": ({"prediction": 1}, BATCH),
    "hole": ({"predictions": [1, None]}, BATCH),
    "columns-too-short": ({"predictions": {"label": [1]}}, BATCH),
    "several-values-in-records": ({"predictions": [{"a": 1, "b": 2}] * 2}, BATCH),
}


class Numbers(DefaultJSONProvider):
    """Writes what numpy makes, as many apps do."""

    @staticmethod
    def default(o: Any) -> Any:
        """Return a number or a list of numbers."""
        return o.tolist() if hasattr(o, "tolist") else DefaultJSONProvider.default(o)


@pytest.mark.parametrize(("body", "prediction", "probability"), SINGLE.values(), ids=SINGLE)
@pytest.mark.parametrize("form", ["object", "text"])
def test_the_prediction_of_one_row(
    serve: "Serve", body: Any, prediction: Any, probability: Any, form: str
) -> None:
    """It is found under the first known key, its probability beside it; in JSON text as well."""
    service = serve(lambda: body if form == "object" else Response(json.dumps(body)))
    service.post()

    assert (service.row().prediction, service.row().probability) == (prediction, probability)
    assert type(service.row().prediction) is type(prediction)
    assert service.tally() == SUCCESS


@pytest.mark.parametrize(("body", "outputs"), PER_ROW.values(), ids=PER_ROW)
def test_the_predictions_of_a_batch(
    serve: "Serve", body: Any, outputs: list[tuple[Any, Any]]
) -> None:
    """Each row gets its own, in order."""
    service = serve(lambda: body)
    service.post(BATCH)

    assert [(row.prediction, row.probability) for row in service.rows()] == outputs
    assert service.tally() == {"predictions success": 2, "timed": 1}


BATCH_OF_ONE: dict[str, tuple[Any, Any, Any]] = {
    "value": ({"prediction": 1}, 1, None),
    "value-and-probability": ({"prediction": 1, "probability": 0.75}, 1, 0.75),
    "label-and-score": ({"label": "cat", "score": 0.8}, "cat", {"cat": 0.8}),
    "object": ({"result": {"label": "cat", "score": 0.8}}, "cat", {"cat": 0.8}),
    "list": ({"predictions": [1]}, 1, None),
    "list-of-several-targets": ({"predictions": [[1.5, 2.5]]}, [1.5, 2.5], None),
}


@pytest.mark.parametrize(
    ("body", "prediction", "probability"), BATCH_OF_ONE.values(), ids=BATCH_OF_ONE
)
def test_a_batch_of_one_may_be_answered_without_a_list(
    serve: "Serve", body: Any, prediction: Any, probability: Any
) -> None:
    """There is only one row that the value can belong to."""
    service = serve(lambda: body)
    service.post(BATCH[:1])

    assert (service.row().prediction, service.row().probability) == (prediction, probability)
    assert service.tally() == SUCCESS


CSV_ANSWERS: dict[str, tuple[str, list[tuple[Any, Any]]]] = {
    "named": ("label,proba\ncat,0.75\ndog,0.5\n", [("cat", 0.75), ("dog", 0.5)]),
    "values": ("1.5\r\n2\r\n", [(1.5, None), (2, None)]),
    "several-targets": ("1,2\n3,4\n", [([1, 2], None), ([3, 4], None)]),
}


@pytest.mark.parametrize(("text", "outputs"), CSV_ANSWERS.values(), ids=CSV_ANSWERS)
def test_an_answer_in_csv(serve: "Serve", text: str, outputs: list[tuple[Any, Any]]) -> None:
    """A line for each row; a header is told by a known key in it."""
    service = serve(lambda: Response(text, mimetype="text/csv"))
    service.post(BATCH)

    assert [(row.prediction, row.probability) for row in service.rows()] == outputs
    assert service.tally() == {"predictions success": 2, "timed": 1}


def test_an_empty_batch_has_an_empty_answer(serve: "Serve") -> None:
    """Nobody failed."""
    service = serve(lambda: {"predictions": []})
    service.post({"instances": []})

    assert service.tally() == SUCCESS


@pytest.mark.parametrize(("body", "payload"), UNKNOWN.values(), ids=UNKNOWN)
def test_an_answer_of_no_known_form(
    serve: "Serve", caplog: pytest.LogCaptureFixture, body: Any, payload: Any
) -> None:
    """It is answered and kept without a value; counted each time, logged once, with a remedy."""
    service = serve(lambda: body)
    answers = [service.post(payload) for _ in range(3)]
    rows = len(payload) if isinstance(payload, list) else 1

    assert [answer.get_json() for answer in answers] == [body] * 3
    assert [row.prediction for row in service.rows()] == [None] * 3 * rows
    assert service.tally() == {"predictions success": 3 * rows, "timed": 3, "faults outcome": 3}
    (record,) = caplog.records
    assert "output=" in str(record.exc_info)


def test_a_long_text_is_no_prediction(serve: "Serve") -> None:
    """A page for people, say: it is of no known form either."""
    service = serve(lambda: "<p>" * 1000)
    service.post()

    assert service.row().prediction is None
    assert service.tally() == {**SUCCESS, "faults outcome": 1}


def test_a_short_text_is_a_prediction(serve: "Serve") -> None:
    """A bare label is an answer as well."""
    service = serve(lambda: "fraud")
    service.post()

    assert service.row().prediction == "fraud"
    assert service.tally() == SUCCESS


CUSTOM: dict[str, tuple[Callable[[Any], Any], Any, list[Any]]] = {
    "value": (lambda answer: answer["y"], {"age": 41}, [[1, 0]]),
    "known-form": (lambda answer: {"prediction": answer["y"][0]}, {"age": 41}, [1]),
    "list": (lambda answer: answer["y"], BATCH, [1, 0]),
}


@pytest.mark.parametrize(("output", "payload", "predictions"), CUSTOM.values(), ids=CUSTOM)
def test_a_callable_finds_the_prediction(
    serve: "Serve", output: Callable[[Any], Any], payload: Any, predictions: list[Any]
) -> None:
    """Where no known form matches: it gets what the view returned."""
    service = serve(lambda: {"y": [1, 0]}, output=output)
    service.post(payload)

    assert [row.prediction for row in service.rows()] == predictions
    assert service.tally() == {"predictions success": len(predictions), "timed": 1}


@pytest.mark.parametrize("many", [(1, 0), np.array([1, 0])], ids=["tuple", "array"])
def test_a_callable_may_return_any_sequence(serve: "Serve", many: Any) -> None:
    """What a model's `predict` gives is an array."""
    service = serve(lambda: {"y": 0}, output=lambda answer: many)
    service.post(BATCH)

    assert [row.prediction for row in service.rows()] == [1, 0]


def test_what_flask_writes_as_a_list_is_one(serve: "Serve") -> None:
    """A tuple in a dict leaves as a JSON array."""
    service = serve(lambda: {"predictions": (1, 0)})

    assert service.post(BATCH).get_json() == {"predictions": [1, 0]}
    assert [row.prediction for row in service.rows()] == [1, 0]


def test_the_numbers_of_numpy(serve: "Serve") -> None:
    """An app whose JSON provider writes them has them stored as numbers."""
    service = serve(
        lambda: {"prediction": np.float32(2.5), "probabilities": np.array([0.25, 0.75])}
    )
    service.app.json = Numbers(service.app)
    service.post()

    assert (service.row().prediction, service.row().probability) == (2.5, [0.25, 0.75])
    assert service.tally() == SUCCESS


NOT_FINITE: dict[str, Any] = {
    "nan": {"prediction": NAN},
    "inf": {"prediction": INF},
    "minus-inf": {"prediction": -INF},
    "in-a-list": {"prediction": [0.5, NAN]},
    "deep": {"prediction": [[0.5], [[NAN]]]},
    "numpy-double": {"prediction": np.float64("nan")},
    "bare": [NAN],
    "json-text": Response('{"prediction": NaN}', mimetype="application/json"),
    "csv": Response("prediction\nNaN\n", mimetype="text/csv"),
    "csv-infinity": Response("-inf\n", mimetype="text/csv"),
    "alone-in-a-record": {"prediction": {"price": NAN}},
    "json-infinity": '{"prediction": -Infinity}',
    "number-text": "NaN",
    "too-large-for-a-float": '{"prediction": 1e400}',
    "numpy-single": {"prediction": np.float32("nan")},
    "numpy-half": {"prediction": np.float16("inf")},
    "array": {"prediction": np.array([0.5, NAN])},
    "tuple": {"prediction": (0.5, NAN)},
}


@pytest.mark.parametrize("body", NOT_FINITE.values(), ids=NOT_FINITE)
def test_a_prediction_that_is_no_finite_number(serve: "Serve", body: Any) -> None:
    """It is never served: a 500 problem document, counted as such, the features kept."""
    service = serve(lambda: body)
    service.app.json = Numbers(service.app)
    response = service.post()

    assert response.status_code == 500
    assert response.mimetype == "application/problem+json"
    assert response.get_json()["type"] == "nan-prediction"
    assert response.get_json()["status"] == 500
    assert response.headers["X-Prediction-ID"] == service.row().id
    assert (service.row().status, service.row().features) == ("error", {"age": 41})
    assert service.tally() == NAN_ERROR


@pytest.mark.parametrize(
    "prediction",
    [[(0.5, NAN)], [np.array([0.5, NAN])], [np.float32(0.5), np.float32("nan")]],
    ids=["tuple-in-a-list", "array-in-a-list", "single-in-a-list"],
)
def test_a_number_inside_that_is_not_finite(serve: "Serve", prediction: Any) -> None:
    """`list(model.predict(rows))` is a list of numpy's numbers."""
    service = serve(lambda: {"prediction": prediction})
    service.app.json = Numbers(service.app)

    assert service.post().status_code == 500
    assert service.tally() == NAN_ERROR


def test_one_bad_row_of_a_batch(serve: "Serve") -> None:
    """It fails the whole request: its rows are errors, with one type."""
    service = serve(lambda: {"predictions": [1, NAN]})

    assert service.post(BATCH).status_code == 500
    assert service.tally() == {**NAN_ERROR, "predictions error": 2}


def test_nan_may_be_flagged_only(serve: "Serve") -> None:
    """The answer leaves as it is, and still is none of the successes."""
    service = serve(lambda: {"prediction": NAN}, on_nan="flag")
    response = service.post()

    assert (response.status_code, response.data.strip()) == (200, b'{"prediction":NaN}')
    assert service.tally() == NAN_ERROR
    assert service.row().status == "error"


def test_an_app_may_shape_the_answer_to_nan(serve: "Serve") -> None:
    """Its handler for 500 gets it, like any other HTTP exception."""
    service = serve(lambda: {"prediction": NAN})
    service.app.register_error_handler(500, lambda error: ({"own": error.code}, 500))

    assert service.post().get_json() == {"own": 500}
    assert service.tally() == NAN_ERROR


def test_a_failed_answer_is_not_searched_for_nan(serve: "Serve") -> None:
    """A 5xx has its own type already: exactly one for each failed request."""
    service = serve(lambda: ({"prediction": NAN}, 503))

    assert service.post().status_code == 503
    assert service.tally() == {"predictions error": 1, "errors unknown_error": 1, "timed": 1}


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["prediction", "predictions", "label", "score", "proba", "x"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=10,
)


@given(values, st.integers(1, 3), st.booleans())
def test_any_answer_has_an_output_for_each_row_or_none(body: Any, rows: int, batch: bool) -> None:
    """However it looks: never an exception, never another number of outputs."""
    outputs = outputs_of(body, rows if batch else 1, batch=batch)

    assert outputs is None or len(outputs) == (rows if batch else 1)
    assert outputs is None or isinstance(not_finite(outputs), bool)
