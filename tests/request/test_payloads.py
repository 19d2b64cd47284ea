"""From a request to rows and features: the dialects, the callers' ids, what the view still gets."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from flask import request

from flask_mlmonitor import Baseline

if TYPE_CHECKING:
    from tests.conftest import Serve

Row = dict[str, Any]


def predict() -> Any:
    return {"prediction": 1}


def predict_each() -> Any:
    """Answer a batch, whatever its dialect."""
    body = request.get_json()
    return {"predictions": list(range(len(body["instances"] if "instances" in body else body)))}


SINGLE: dict[str, tuple[Any, Row]] = {
    "dict": ({"age": 41, "plan": "paid"}, {"age": 41, "plan": "paid"}),
    "list": ([41, "paid"], {"0": 41, "1": "paid"}),
    "nested": (
        {"address": {"city": "Oslo"}, "tags": ["a"]},
        {"address": {"city": "Oslo"}, "tags": ["a"]},
    ),
    "null": ({"age": None}, {"age": None}),
}
BATCHES: dict[str, tuple[Any, list[Row]]] = {
    "list-of-dicts": ([{"age": 41}, {"age": 42}], [{"age": 41}, {"age": 42}]),
    "list-of-lists": ([[41], [42]], [{"0": 41}, {"0": 42}]),
    "of-one": ([{"age": 41}], [{"age": 41}]),
    "instances-of-dicts": ({"instances": [{"age": 41}, {"age": 42}]}, [{"age": 41}, {"age": 42}]),
    "instances-of-lists": ({"instances": [[41], [42]]}, [{"0": 41}, {"0": 42}]),
    "instances-and-more": (
        {"signature_name": "serving_default", "instances": [{"age": 41}]},
        [{"age": 41}],
    ),
}


@pytest.mark.parametrize(("payload", "features"), SINGLE.values(), ids=SINGLE)
def test_a_payload_of_one_row(serve: "Serve", payload: Any, features: Row) -> None:
    """A dict or a list of values is one prediction, under the id itself."""
    service = serve(predict)
    response = service.post(payload)

    assert service.row().id == response.headers["X-Prediction-ID"]
    assert service.row().features == features
    assert service.tally() == {"predictions success": 1, "timed": 1}


@pytest.mark.parametrize(("payload", "features"), BATCHES.values(), ids=BATCHES)
def test_a_batch_is_a_row_each(serve: "Serve", payload: Any, features: list[Row]) -> None:
    """Under the id and the row's number, also where the batch is of one; timed once."""
    service = serve(predict_each)
    response = service.post(payload)
    rows = service.rows()

    assert [row.features for row in rows] == features
    assert [row.prediction for row in rows] == list(range(len(features)))
    assert [row.id for row in rows] == [
        f"{response.headers['X-Prediction-ID']}:{number}" for number in range(len(features))
    ]
    assert service.tally() == {"predictions success": len(features), "timed": 1}


@pytest.mark.parametrize("instances", [[41, 42], [True], [], ["a", [1]]])
def test_instances_of_other_kinds_are_rows_too(serve: "Serve", instances: list[Any]) -> None:
    """KServe's instances are values of any kind: each is a row, and none is no row at all."""
    service = serve(predict_each)
    service.post({"instances": instances})
    rows = service.rows()

    assert len(rows) == max(1, len(instances))
    assert all("instances" not in row.features for row in rows)
    assert [row.prediction for row in rows][: len(instances)] == list(range(len(instances)))


def test_features_are_put_in_the_order_of_the_baseline(serve: "Serve", baseline: Baseline) -> None:
    """Whatever order they came in, by name or by place."""
    service = serve(predict_each, baseline=baseline)
    by_name = {"member": True, "plan": "paid", "income": 1200.5, "age": 41}
    service.post([by_name, [41, 1200.5, "paid", True]])

    assert [row.features for row in service.rows()] == [by_name] * 2
    assert service.tally() == {"predictions success": 2, "timed": 1}


def test_a_field_that_was_not_sent_is_not_stored(serve: "Serve", baseline: Baseline) -> None:
    """Null and absent are two things, and both are counted as missing."""
    service = serve(predict_each, baseline=baseline)
    service.post([{"age": 41, "income": None, "plan": "paid"}, [41, 1200.5]])

    assert [row.features for row in service.rows()] == [
        {"age": 41, "income": None, "plan": "paid"},
        {"age": 41, "income": 1200.5},
    ]
    assert service.tally() == {
        "predictions success": 2,
        "timed": 1,
        "failures plan missing": 1,
        "failures member missing": 2,
    }


@pytest.mark.parametrize("kept", [False, True])
def test_fields_unknown_to_the_baseline(
    serve: "Serve", baseline: Baseline, customer: Row, kept: bool
) -> None:
    """They are counted, and stored only where `RECORD_EXTRA` asks for it: they may be private."""
    config = {"MLMONITOR_RECORD_EXTRA": kept}
    service = serve(predict_each, baseline=baseline, config=config)
    service.post([customer | {"email": "a@b.se"}, [*customer.values(), "a@b.se"]])
    features = [row.features for row in service.rows()]

    assert features == [
        customer | ({"email": "a@b.se"} if kept else {}),
        customer | ({"4": "a@b.se"} if kept else {}),
    ]
    assert service.tally() == {"predictions success": 2, "timed": 1, "failures __extra__ extra": 2}


EMPTY: dict[str, dict[str, Any]] = {
    "nothing": {},
    "empty-json": {"data": b"", "content_type": "application/json"},
    "object": {"json": {}},
    "array": {"json": []},
    "number": {"json": 41},
    "text": {"json": "41"},
    "null": {"json": None, "data": b"null", "content_type": "application/json"},
    "form": {"data": {"age": "41"}},
    "parquet": {"data": b"PAR1", "content_type": "application/vnd.apache.parquet"},
}


@pytest.mark.parametrize("asked", EMPTY.values(), ids=EMPTY)
def test_a_body_without_rows_is_one_prediction_without_features(
    serve: "Serve", asked: dict[str, Any]
) -> None:
    """What the view answers counts; a dialect that nobody knows hides no prediction."""
    service = serve(predict)
    response = service.client.post("/predict", **asked)

    assert response.get_json() == {"prediction": 1}
    assert (service.row().features, service.row().prediction) == ({}, 1)
    assert service.tally() == {"predictions success": 1, "timed": 1}


FEATURES: dict[str, tuple[Callable[[Any], Any], dict[str, Any], list[Row]]] = {
    "form": (lambda asked: asked.form, {"data": {"age": "41"}}, [{"age": "41"}]),
    "query": (lambda asked: asked.args.to_dict(), {"query_string": {"age": 41}}, [{"age": "41"}]),
    "list": (lambda asked: [41, 42], {}, [{"0": 41, "1": 42}]),
    "rows": (lambda asked: [{"age": 41}, {"age": 42}], {}, [{"age": 41}, {"age": 42}]),
    "part": (lambda asked: asked.json["data"], {"json": {"data": {"age": 41}}}, [{"age": 41}]),
}


@pytest.mark.parametrize(("features", "asked", "rows"), FEATURES.values(), ids=FEATURES)
def test_a_callable_finds_the_features(
    serve: "Serve", features: Callable[[Any], Any], asked: dict[str, Any], rows: list[Row]
) -> None:
    """Where no dialect matches: it gets the request and returns a row, or a list of rows."""
    service = serve(lambda: [1] * len(rows), features=features)
    service.client.post("/predict", **asked)

    assert [row.features for row in service.rows()] == rows
    assert service.tally() == {"predictions success": len(rows), "timed": 1}


@pytest.mark.parametrize("found", [(41, 42), ({"0": 41, "1": 42},)])
def test_a_callable_may_return_any_sequence(serve: "Serve", found: Any) -> None:
    """A row is a mapping or a sequence, rows are a sequence of them: a tuple is one as well."""
    service = serve(lambda: [1], features=lambda asked: found)
    service.post()

    assert service.row().features == {"0": 41, "1": 42}


PLANS = pd.DataFrame({"plan": ["paid", "free"], "age": [41, 42]})
SCIENTIFIC: dict[str, tuple[Any, int]] = {
    "frame": (PLANS, 2),
    "frame-without-names": (pd.DataFrame([[41, "paid"], [42, "free"]]), 2),
    "series": (PLANS.iloc[0], 1),
    "array": (np.array([[41, "paid"], [42, "free"]], dtype=object), 2),
    "scalars": ({"plan": np.str_("paid"), "age": np.int64(41)}, 1),
    "rows-of-scalars": ([{"age": np.float32(41), "plan": "paid"}], 1),
}


@pytest.mark.parametrize(("found", "rows"), SCIENTIFIC.values(), ids=SCIENTIFIC)
def test_a_callable_may_return_what_numpy_and_pandas_have(
    serve: "Serve", found: Any, rows: int
) -> None:
    """Rows by the names of their columns, and values as JSON would have had them."""
    trained = pd.DataFrame({"age": range(18, 118), "plan": ["free", "paid"] * 50})
    service = serve(
        lambda: {"predictions": [1] * rows},
        baseline=Baseline.from_dataframe(trained),
        features=lambda asked: found,
        on_invalid="reject",
    )
    answer = service.post({"anything": 1})

    assert answer.status_code == 200, answer.text
    wanted = [{"age": 41, "plan": "paid"}, {"age": 42, "plan": "free"}]
    assert [row.features for row in service.rows()] == wanted[:rows]


EXTERNAL: dict[str, tuple[dict[str, str], str | None]] = {
    "request-id": ({"X-Request-ID": "order-7"}, "order-7"),
    "cloud-event": ({"Ce-Id": "a.b:c_d-1"}, "a.b:c_d-1"),
    "both": ({"Ce-Id": "event", "X-Request-ID": "order-7"}, "order-7"),
    "first-unusable": ({"Ce-Id": "event", "X-Request-ID": "order 7"}, "event"),
    "longest": ({"X-Request-ID": "x" * 128}, "x" * 128),
    "too-long": ({"X-Request-ID": "x" * 129}, None),
    "empty": ({"X-Request-ID": ""}, None),
    "spaces": ({"X-Request-ID": "order 7"}, None),
    "markup": ({"X-Request-ID": "<script>"}, None),
    "not-ascii": ({"X-Request-ID": "bestellung-äöü"}, None),
}


@pytest.mark.parametrize(("headers", "external"), EXTERNAL.values(), ids=EXTERNAL)
def test_the_id_of_the_caller(
    serve: "Serve", headers: dict[str, str], external: str | None
) -> None:
    """A usable one is stored beside ours; another is ignored, never an error."""
    service = serve(predict)

    assert service.post(headers=headers).status_code == 200
    assert service.row().external_id == external


def test_a_batch_shares_the_id_of_the_caller(serve: "Serve") -> None:
    """Ground truth by external id and row number finds each of its rows."""
    service = serve(predict_each)
    service.post([{"age": 41}, {"age": 42}], headers={"X-Request-ID": "order-7"})

    assert [row.external_id for row in service.rows()] == ["order-7"] * 2
