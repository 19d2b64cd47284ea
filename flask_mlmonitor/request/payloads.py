"""From a request to rows, in the order of the baseline."""

import re
from collections.abc import Callable, Mapping, Sequence
from io import BytesIO
from operator import itemgetter
from typing import Any, Final

import msgspec
from flask import Request
from werkzeug.exceptions import HTTPException

from flask_mlmonitor.request.dialects import given, mlflow, plain
from flask_mlmonitor.request.dialects.binary import HEADER, joined
from flask_mlmonitor.request.dialects.csv_text import MIMETYPES, CsvReader
from flask_mlmonitor.request.dialects.inference import read_inference
from flask_mlmonitor.request.dialects.rows import (
    UNREADABLE,
    Payload,
    RawRow,
    Unreadable,
)
from flask_mlmonitor.request.dialects.tensors import are_tensors
from flask_mlmonitor.stats.cells.binning import FeatureBins

EXTERNAL_ID: Final = re.compile(r"[\w.:-]{1,128}", re.ASCII)
LARGEST: Final = 16 << 20
"""Of the bodies that are not JSON: a larger one is left to the view alone."""

_EXTERNAL_HEADERS: Final = ("HTTP_X_REQUEST_ID", "HTTP_CE_ID")
_BESIDE_VALUES: Final = frozenset(("inputs", "instances", "params", "signature_name"))
"""The keys of a body whose ``inputs`` or ``instances`` are rows, and no feature."""

_LENGTH_OF_JSON: Final = "HTTP_" + HEADER.upper().replace("-", "_")
_OF_TENSORS: Final = frozenset(("", "application/octet-stream", "application/json"))
_INFER: Final = "/infer"
"""The end of the path to which V2 clients send JSON, some without a content type."""


class Fields(msgspec.Struct, frozen=True, gc=False):
    """One row in the order of the baseline.

    :param absent: indices of the fields that were not sent.
    :param extra: the fields that the baseline does not know.
    """

    values: Sequence[Any]
    absent: Sequence[int] | None = None
    extra: Mapping[str, Any] | None = None


class Reader:
    """Reads the requests to one model.

    The dialect of a JSON body is told by its keys and by what is under them. A feature of the
    baseline is never taken for such a key.

    :param features: the baseline's; none: every field is kept by its name.
    """

    def __init__(self, features: Sequence[FeatureBins]) -> None:
        self._names = tuple(feature.name for feature in features)
        self._csv = CsvReader(features)
        self._keyed = tuple(
            (key, read)
            for key, read in (
                ("instances", self._instances),
                ("inputs", self._inputs),
                ("dataframe_split", lambda body: mlflow.read_split(body["dataframe_split"])),
                ("dataframe_records", lambda body: mlflow.read_records(body["dataframe_records"])),
            )
            if key not in self._names
        )

    def payload(self, request: Request, features: Callable[[Any], Any] | None) -> Payload:
        """Return the rows of *request*; none, if it is in no dialect.

        JSON is parsed once, for the view as well: it is what ``request.get_json()`` gives.

        :param features: takes the request and returns a row or a list of rows.
        """
        if features is not None:
            return given.read(features(request))
        try:
            body = request.get_json(silent=True)
            if body is not None or request.is_json:
                leave_stream(request)
            if body is None:
                body = self._other(request)
            return body if isinstance(body, Payload) else self.rows_of(body)
        except HTTPException:
            return UNREADABLE
        except RecursionError:
            leave_stream(request)
            return UNREADABLE
        except Unreadable as problem:
            return Payload((), False, problem=str(problem))

    def rows_of(self, body: Any) -> Payload:
        """Return the rows of a parsed body.

        >>> Reader(()).rows_of({"instances": [[41, "a"]]}).rows
        [[41, 'a']]
        >>> Reader(()).rows_of({"inputs": "a text"}).rows
        ({'inputs': 'a text'},)
        """
        if isinstance(body, dict):
            for key, read in self._keyed:
                if key in body:
                    payload = read(body)
                    if payload is not None:
                        return payload
        return plain.read(body)

    def _instances(self, body: Mapping[str, Any]) -> Payload | None:
        instances = body["instances"]
        if isinstance(instances, list) or body.keys() <= _BESIDE_VALUES:
            return mlflow.read_values(instances)
        return None

    def _inputs(self, body: Mapping[str, Any]) -> Payload | None:
        if are_tensors(body["inputs"]):
            return read_inference(body, self._names)
        return mlflow.read_values(body["inputs"]) if body.keys() <= _BESIDE_VALUES else None

    def _other(self, request: Request) -> Any:
        """Return what a body that is not JSON holds: rows, or what JSON would have."""
        kind, environ = request.mimetype, request.environ
        if kind in MIMETYPES:
            parameters = request.mimetype_params
            header = parameters.get("header") != "absent"
            return self._csv.read(_data(request), parameters.get("charset", "utf-8"), header=header)
        length = environ.get(_LENGTH_OF_JSON)
        if length is not None and kind in _OF_TENSORS:
            return joined(_data(request), length, request.json_module.loads)
        if not kind and request.path.endswith(_INFER):
            try:
                return request.json_module.loads(_data(request))
            except (ValueError, RecursionError):
                raise Unreadable("no JSON") from None
        return UNREADABLE


def leave_stream(request: Request) -> None:
    """Leave the body to a view that reads its stream itself: reading has consumed it."""
    stream = BytesIO(request.get_data())
    request.__dict__["stream"] = request.environ["wsgi.input"] = stream


def _data(request: Request) -> bytes:
    """Return a body that views may also read piece by piece: only one of a known, fair length."""
    length = request.content_length
    if length is None or length > LARGEST or "HTTP_CONTENT_ENCODING" in request.environ:
        raise Unreadable(f"compressed, of unknown length, or of more than {LARGEST >> 20} MiB")
    data = request.get_data()
    leave_stream(request)
    return data


def external_id_of(environ: Mapping[str, Any], payload: Payload) -> str | None:
    """Return the caller's own id of the request, if it sent a usable one."""
    for header in _EXTERNAL_HEADERS:
        if header in environ:
            value = str(environ[header])
            if EXTERNAL_ID.fullmatch(value):
                return value
    sent = None if payload.inference is None else payload.inference.id
    return sent if sent is not None and EXTERNAL_ID.fullmatch(sent) else None


class Order:
    """Puts rows into the order of the baseline's features.

    >>> Order(("age", "plan")).fields([{"plan": "a", "city": "Oslo"}])
    [Fields(values=[None, 'a'], absent=[0], extra={'city': 'Oslo'})]

    :param names: the baseline's features; none: every field is kept by its name.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self._known = frozenset(names)
        # One call for all values; of a single name or none, itemgetter returns no tuple.
        self._values = itemgetter(*names) if len(names) > 1 else self._one_by_one

    def fields(self, rows: Sequence[RawRow]) -> list[Fields]:
        """Return the rows' values in order, and what does not fit."""
        known = len(self.names)
        fields = []
        for row in rows:
            try:
                if isinstance(row, Mapping) and len(row) == known:
                    fields.append(Fields(self._values(row)))
                    continue
            except KeyError:
                pass
            fields.append(self._named(row) if isinstance(row, Mapping) else self._positional(row))
        return fields

    def _one_by_one(self, row: Mapping[str, Any]) -> Sequence[Any]:
        return [row[name] for name in self.names]

    def _named(self, row: Mapping[str, Any]) -> Fields:
        values = [row.get(name) for name in self.names]
        absent = [place for place, name in enumerate(self.names) if name not in row]
        extra = {str(name): value for name, value in row.items() if name not in self._known}
        return Fields(values, absent or None, extra or None)

    def _positional(self, row: Sequence[Any]) -> Fields:
        known = len(self.names)
        missing = range(len(row), known)
        extra = {str(place): row[place] for place in range(known, len(row))}
        values = (*row[:known], *(None for _ in missing))  # a copy: the view may change its list
        return Fields(values, list(missing) or None, extra or None)
