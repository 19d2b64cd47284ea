"""MLflow's scoring protocol and KServe's V1: rows, columns, and what is neither."""

from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from flask_mlmonitor import Baseline

if TYPE_CHECKING:
    from tests.conftest import Serve

Row = dict[str, Any]

TWO: list[Row] = [{"age": 41, "plan": "free"}, {"age": 42, "plan": None}]
NAMELESS: list[Row] = [{"0": 41, "1": "free"}, {"0": 42, "1": None}]
SPLIT = {"columns": ["age", "plan"], "data": [[41, "free"], [42, None]]}
PAYLOADS: dict[str, tuple[Any, list[Row]]] = {
    "split": ({"dataframe_split": SPLIT}, TWO),
    "split-with-index": ({"dataframe_split": {"index": [7, 9], **SPLIT}}, TWO),
    "split-with-params": ({"dataframe_split": SPLIT, "params": {"temperature": 1}}, TWO),
    "split-without-columns": ({"dataframe_split": {"data": SPLIT["data"]}}, NAMELESS),
    "split-with-numbers-as-columns": (
        {"dataframe_split": {"columns": [0, 1], "data": SPLIT["data"]}},
        NAMELESS,
    ),
    "records": ({"dataframe_records": TWO}, TWO),
    "records-of-one": ({"dataframe_records": TWO[:1]}, TWO[:1]),
    "inputs-of-records": ({"inputs": TWO}, TWO),
    "inputs-of-lists": ({"inputs": [[41, "free"], [42, None]]}, NAMELESS),
    "inputs-of-values": ({"inputs": [41, 42]}, [{"0": 41}, {"0": 42}]),
    "inputs-as-columns": ({"inputs": {"age": [41, 42], "plan": ["free", None]}}, TWO),
    "inputs-as-one-row": ({"inputs": {"age": 41, "plan": "free"}, "params": {}}, TWO[:1]),
    "instances-as-columns": ({"instances": {"age": [41, 42], "plan": ["free", None]}}, TWO),
}
PLAIN: dict[str, Row] = {
    "a-text": {"inputs": "Is this spam?"},
    "among-others": {"inputs": [3, 4], "months": 5},
    "object-among-others": {"instances": {"a": [1]}, "months": 5},
    "number": {"inputs": 3},
    "null": {"instances": None},
    "empty-object": {"inputs": {}},
    "columns": {"columns": ["age"], "data": [[41]]},
}
UNREADABLE: dict[str, tuple[Any, str]] = {
    "split-no-object": ({"dataframe_split": [[41]]}, "list of rows"),
    "split-no-data": ({"dataframe_split": {"columns": ["age"]}}, "list of rows"),
    "split-no-rows": ({"dataframe_split": {"columns": ["age"], "data": [41]}}, "list of rows"),
    "split-ragged": ({"dataframe_split": {**SPLIT, "data": [[41, "free"], [42]]}}, "2 values"),
    "split-names-no-list": ({"dataframe_split": {**SPLIT, "columns": "ap"}}, "list of names"),
    "split-names-twice": ({"dataframe_split": {**SPLIT, "columns": ["a", "a"]}}, "same name"),
    "split-name-twice-as-text": (
        {"dataframe_split": {**SPLIT, "columns": ["1", 1]}},
        "same name",
    ),
    "split-name-no-text": ({"dataframe_split": {**SPLIT, "columns": ["a", None]}}, "a text"),
    "split-multi-index": (
        {"dataframe_split": {**SPLIT, "columns": [["a", "b"], ["a", "c"]]}},
        "a text",
    ),
    "split-empty": ({"dataframe_split": {"columns": ["age"], "data": []}}, "rows"),
    "records-no-list": ({"dataframe_records": {"age": [41]}}, "list of objects"),
    "records-of-lists": ({"dataframe_records": [[41]]}, "list of objects"),
    "records-empty": ({"dataframe_records": []}, "rows"),
    "columns-of-unequal-length": ({"inputs": {"age": [41, 42], "plan": ["free"]}}, "1 to 2"),
    "columns-and-values": ({"inputs": {"age": [41, 42], "plan": "free"}}, "must be lists"),
    "columns-empty": ({"inputs": {"age": [], "plan": []}}, "rows"),
}


@pytest.mark.parametrize(("payload", "features"), PAYLOADS.values(), ids=PAYLOADS)
def test_each_row_is_a_prediction(serve: "Serve", payload: Any, features: list[Row]) -> None:
    """Under the id and the row's number, also where there is only one."""
    service = serve(lambda: {"predictions": list(range(len(features)))})
    response = service.post(payload)
    rows = service.rows()

    assert [row.features for row in rows] == features
    assert [row.prediction for row in rows] == list(range(len(features)))
    assert [row.id for row in rows] == [
        f"{response.headers['X-Prediction-ID']}:{number}" for number in range(len(features))
    ]
    assert service.tally() == {"predictions success": len(features), "timed": 1}


@pytest.mark.parametrize("payload", PLAIN.values(), ids=PLAIN)
def test_a_feature_may_have_the_name_of_a_key(serve: "Serve", payload: Row) -> None:
    """What stands under it, or beside it, is not what MLflow's clients send."""
    service = serve(lambda: {"prediction": 1})
    response = service.post(payload)

    assert service.row().features == payload
    assert service.row().id == response.headers["X-Prediction-ID"]
    assert service.tally() == {"predictions success": 1, "timed": 1}


@pytest.mark.parametrize("name", ["inputs", "instances", "dataframe_split", "dataframe_records"])
def test_a_feature_of_the_baseline_is_no_key(serve: "Serve", name: str) -> None:
    """Whatever it holds."""
    baseline = Baseline.from_dataframe(pd.DataFrame({name: ["a", "b"] * 9}))
    service = serve(lambda: {"prediction": 1}, baseline=baseline)
    service.post({name: ["a"]})

    assert service.row().features == {name: ["a"]}


@pytest.mark.parametrize(("payload", "why"), UNREADABLE.values(), ids=UNREADABLE)
def test_what_is_not_well_formed_is_unreadable(serve: "Serve", payload: Any, why: str) -> None:
    """The view answers it as ever; a route that rejects says what to mend."""
    lax = serve(lambda: {"prediction": 1})
    strict = serve(lambda: {"prediction": 1}, on_invalid="reject")
    refused = strict.post(payload)

    assert lax.post(payload).get_json() == {"prediction": 1}
    assert (lax.row().features, lax.tally()) == ({}, {"predictions success": 1, "timed": 1})
    assert refused.status_code == 422
    assert why in refused.get_json()["detail"]
    assert strict.tally() == {"predictions invalid": 1, "errors invalid_input": 1}


def test_columns_are_named_as_in_the_baseline(
    serve: "Serve", baseline: Baseline, customer: Row
) -> None:
    """In any order; a frame without names is in the baseline's own."""
    service = serve(lambda: {"predictions": [1]}, baseline=baseline)
    named, nameless = list(reversed(customer)), list(customer.values())
    service.post(
        {"dataframe_split": {"columns": named, "data": [[customer[name] for name in named]]}}
    )
    service.post({"dataframe_split": {"data": [nameless]}})
    service.post({"inputs": [nameless]})

    assert [row.features for row in service.rows()] == [customer] * 3
    assert service.tally() == {"predictions success": 3, "timed": 3}


def test_a_bad_value_is_flagged(serve: "Serve", baseline: Baseline) -> None:
    """By row and feature, as in any other dialect."""
    service = serve(lambda: {"predictions": [1, 1]}, baseline=baseline, on_invalid="reject")
    data = [[41, 900.5, "free", True], ["41", float("nan"), "free", True]]
    response = service.post(
        {"dataframe_split": {"columns": list(baseline.feature_names), "data": data}}
    )

    assert response.get_json()["errors"] == [
        {"row": 1, "field": "age", "rule": "type"},
        {"row": 1, "field": "income", "rule": "nan"},
    ]
