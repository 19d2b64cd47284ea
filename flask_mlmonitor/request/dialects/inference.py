"""The Open Inference Protocol (V2) of KServe, MLServer, Triton and others."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from flask_mlmonitor.request.dialects.rows import (
    Inference,
    Payload,
    RawRow,
    Unreadable,
    listed,
    names_of,
    rows_of_columns,
)
from flask_mlmonitor.request.dialects.tensors import Tensor, parameter, tensor_of

OUTPUT: Final = "prediction"
_COLUMNS: Final = ("columns", "names", "feature_names")
_DATATYPES: Final = (
    ({bool}, "BOOL"),
    ({int}, "INT64"),
    ({int, float}, "FP64"),
    ({str}, "BYTES"),
)


def read_inference(body: Mapping[str, Any], features: Sequence[str]) -> Payload:
    """Return the rows of a V2 request.

    >>> tensor = {"name": "age", "datatype": "FP64", "shape": [2, 1], "data": [41, 42]}
    >>> read_inference({"inputs": [tensor]}, ()).rows
    [{'age': 41}, {'age': 42}]

    :param features: the baseline's, in order.
    """
    tensors = [
        tensor_of(f"inputs[{place}]", described) for place, described in enumerate(body["inputs"])
    ]
    names = names_of([tensor.name for tensor in tensors])
    if len(tensors) == 1:
        rows = _rows_of_one(tensors[0], _columns(body), features)
    else:
        rows = rows_of_columns(
            {name: tensor.column for name, tensor in zip(names, tensors, strict=True)}
        )
    sent = body.get("id")
    return Payload(rows, True, Inference(sent if isinstance(sent, str) else None, _wanted(body)))


def _rows_of_one(
    tensor: Tensor, columns: Sequence[str] | None, features: Sequence[str]
) -> Sequence[RawRow]:
    """Return the rows of a request's only input: a column, or all columns side by side."""
    if columns is not None:
        if len(columns) != tensor.width:
            raise Unreadable(f"inputs[0]: {len(columns)} names for {tensor.width} columns")
        values = [[value] for value in tensor.values] if tensor.width == 1 else tensor.column
        return [dict(zip(columns, row, strict=True)) for row in values]
    if tensor.width == 1 and len(features) == 1:  # whatever the input is called
        return [[value] for value in tensor.values]
    if len(tensor.shape) == 2 and tensor.width > 1:
        return tensor.column
    return rows_of_columns({tensor.name: tensor.column})


def _columns(body: Mapping[str, Any]) -> list[str] | None:
    """Return the names of a matrix's columns, if the request or its input gives them."""
    for described in (body["inputs"][0], body):
        for key in _COLUMNS:
            columns = parameter(described, key)
            if isinstance(columns, list):
                return names_of(columns)
    return None


def _wanted(body: Mapping[str, Any]) -> str:
    outputs = body.get("outputs")
    first = outputs[0] if isinstance(outputs, list) and outputs else None
    name = first.get("name") if isinstance(first, dict) else None
    return name if isinstance(name, str) else OUTPUT


def columns_of(outputs: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Return the outputs of a V2 answer, a value for each row.

    >>> label = {"name": "species", "datatype": "BYTES", "shape": [1], "data": ["cat"]}
    >>> columns_of([label])
    {'species': ['cat']}
    """
    tensors = []
    for place, described in enumerate(outputs):
        lists = {key: listed(described.get(key)) for key in ("shape", "data")}
        tensors.append(tensor_of(f"outputs[{place}]", {**described, **lists}))
    return {tensor.name: tensor.column for tensor in tensors}


def inference_answer(
    asked: Inference, predictions: Sequence[Any], *, model: str, version: str, own_id: str
) -> dict[str, Any]:
    """Return the V2 answer to a request.

    >>> inference_answer(
    ...     Inference("r-1", "label"), ["cat"], model="pets", version="2", own_id="0"
    ... )["outputs"]
    [{'name': 'label', 'shape': [1], 'datatype': 'BYTES', 'data': ['cat']}]

    :param own_id: the answer's where the caller gave the request none.
    :raises ValueError: for predictions that no tensor can hold.
    """
    shape, values = [len(predictions)], list(predictions)
    if all(isinstance(one, list) for one in predictions):
        shape.append(len(predictions[0]))
        values = [value for one in predictions for value in one]
    kinds = set(map(type, values))
    datatype = next((name for types, name in _DATATYPES if kinds and kinds <= types), None)
    if datatype is None or len(values) != math.prod(shape):
        raise ValueError(
            "a V2 answer holds numbers, texts or booleans, one kind of them, and as many in each "
            "row; give a fallback that takes what the view takes, and answers itself"
        )
    output = {"name": asked.output, "shape": shape, "datatype": datatype, "data": values}
    return {
        "model_name": model,
        "model_version": version,
        "id": own_id if asked.id is None else asked.id,
        "outputs": [output],
    }
