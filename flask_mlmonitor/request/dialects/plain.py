"""JSON without a protocol: an object, a list, or a list of them."""

from typing import Any

from flask_mlmonitor.request.dialects.rows import UNREADABLE, Payload


def read(body: Any) -> Payload:
    """Return the rows of a parsed body.

    >>> read({"age": 41})
    Payload(rows=({'age': 41},), batch=False, inference=None, problem=None)
    >>> read([41, "a"]).rows
    ([41, 'a'],)
    >>> read([{"age": 41}, {"age": 42}]).batch
    True
    """
    if isinstance(body, dict):
        return Payload((body,), False) if body else UNREADABLE
    if not isinstance(body, list) or not body:
        return UNREADABLE
    if all(isinstance(row, dict | list) for row in body):
        return Payload(body, True)
    return Payload((body,), False)
