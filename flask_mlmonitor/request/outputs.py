"""From an answer's body to predictions and probabilities."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from flask_mlmonitor.request.dialects.inference import columns_of
from flask_mlmonitor.request.dialects.rows import Unreadable, listed
from flask_mlmonitor.request.dialects.tensors import are_tensors

PREDICTIONS: Final = ("prediction", "predictions", "outputs", "result", "label", "class", "score")
PROBABILITIES: Final = ("probability", "probabilities", "proba", "scores")
LABELS: Final = ("label", "class")
LONGEST_TEXT: Final = 256
_TENSORS: Final = "outputs"
_PLAIN: Final = frozenset((float, int, str, bool, dict, type(None)))


class Output(msgspec.Struct, frozen=True, gc=False):
    """One row's prediction and probability, each ``None`` where there is none."""

    prediction: Any = None
    probability: Any = None


def outputs_of(body: Any, rows: int, *, batch: bool) -> list[Output] | None:
    """Return one output for each row, or ``None`` when the body has no known form.

    >>> outputs_of({"prediction": 1, "probability": 0.9}, 1, batch=False)
    [Output(prediction=1, probability=0.9)]
    >>> outputs_of({"predictions": [0, 1]}, 2, batch=True)
    [Output(prediction=0, probability=None), Output(prediction=1, probability=None)]
    >>> outputs_of({"label": "cat", "score": 0.8}, 1, batch=False)
    [Output(prediction='cat', probability={'cat': 0.8})]
    """
    prediction, probability = body, None
    if isinstance(body, dict):
        key = key_of(body)
        if key is None:
            return None
        if key == _TENSORS and are_tensors(body[key]):
            return outputs_of(_columns(body[key]), rows, batch=batch)
        prediction = body[key]
        for name in PROBABILITIES:
            if name in body:
                probability = body[name]
                break
        if probability is None and key in LABELS and "score" in body:
            return _beside(prediction, body["score"], rows, batch=batch)
    if type(prediction) not in _PLAIN:
        prediction = listed(prediction)
    if type(probability) not in _PLAIN:
        probability = listed(probability)
    if batch and isinstance(prediction, dict):
        return outputs_of(_named(prediction), rows, batch=True)
    if batch and (rows != 1 or isinstance(prediction, list)):
        return _per_row(prediction, probability, rows)
    return _single(prediction, probability)


def not_finite(outputs: Sequence[Output]) -> bool:
    """Return whether any prediction is NaN or infinite, or holds such a number.

    >>> not_finite([Output(1), Output([0.5, float("nan")])])
    True
    """
    for output in outputs:
        prediction = output.prediction
        if isinstance(prediction, float | list) and _not_finite(prediction):
            return True
    return False


def holds_no_number(body: Any) -> bool:
    """Return whether a body of no known form has NaN or infinity where its prediction stands.

    >>> holds_no_number({"prediction": float("nan"), "rows": 2})
    True
    """
    if isinstance(body, dict):
        key = key_of(body)
        body = body.get(key)
        if key == _TENSORS and are_tensors(body):
            return holds_no_number(_columns(body))
    return _not_finite(listed(body))


def _columns(tensors: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return a V2 answer as an object that has a column for each output.

    Where none is named like a prediction, the first that is no probability is one.
    """
    try:
        columns: dict[str, Any] = columns_of(tensors)
    except Unreadable:
        return {}
    if columns and key_of(columns) is None:
        names = [name for name in columns if name not in PROBABILITIES] or list(columns)
        return {PREDICTIONS[0]: columns[names[0]], **columns}
    return columns


def key_of(body: Iterable[str]) -> str | None:
    """Return the key under which an object has its prediction, if it is a known one."""
    for key in PREDICTIONS:
        if key in body:
            return key
    return None


def _not_finite(value: Any) -> bool:
    if isinstance(value, list):
        return any(map(_not_finite, value))
    return isinstance(value, float) and not math.isfinite(value)


def _single(prediction: Any, probability: Any) -> list[Output] | None:
    if prediction is None or (isinstance(prediction, str) and len(prediction) > LONGEST_TEXT):
        return None
    if isinstance(prediction, dict):
        return outputs_of(_named(prediction), 1, batch=False)
    if isinstance(prediction, list) and len(prediction) == 1:
        if isinstance(probability, list) and len(probability) == 1:
            probability = probability[0]
        return _single(prediction[0], probability)
    return [Output(prediction, probability)]


def _named(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a record; what stands alone in it is the prediction, whatever its name.

    A series that a model returns leaves MLflow as such records.
    """
    if len(record) == 1 and key_of(record) is None:
        return dict.fromkeys(PREDICTIONS[:1], *record.values())
    return record


def _per_row(predictions: Any, probabilities: Any, rows: int) -> list[Output] | None:
    if not isinstance(predictions, list) or len(predictions) != rows:
        return None
    if not isinstance(probabilities, list) or len(probabilities) != rows:
        probabilities = [None] * rows
    outputs: list[Output] = []
    for prediction, probability in zip(predictions, probabilities, strict=True):
        single = _single(prediction, probability)
        if single is None:
            return None
        outputs += single
    return outputs


def _beside(label: Any, score: Any, rows: int, *, batch: bool) -> list[Output] | None:
    labels, scores = (label, score) if batch and isinstance(label, list) else ([label], [score])
    if not isinstance(scores, list) or not len(labels) == len(scores) == rows:
        return None
    return [Output(one, {str(one): p}) for one, p in zip(labels, scores, strict=True)]
