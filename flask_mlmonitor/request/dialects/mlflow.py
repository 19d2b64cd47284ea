"""MLflow's scoring protocol, and KServe's V1, which is a part of it."""

from collections.abc import Mapping, Sequence
from typing import Any

from flask_mlmonitor.request.dialects.rows import (
    Payload,
    RawRow,
    Unreadable,
    names_of,
    rows_of_columns,
)


def read_split(frame: Any) -> Payload:
    """Return the rows of ``dataframe_split``; columns without names are in the baseline's order.

    >>> read_split({"columns": ["age", "plan"], "data": [[41, "free"]]}).rows
    [{'age': 41, 'plan': 'free'}]
    """
    data = frame.get("data") if isinstance(frame, dict) else None
    if not isinstance(data, list) or not all(isinstance(row, list) for row in data):
        raise Unreadable("dataframe_split: `data` must be a list of rows, each a list")
    columns = frame.get("columns")
    if columns is None:
        columns = list(range(max(map(len, data), default=0)))
    if not isinstance(columns, list):
        raise Unreadable("dataframe_split: `columns` must be a list of names")
    names = names_of(columns)
    if any(len(row) != len(names) for row in data):
        raise Unreadable(f"dataframe_split: each row of `data` must have {len(names)} values")
    if columns == list(range(len(columns))):
        return Payload(data, True)
    return Payload([dict(zip(names, row, strict=True)) for row in data], True)


def read_records(records: Any) -> Payload:
    """Return the rows of ``dataframe_records``.

    >>> read_records([{"age": 41}]).rows
    [{'age': 41}]
    """
    if not isinstance(records, list) or not all(isinstance(row, dict) for row in records):
        raise Unreadable("dataframe_records must be a list of objects")
    return Payload(records, True)


def read_values(values: Any) -> Payload | None:
    """Return the rows of ``instances`` or ``inputs``, or ``None`` if they are neither list nor
    object.

    >>> read_values([[41, "free"], 42]).rows
    [[41, 'free'], [42]]
    >>> read_values({"age": [41, 42]}).rows
    [{'age': 41}, {'age': 42}]
    """
    if isinstance(values, list):
        return Payload([row if isinstance(row, dict | list) else [row] for row in values], True)
    if isinstance(values, dict) and values:
        return Payload(_rows_of_object(values), True)
    return None


def _rows_of_object(columns: Mapping[str, Any]) -> Sequence[RawRow]:
    lists = [isinstance(values, list) for values in columns.values()]
    if all(lists):
        return rows_of_columns(columns)
    if any(lists):
        raise Unreadable("the columns must be lists, all of them, or none for a single row")
    return [columns]
