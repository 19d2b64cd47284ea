"""Rows that Python code of the app found in a request."""

from typing import Any

from flask_mlmonitor.request.dialects import plain
from flask_mlmonitor.request.dialects.rows import Payload, listed


def read(found: Any) -> Payload:
    """Return the rows of what a callable returned: as JSON, or as NumPy and pandas have them.

    >>> import pandas as pd
    >>> read(pd.DataFrame({"age": [41, 42]})).rows
    [{'age': 41}, {'age': 42}]
    """
    found = listed(_out_of_pandas(found))
    if isinstance(found, list):
        found = [_out_of_numpy(row) for row in found]
    return plain.read(_out_of_numpy(found))


def _out_of_pandas(found: Any) -> Any:
    """Return a frame as rows, by name if its columns have names, and a Series as one row."""
    if isinstance(found, dict | list | tuple) or not hasattr(found, "to_dict"):
        return found
    if not hasattr(found, "columns"):
        return found.to_dict()
    named = all(isinstance(name, str) for name in found.columns)
    return found.to_dict("records") if named else found.to_numpy(object)


def _out_of_numpy(row: Any) -> Any:
    """Return a row with the values that JSON would have; the app's own row, where it has them."""
    # Their types are asked: an object of the app may do anything when itself is.
    if isinstance(row, dict) and any(hasattr(type(one), "tolist") for one in row.values()):
        return {
            name: one.tolist() if hasattr(type(one), "tolist") else one for name, one in row.items()
        }
    return row
