"""The Open Inference Protocol (V2): inputs, ids, raw tensors, answers and those of a fallback."""

import json
import struct
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from flask import Response, request

from flask_mlmonitor import Baseline

if TYPE_CHECKING:
    from tests.conftest import Serve

Row = dict[str, Any]


def tensor(name: str, datatype: str, shape: list[int], data: Any, **parameters: Any) -> Row:
    """Return an input or output."""
    own = {"parameters": parameters} if parameters else {}
    return {"name": name, "datatype": datatype, "shape": shape, "data": data, **own}


def asking(*inputs: Row, **more: Any) -> Row:
    """Return a request."""
    return {"inputs": list(inputs), **more}


AGE = tensor("age", "INT64", [2], [41, 42])
PLAN = tensor("plan", "BYTES", [2, 1], ["free", None])
TWO: list[Row] = [{"age": 41, "plan": "free"}, {"age": 42, "plan": None}]
MATRIX = [[41.5, 1.0], [42.5, 0.0]]
READ: dict[str, tuple[Row, list[Row]]] = {
    "columns": (asking(AGE, PLAN), TWO),
    "nested": (
        asking(AGE, tensor("plan", "BYTES", [2, 1], [["free"], [None]])),
        TWO,
    ),
    "with-parameters": (
        asking(AGE, PLAN, id="r-1", parameters={"content_type": "pd"}, outputs=[{"name": "y"}]),
        TWO,
    ),
    "one-row": (asking(tensor("age", "FP64", [1, 1], [41.5])), [{"age": 41.5}]),
    "one-column": (asking(AGE), [{"age": 41}, {"age": 42}]),
    "matrix": (
        asking(tensor("x", "FP64", [2, 2], MATRIX)),
        [{"0": 41.5, "1": 1.0}, {"0": 42.5, "1": 0.0}],
    ),
    "flat-matrix": (
        asking(tensor("x", "FP64", [2, 2], [*MATRIX[0], *MATRIX[1]])),
        [{"0": 41.5, "1": 1.0}, {"0": 42.5, "1": 0.0}],
    ),
    "matrix-with-names": (
        asking(tensor("x", "FP64", [2, 2], MATRIX, columns=["age", "member"])),
        [{"age": 41.5, "member": 1.0}, {"age": 42.5, "member": 0.0}],
    ),
    "names-of-the-request": (
        asking(tensor("x", "FP64", [2, 1], [1.5, 2.5]), parameters={"feature_names": ["age"]}),
        [{"age": 1.5}, {"age": 2.5}],
    ),
    "embedding": (
        asking(AGE, tensor("x", "FP64", [2, 2], MATRIX)),
        [{"age": 41, "x": [41.5, 1.0]}, {"age": 42, "x": [42.5, 0.0]}],
    ),
    "image": (
        asking(tensor("pixels", "UINT8", [1, 2, 2], [[[1, 2], [3, 4]]])),
        [{"pixels": [1, 2, 3, 4]}],
    ),
    "booleans": (
        asking(tensor("ok", "BOOL", [4], [True, 0, 1, None])),
        [{"ok": True}, {"ok": False}, {"ok": True}, {"ok": None}],
    ),
    "base64": (
        asking(tensor("plan", "BYTES", [3], ["ZnJlZQ==", "??", "/w=="], content_type="base64")),
        [{"plan": "free"}, {"plan": "??"}, {"plan": "/w=="}],
    ),
    "json-in-text": (
        asking(tensor("plan", "BYTES", [3], ['"free"', "null", "{"], content_type="pd_json")),
        [{"plan": "free"}, {"plan": None}, {"plan": "{"}],
    ),
    "wrong-types": (
        asking(tensor("age", "FP64", [3], ["41", True, {}])),
        [{"age": "41"}, {"age": True}, {"age": {}}],
    ),
    "unknown-datatype": (asking(tensor("age", "COMPLEX", [1], [41])), [{"age": 41}]),
}
MALFORMED: dict[str, tuple[Row, str]] = {
    "no-shape": (asking({"name": "age", "datatype": "FP64", "data": [1]}), "`shape`"),
    "shape-no-list": (asking(tensor("age", "FP64", 1, [1])), "`shape`"),  # type: ignore[arg-type]
    "shape-empty": (asking(tensor("age", "FP64", [], [1])), "`shape`"),
    "shape-zero": (asking(tensor("age", "FP64", [0], [])), "`shape`"),
    "shape-of-many-rows-of-nothing": (asking(tensor("age", "FP64", [10**9, 0], [])), "`shape`"),
    "shape-negative": (asking(tensor("age", "FP64", [-1, -1], [1])), "`shape`"),
    "shape-boolean": (asking(tensor("age", "FP64", [True], [1])), "`shape`"),
    "shape-huge": (asking(tensor("age", "FP64", [10**30], [1])), "1 values"),
    "shape-of-many-dimensions": (asking(tensor("age", "FP64", [1] * 9, [1])), "`shape`"),
    "too-few": (asking(tensor("age", "FP64", [3], [1, 2])), "2 values"),
    "too-many": (asking(tensor("age", "FP64", [1, 2], [1, 2, 3])), "3 values"),
    "no-data": (asking({"name": "age", "datatype": "FP64", "shape": [1]}), "a list"),
    "data-no-list": (asking(tensor("age", "FP64", [1], "1")), "a list"),
    "half-nested": (asking(tensor("age", "FP64", [2], [[1], 2])), "nested"),
    "unequal-columns": (asking(AGE, tensor("plan", "BYTES", [1], ["free"])), "1 to 2"),
    "name-twice": (asking(AGE, AGE), "same name"),
    "names-too-few": (
        asking(tensor("x", "FP64", [2, 2], MATRIX, columns=["age"])),
        "1 names for 2",
    ),
    "names-twice": (
        asking(tensor("x", "FP64", [2, 2], MATRIX, columns=["age", "age"])),
        "same name",
    ),
    "shared-memory": (
        asking(
            {
                **{"name": "age", "datatype": "FP64", "shape": [1]},
                "parameters": {"shared_memory_region": "r"},
            }
        ),
        "a list",
    ),
}


@pytest.mark.parametrize(("payload", "features"), READ.values(), ids=READ)
def test_each_row_is_a_prediction(serve: "Serve", payload: Row, features: list[Row]) -> None:
    """Whether its values come column by column or side by side."""
    service = serve(lambda: {"predictions": list(range(len(features)))})
    response = service.post(payload)
    rows = service.rows()

    assert [row.features for row in rows] == features
    assert [row.prediction for row in rows] == list(range(len(features)))
    assert [row.id for row in rows] == [
        f"{response.headers['X-Prediction-ID']}:{number}" for number in range(len(features))
    ]
    assert service.tally() == {"predictions success": len(features), "timed": 1}


@pytest.mark.parametrize(("payload", "why"), MALFORMED.values(), ids=MALFORMED)
def test_what_is_not_well_formed_is_unreadable(serve: "Serve", payload: Row, why: str) -> None:
    """The view answers it as ever; a route that rejects says what to mend."""
    lax = serve(lambda: {"prediction": 1})
    strict = serve(lambda: {"prediction": 1}, on_invalid="reject")
    refused = strict.post(payload)

    assert lax.post(payload).get_json() == {"prediction": 1}
    assert (lax.row().features, lax.tally()) == ({}, {"predictions success": 1, "timed": 1})
    assert refused.status_code == 422
    assert why in refused.get_json()["detail"]
    assert strict.tally() == {"predictions invalid": 1, "errors invalid_input": 1}


def test_records_are_no_tensors(serve: "Serve") -> None:
    """MLflow's `inputs` may be objects that have a name as well."""
    service = serve(lambda: {"predictions": [1]})
    service.post({"inputs": [{"name": "Eve", "data": 41}]})

    assert service.row().features == {"name": "Eve", "data": 41}


def test_a_matrix_is_in_the_order_of_the_baseline(serve: "Serve") -> None:
    """A single column has its only feature's name, whatever the input is called."""
    two = Baseline.from_dataframe(pd.DataFrame({"b": [1.5, 2.5] * 9, "a": [0.5, 1.0] * 9}))
    one = Baseline.from_dataframe(pd.DataFrame({"b": [1.5, 2.5] * 9}))
    first = serve(lambda: {"predictions": [1, 1]}, baseline=two)
    first.post(asking(tensor("input-0", "FP32", [2, 2], [1.5, 0.5, 2.5, 1.0])))
    second = serve(lambda: {"predictions": [1, 1]}, baseline=one)
    second.post(asking(tensor("input-0", "FP32", [2, 1], [1.5, 2.5])))

    assert [row.features for row in first.rows()] == [{"b": 1.5, "a": 0.5}, {"b": 2.5, "a": 1.0}]
    assert [row.features for row in second.rows()] == [{"b": 1.5}, {"b": 2.5}]


IDS: dict[str, tuple[Any, Mapping[str, str], str | None]] = {
    "id": ("r-1", {}, "r-1"),
    "request-id-first": ("r-1", {"X-Request-ID": "order-7"}, "order-7"),
    "cloud-event-first": ("r-1", {"Ce-Id": "event"}, "event"),
    "unusable-header": ("r-1", {"X-Request-ID": "order 7"}, "r-1"),
    "unusable": ("r 1", {}, None),
    "number": (7, {}, None),
    "none": (None, {}, None),
}


@pytest.mark.parametrize(("sent", "headers", "external"), IDS.values(), ids=IDS)
def test_the_id_of_the_request(
    serve: "Serve", sent: Any, headers: Mapping[str, str], external: str | None
) -> None:
    """It is the caller's own, after those of the headers; each row has it."""
    service = serve(lambda: {"predictions": [1, 1]})
    service.post(asking(AGE, id=sent), headers=headers)

    assert [row.external_id for row in service.rows()] == [external] * 2


def binary(*inputs: tuple[Row, bytes], **more: Any) -> Mapping[str, Any]:
    """Return how to ask with raw tensors behind the JSON, as V2 clients do: without a type."""
    described = []
    for one, raw in inputs:
        parameters = {**one.get("parameters", {}), "binary_data_size": len(raw)}
        described.append(
            {key: one[key] for key in one if key != "data"} | {"parameters": parameters}
        )
    head = json.dumps(asking(*described)).encode()
    return {
        "json": None,
        "data": head + b"".join(raw for _, raw in inputs),
        "headers": {"Inference-Header-Content-Length": str(len(head))},
        **more,
    }


def texts(*values: bytes) -> bytes:
    """Return a binary tensor of BYTES."""
    return b"".join(struct.pack("<I", len(value)) + value for value in values)


RAW: dict[str, tuple[str, bytes, list[Any]]] = {
    "BOOL": ("BOOL", b"\1\0", [True, False]),
    **{
        datatype: (datatype, np.array([1, 2], kind).tobytes(), [1, 2])
        for datatype, kind in {
            **{"INT8": "<i1", "INT16": "<i2", "INT32": "<i4", "INT64": "<i8"},
            **{"UINT8": "<u1", "UINT16": "<u2", "UINT32": "<u4", "UINT64": "<u8"},
        }.items()
    },
    **{
        datatype: (datatype, np.array([1.5, 2], kind).tobytes(), [1.5, 2.0])
        for datatype, kind in {"FP16": "<f2", "FP32": "<f4", "FP64": "<f8"}.items()
    },
    "BYTES": ("BYTES", texts("früh".encode(), b""), ["früh", ""]),
    "BYTES-no-text": ("BYTES", texts(b"\xff", b"a"), ["\ufffd", "a"]),
}


@pytest.mark.parametrize(("datatype", "raw", "values"), RAW.values(), ids=RAW)
def test_a_raw_tensor(serve: "Serve", datatype: str, raw: bytes, values: list[Any]) -> None:
    """It reads like one in JSON."""
    service = serve(lambda: {"predictions": [1, 1]})
    service.post(**binary((tensor("x", datatype, [2, 1], None), raw)))

    assert [row.features for row in service.rows()] == [{"x": value} for value in values]
    assert [type(row.features["x"]) for row in service.rows()] == list(map(type, values))
    assert service.tally() == {"predictions success": 2, "timed": 1}


@pytest.mark.parametrize("kind", [None, "application/octet-stream", "application/json"])
def test_raw_tensors_side_by_side(serve: "Serve", kind: str | None) -> None:
    """Each has its part of the body, in their order; the view still has the whole of it."""
    ages, plans = np.array([41, 42]).tobytes(), texts(b"free", b"paid")
    asked = binary((AGE, ages), (PLAN, plans), content_type=kind)
    service = serve(lambda: {"predictions": [len(request.get_data()), len(request.stream.read())]})
    length = len(asked["data"])

    assert service.post(**asked).get_json() == {"predictions": [length, length]}
    assert [row.features for row in service.rows()] == [
        {"age": 41, "plan": "free"},
        {"age": 42, "plan": "paid"},
    ]


HEAD = json.dumps(asking({**AGE, "data": None, "parameters": {"binary_data_size": 16}})).encode()
RAW_MALFORMED: dict[str, tuple[bytes, str]] = {
    "too-short": (HEAD + b"\0" * 15, str(len(HEAD))),
    "length-too-short": (HEAD + b"\0" * 16, "3"),
    "length-too-long": (HEAD + b"\0" * 16, str(len(HEAD) + 1)),
    "length-no-number": (HEAD + b"\0" * 16, "all"),
    "length-negative": (b"{}" + HEAD, str(-len(HEAD))),
    "length-of-5000-digits": (HEAD, "9" * 5000),
    "size-negative": (HEAD.replace(b"16", b"-6") + b"\0" * 16, str(len(HEAD))),
    "size-no-number": (HEAD.replace(b"16", b'"'), str(len(HEAD))),
    "size-no-multiple": (HEAD.replace(b"16", b"15") + b"\0" * 15, str(len(HEAD))),
    "datatype-unknown": (HEAD.replace(b"INT64", b"BF160") + b"\0" * 16, str(len(HEAD))),
    "text-cut": (HEAD.replace(b"INT64", b"BYTES") + b"\7\0\0\0" * 4, str(len(HEAD))),
    "text-of-half-a-length": (
        HEAD.replace(b"INT64", b"BYTES").replace(b"16", b" 2") + b"\0\0",
        str(len(HEAD)),
    ),
    "no-object": (b"[]", "2"),
}


@pytest.mark.parametrize(("data", "length"), RAW_MALFORMED.values(), ids=RAW_MALFORMED)
def test_raw_tensors_that_are_not_well_formed(serve: "Serve", data: bytes, length: str) -> None:
    """They are unreadable, and nothing else."""
    service = serve(lambda: {"prediction": 1})
    headers = {"Inference-Header-Content-Length": length}

    assert service.post(json=None, data=data, headers=headers).get_json() == {"prediction": 1}
    assert service.row().features == {}
    assert service.tally() == {"predictions success": 1, "timed": 1}


def test_json_without_a_content_type_where_v2_clients_send_it(serve: "Serve") -> None:
    """Its path tells; a view that insists on the type is still asked what it insists on."""
    service = serve(lambda: {"predictions": [1, 1]})
    app, monitor = service.app, service.monitor
    insisting = monitor.prediction("strict")(lambda: request.get_json())
    app.post("/v2/models/fraud/infer", endpoint="v2")(app.view_functions["<lambda>"])
    app.post("/v2/models/strict/infer", endpoint="strict")(insisting)
    data = json.dumps(asking(AGE)).encode()

    assert service.client.post("/v2/models/fraud/infer", data=data).status_code == 200
    assert service.client.post("/v2/models/strict/infer", data=data).status_code == 415
    assert [row.features for row in service.rows()] == [{"age": 41}, {"age": 42}] * 2


def answering(*outputs: Row) -> Row:
    """Return an answer."""
    return {"model_name": "fraud", "model_version": "2", "id": "r-1", "outputs": list(outputs)}


YES = tensor("label", "BYTES", [2, 1], ["yes", "no"])
P = tensor("probability", "FP64", [2], [0.75, 0.25])
ANSWERS: dict[str, tuple[Row, list[tuple[Any, Any]]]] = {
    "one-output": (answering(tensor("output-0", "FP64", [2], [1, 2])), [(1, None), (2, None)]),
    "column": (answering(tensor("predict", "FP64", [2, 1], [[1], [2]])), [(1, None), (2, None)]),
    "matrix": (
        answering(tensor("predict", "FP64", [2, 2], [1, 2, 3, 4])),
        [([1, 2], None), ([3, 4], None)],
    ),
    "probability-beside": (answering(YES, P), [("yes", 0.75), ("no", 0.25)]),
    "probability-first": (answering(P, YES), [("yes", 0.75), ("no", 0.25)]),
    "first-but-the-probability": (
        answering(P, tensor("species", "BYTES", [2], ["cat", "dog"])),
        [("cat", 0.75), ("dog", 0.25)],
    ),
    "probability-of-each-class": (
        answering(YES, tensor("probabilities", "FP64", [2, 2], [0.25, 0.75, 0.5, 0.5])),
        [("yes", [0.25, 0.75]), ("no", [0.5, 0.5])],
    ),
    "score-beside-label": (
        answering(tensor("score", "FP32", [2], [0.75, 0.5]), YES),
        [("yes", {"yes": 0.75}), ("no", {"no": 0.5})],
    ),
    "order-of-the-keys": (
        answering(tensor("x", "FP64", [2], [8, 9]), tensor("prediction", "INT32", [2], [1, 0])),
        [(1, None), (0, None)],
    ),
    "booleans": (answering(tensor("y", "BOOL", [2], [1, False])), [(True, None), (False, None)]),
}


@pytest.mark.parametrize(("body", "outputs"), ANSWERS.values(), ids=ANSWERS)
@pytest.mark.parametrize("payload", [asking(AGE), [{"age": 41}, {"age": 42}]], ids=["v2", "plain"])
def test_an_answer_in_v2(
    serve: "Serve", payload: Any, body: Row, outputs: list[tuple[Any, Any]]
) -> None:
    """Its outputs are told by their names, whatever the dialect of the request."""
    service = serve(lambda: body)

    assert service.post(payload).get_json() == body
    assert [(row.prediction, row.probability) for row in service.rows()] == outputs
    assert service.tally() == {"predictions success": 2, "timed": 1}


def test_an_answer_in_v2_to_a_single_row(serve: "Serve") -> None:
    """Its only value."""
    service = serve(lambda: answering(tensor("y", "FP64", [1, 1], [0.5])))
    service.post({"age": 41})

    assert service.row().prediction == 0.5


def test_an_answer_of_raw_tensors(serve: "Serve") -> None:
    """As Triton's clients ask for it."""
    raw = np.array([1.5, 2.5]).tobytes()
    output = {"name": "y", "datatype": "FP64", "shape": [2]}
    head = json.dumps({"outputs": [{**output, "parameters": {"binary_data_size": 16}}]}).encode()
    headers = {"Inference-Header-Content-Length": str(len(head))}
    service = serve(
        lambda: Response(head + raw, mimetype="application/octet-stream", headers=headers)
    )
    response = service.post(asking(AGE))

    assert response.data == head + raw
    assert [row.prediction for row in service.rows()] == [1.5, 2.5]


UNKNOWN: dict[str, Row] = {
    "too-few-rows": answering(tensor("y", "FP64", [1], [1])),
    "shape": answering(tensor("y", "FP64", [3], [1, 2])),
    "hole": answering(tensor("y", "FP64", [2], [1, None])),
}


@pytest.mark.parametrize("body", UNKNOWN.values(), ids=UNKNOWN)
def test_an_answer_in_v2_of_no_known_form(serve: "Serve", body: Row) -> None:
    """It is answered and kept without a value, and counted."""
    service = serve(lambda: body)

    assert service.post(asking(AGE)).get_json() == body
    assert [row.prediction for row in service.rows()] == [None, None]
    assert service.tally() == {"predictions success": 2, "timed": 1, "faults outcome": 1}


@pytest.mark.parametrize("shape", [[2], [1]], ids=["a-row-each", "another-number-of-rows"])
def test_nan_in_an_answer_in_v2(serve: "Serve", shape: list[int]) -> None:
    """It is never served."""
    values = [1.5, float("nan")][-shape[0] :]
    service = serve(lambda: answering(tensor("y", "FP64", shape, values)))

    assert service.post(asking(AGE)).status_code == 500
    assert service.tally() == {"predictions error": 2, "errors nan_prediction": 1, "timed": 1}


class Rules:
    """A secondary model."""

    def __init__(self, *answers: Any) -> None:
        self.answers = answers
        self.asked: list[Any] = []

    def predict(self, rows: Any) -> Any:
        """Return an answer for each row."""
        self.asked += rows
        return list(self.answers)


def broken() -> Any:
    raise ZeroDivisionError


PREDICTIONS: dict[str, tuple[list[Any], str, list[int], list[Any]]] = {
    "numbers": ([0.5, 1], "FP64", [2], [0.5, 1]),
    "integers": ([1, 0], "INT64", [2], [1, 0]),
    "booleans": ([True, False], "BOOL", [2], [True, False]),
    "texts": (["yes", "no"], "BYTES", [2], ["yes", "no"]),
    "several-targets": ([[1, 2], [3, 4]], "INT64", [2, 2], [1, 2, 3, 4]),
}


@pytest.mark.parametrize(
    ("answers", "datatype", "shape", "data"), PREDICTIONS.values(), ids=PREDICTIONS
)
def test_a_predictor_answers_in_v2(
    serve: "Serve", answers: list[Any], datatype: str, shape: list[int], data: list[Any]
) -> None:
    """With the model's name, the request's id or else ours, and the output that was asked for."""
    secondary = Rules(*answers)
    service = serve(broken, fallback=secondary)
    named = service.post(asking(AGE, id="r 1", outputs=[{"name": "label"}])).get_json()
    nameless = service.post(asking(AGE))
    described = {"shape": shape, "datatype": datatype, "data": data}

    assert named == {
        **{"model_name": "fraud", "model_version": "2", "id": "r 1"},
        "outputs": [{"name": "label", **described}],
    }
    assert nameless.get_json() == {
        **{"model_name": "fraud", "model_version": "2"},
        "id": nameless.headers["X-Prediction-ID"],
        "outputs": [{"name": "prediction", **described}],
    }
    assert secondary.asked == [[41], [42]] * 2
    assert [row.prediction for row in service.rows()] == answers * 2


@pytest.mark.parametrize(
    "answers", [["yes", 1], [[1], [1, 2]], [{}, {}], [None, 1], [[], []], [True, 1]]
)
def test_what_no_tensor_can_hold_is_no_answer(serve: "Serve", answers: list[Any]) -> None:
    """The fallback failed; the caller gets the view's own failure."""
    service = serve(broken, fallback=Rules(*answers), config={"PROPAGATE_EXCEPTIONS": False})

    assert service.post(asking(AGE)).status_code == 500
    assert service.tally()["predictions error"] == 2


@pytest.mark.parametrize(
    "payload",
    [
        {"dataframe_split": {"columns": ["plan", "age"], "data": [["paid", 41]]}},
        {"instances": [{"plan": "paid", "age": 41}]},
        {"inputs": {"plan": ["paid"], "age": [41]}},
    ],
    ids=["split", "instances", "inputs"],
)
def test_a_predictor_answers_other_batches_with_predictions(
    serve: "Serve", baseline: Baseline, payload: Row
) -> None:
    """Rows in the baseline's order, as ever; MLflow's clients read them so."""
    secondary = Rules(7)
    service = serve(broken, baseline=baseline, fallback=secondary)

    assert service.post(payload).get_json() == {"predictions": [7]}
    assert secondary.asked == [[41, None, "paid", None]]
    assert service.row().prediction == 7


def test_a_predictor_answers_csv(serve: "Serve", baseline: Baseline) -> None:
    """With numbers where the training data had them."""
    secondary = Rules(7)
    service = serve(broken, baseline=baseline, fallback=secondary)
    response = service.post(json=None, data=b"plan,age\npaid,41\n", content_type="text/csv")

    assert response.get_json() == {"predictions": [7]}
    assert secondary.asked == [[41, None, "paid", None]]
