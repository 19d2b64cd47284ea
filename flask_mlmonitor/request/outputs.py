"""From a view's return value to predictions and probabilities; bodies are only read."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from flask_mlmonitor.request.payloads import listed

PREDICTIONS: Final = ("prediction", "predictions", "outputs", "result", "label", "class", "score")
PROBABILITIES: Final = ("probability", "probabilities", "proba", "scores")
LABELS: Final = ("label", "class")
LONGEST_TEXT: Final = 256
_JSON: Final = frozenset((float, int, str, bool, type(None)))
_PLAIN: Final = frozenset((float, int, str, bool, dict, type(None)))
_OK: Final = 200


class Answer(msgspec.Struct, frozen=True, gc=False):
    """What a view returned: the body, and the status that Flask will send."""

    body: Any
    status: int


class Output(msgspec.Struct, frozen=True, gc=False):
    """One row's prediction and probability, each ``None`` where there is none."""

    prediction: Any = None
    probability: Any = None


def answer_of(value: Any) -> Answer:
    """Split any return value of a view into body and status.

    >>> answer_of(({"error": "gone"}, 503))
    Answer(body={'error': 'gone'}, status=503)
    >>> answer_of({"prediction": 1})
    Answer(body={'prediction': 1}, status=200)
    """
    if isinstance(value, dict):
        return Answer(value, _OK)
    if isinstance(value, Response):
        return Answer(_parsed(value) if value.status_code < 300 else None, value.status_code)
    if isinstance(value, tuple) and value:
        return _with_status(*value[:2])
    if isinstance(value, HTTPException):
        return Answer(None, value.code or _OK)
    if isinstance(value, str | bytes):
        return Answer(_text(value), _OK)
    if isinstance(value, Iterator):  # streamed
        return Answer(None, _OK)
    return Answer(value, _OK)


def is_plain(value: Any) -> bool:
    """Return whether Flask can surely send a view's return value.

    >>> is_plain({"prediction": [1, 0.5]}), is_plain({"prediction": 1j}), is_plain(1)
    (True, False, False)
    """
    if isinstance(value, tuple) and value:
        value = value[0]
    if isinstance(value, dict | list):
        return _is_json(value)
    return isinstance(value, Response | str | bytes | Iterator | HTTPException)


def _is_json(value: Any) -> bool:
    kind = type(value)
    if kind is dict:
        return all(map(_is_json, value.values()))
    if kind is list:
        return all(map(_is_json, value))
    return kind in _JSON


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
        key = _key(body)
        if key is None:
            return None
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
    if batch:
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
        body = body.get(_key(body))
    return _not_finite(listed(body))


def _key(body: Mapping[str, Any]) -> str | None:
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
        return outputs_of(prediction, 1, batch=False)
    if isinstance(prediction, list) and len(prediction) == 1:
        if isinstance(probability, list) and len(probability) == 1:
            probability = probability[0]
        return _single(prediction[0], probability)
    return [Output(prediction, probability)]


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
    labels, scores = (label, score) if batch else ([label], [score])
    if not (isinstance(labels, list) and isinstance(scores, list)):
        return None
    if not len(labels) == len(scores) == rows:
        return None
    return [Output(one, {str(one): p}) for one, p in zip(labels, scores, strict=True)]


def _with_status(value: Any, status: Any = None) -> Answer:
    inner = answer_of(value)
    if isinstance(status, int):
        return Answer(inner.body, status)
    if isinstance(status, str):
        return Answer(inner.body, int(status.split(maxsplit=1)[0]))
    return inner  # what stands in its place are headers


def _parsed(response: Response) -> Any:
    if response.is_streamed or response.direct_passthrough:
        return None
    data = response.get_data()
    return _json(data) if response.is_json else _text(data)


def _text(data: str | bytes) -> Any:
    try:
        return _json(data)
    except ValueError:
        text = data.decode(errors="replace") if isinstance(data, bytes) else data
        return text or None


def _json(data: str | bytes) -> Any:
    try:
        return msgspec.json.decode(data)
    except msgspec.DecodeError:
        # Python's own parser takes NaN and Infinity, which views do send.
        return json.loads(data)
