"""From a view's return value to a body and a status; nothing is changed."""

import json
from collections.abc import Iterator
from typing import Any, Final

import msgspec
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from flask_mlmonitor.request.dialects import csv_text
from flask_mlmonitor.request.dialects.binary import HEADER, joined
from flask_mlmonitor.request.outputs import key_of

_JSON: Final = frozenset((float, int, str, bool, type(None)))
_OK: Final = 200
_NOT_FINITE: Final = frozenset(("nan", "inf", "infinity"))


class Answer(msgspec.Struct, frozen=True, gc=False):
    """What a view returned: the body, and the status that Flask will send."""

    body: Any
    status: int


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
    if response.is_json:
        return _json(data)
    if response.mimetype in csv_text.MIMETYPES:
        return _columns_of_text(csv_text.lines_of(csv_text.decoded(data, "utf-8")))
    if HEADER in response.headers:
        return joined(data, response.headers[HEADER], _json)
    return _text(data)


def _columns_of_text(lines: list[list[str]]) -> Any:
    """Return what CSV says: columns if a known key heads one, else a value for each line."""
    if not lines:
        return None
    if key_of(lines[0]) is None:
        return [list(map(_meant, line)) for line in lines]
    header, *lines = lines
    return {name: [_meant(line[place]) for line in lines] for place, name in enumerate(header)}


def _meant(cell: str) -> Any:
    """Return what a cell says of itself; a prediction may also be no number."""
    return float(cell) if cell.lower().lstrip("+-") in _NOT_FINITE else csv_text.guessed(cell)


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
