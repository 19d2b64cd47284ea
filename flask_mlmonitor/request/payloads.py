"""From a request to rows: one small function for each dialect."""

import re
from collections.abc import Callable, Mapping, Sequence
from io import BytesIO
from operator import itemgetter
from typing import Any, Final

import msgspec
from flask import Request
from werkzeug.exceptions import HTTPException

RawRow = Mapping[str, Any] | Sequence[Any]

EXTERNAL_ID: Final = re.compile(r"[\w.:-]{1,128}", re.ASCII)
_EXTERNAL_HEADERS: Final = ("HTTP_X_REQUEST_ID", "HTTP_CE_ID")


class Payload(msgspec.Struct, frozen=True, gc=False):
    """The rows of a request.

    :param rows: mappings, or sequences in the baseline's order; empty when unreadable.
    :param batch: whether the dialect is one for several rows.
    """

    rows: Sequence[RawRow]
    batch: bool


class Fields(msgspec.Struct, frozen=True, gc=False):
    """One row in the order of the baseline.

    :param absent: indices of the fields that were not sent.
    :param extra: the fields that the baseline does not know.
    """

    values: Sequence[Any]
    absent: Sequence[int] | None = None
    extra: Mapping[str, Any] | None = None


UNREADABLE: Final = Payload((), False)


def read_payload(request: Request, features: Callable[[Any], Any] | None) -> Payload:
    """Return the rows of *request*, or :data:`UNREADABLE`.

    The parsed body is the one that the view will get from ``request.get_json()``: it is parsed
    once. *features* takes the request and returns a row or a list of rows.
    """
    if features is not None:
        return rows_of(listed(features(request)))
    try:
        body = request.get_json(silent=True)
    except HTTPException:
        return UNREADABLE
    except RecursionError:
        body = None
    if body is not None or request.is_json:
        # Reading consumed the stream; a view that reads it itself finds the same bytes there.
        stream = BytesIO(request.get_data())
        request.__dict__["stream"] = request.environ["wsgi.input"] = stream
    return rows_of(body)


def rows_of(body: Any) -> Payload:
    """Return the rows of a parsed body.

    >>> rows_of({"age": 41})
    Payload(rows=({'age': 41},), batch=False)
    >>> rows_of([41, "a"])
    Payload(rows=([41, 'a'],), batch=False)
    >>> rows_of([{"age": 41}, {"age": 42}]).batch
    True
    >>> rows_of({"instances": [[41, "a"]]})
    Payload(rows=[[41, 'a']], batch=True)
    """
    if isinstance(body, dict):
        if isinstance(instances := body.get("instances"), list):
            rows = [row if isinstance(row, dict | list) else [row] for row in instances]
            return Payload(rows, True)
        return Payload((body,), False) if body else UNREADABLE
    if _is_table(body):
        return Payload(body, True)
    return Payload((body,), False) if isinstance(body, list) and body else UNREADABLE


def listed(value: Any) -> Any:
    """Return arrays, series and tuples as the lists that a parsed body would have.

    >>> listed(({"age": 41}, (1, 2)))
    [{'age': 41}, [1, 2]]
    """
    if hasattr(value, "tolist"):
        value = value.tolist()
    return [listed(one) for one in value] if isinstance(value, list | tuple) else value


def _is_table(body: Any) -> bool:
    return (
        isinstance(body, list) and bool(body) and all(isinstance(row, dict | list) for row in body)
    )


def external_id_of(environ: Mapping[str, Any]) -> str | None:
    """Return the caller's own id of the request, if it sent a usable one."""
    for header in _EXTERNAL_HEADERS:
        if header in environ:
            value = str(environ[header])
            if EXTERNAL_ID.fullmatch(value):
                return value
    return None


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
