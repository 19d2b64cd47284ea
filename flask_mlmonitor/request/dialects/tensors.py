"""The tensors of the Open Inference Protocol (V2), as JSON has them."""

import base64
import json
import math
from collections.abc import Callable, Mapping
from itertools import chain
from typing import Any, Final

import msgspec

from flask_mlmonitor.request.dialects.rows import Unreadable

_MOST_DIMENSIONS: Final = 8
_BOOLEANS: Final = {0: False, 1: True}


class Tensor(msgspec.Struct, frozen=True, gc=False):
    """One input or output.

    :param values: all of them, the last dimension's first.
    """

    name: str
    shape: tuple[int, ...]
    values: list[Any]

    @property
    def width(self) -> int:
        """How many values a row has."""
        return math.prod(self.shape[1:])

    @property
    def column(self) -> list[Any]:
        """A value for each row, a list where a row has several.

        >>> Tensor("age", (2, 1), [41, 42]).column, Tensor("x", (2, 2), [1, 2, 3, 4]).column
        ([41, 42], [[1, 2], [3, 4]])
        """
        width = self.width
        if width == 1:
            return self.values
        return [self.values[start : start + width] for start in range(0, len(self.values), width)]


def are_tensors(value: Any) -> bool:
    """Return whether this is a list of tensors, well formed or not.

    >>> are_tensors([{"name": "age", "datatype": "FP64", "shape": [1], "data": [41]}])
    True
    >>> are_tensors([{"name": "Eve", "age": 41}])
    False
    """
    return isinstance(value, list) and bool(value) and all(map(_is_tensor, value))


def _is_tensor(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("name"), str)
        and ("datatype" in value or isinstance(value.get("data"), list))
    )


def tensor_of(place: str, described: Mapping[str, Any]) -> Tensor:
    """Read a tensor; *place* is where it stands, for the text of the error.

    >>> tensor_of("inputs[0]", {"name": "ok", "datatype": "BOOL", "shape": [2], "data": [1, 0]})
    Tensor(name='ok', shape=(2,), values=[True, False])
    """
    shape = described.get("shape")
    if (
        not isinstance(shape, list)
        or not 0 < len(shape) <= _MOST_DIMENSIONS
        or not all(type(length) is int and length > 0 for length in shape)
    ):
        raise Unreadable(f"{place}: `shape` must be a list of whole numbers above 0")
    values = _flat(place, described.get("data"))
    if len(values) != math.prod(shape):
        raise Unreadable(f"{place}: `data` has {len(values)} values, its shape others")
    if described.get("datatype") == "BOOL":
        values = [_BOOLEANS[value] if value in (0, 1) else value for value in values]
    decode = _DECODERS.get(str(parameter(described, "content_type")))
    if decode is not None:
        values = [decode(value) if isinstance(value, str) else value for value in values]
    return Tensor(described["name"], tuple(shape), values)


def parameter(described: Mapping[str, Any], key: str) -> Any:
    """Return one of the parameters of a tensor, a request or an answer.

    >>> parameter({"parameters": {"content_type": "pd"}}, "content_type")
    'pd'
    """
    parameters = described.get("parameters")
    return parameters.get(key) if isinstance(parameters, dict) else None


def _flat(place: str, data: Any) -> list[Any]:
    """Return the values of nested lists; each level is looked at once."""
    while isinstance(data, list) and data and isinstance(data[0], list):
        if not all(isinstance(part, list) for part in data):
            raise Unreadable(f"{place}: `data` must be flat, or nested as its shape says")
        data = list(chain.from_iterable(data))
    if not isinstance(data, list):
        raise Unreadable(f"{place}: `data` must be a list")
    return data


def _base64(text: str) -> str:
    """Return the text that was encoded; what is none is left as it is."""
    try:
        return base64.b64decode(text, validate=True).decode()
    except ValueError:
        return text


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


_DECODERS: Final[Mapping[str, Callable[[str], Any]]] = {"base64": _base64, "pd_json": _json}
"""By the content type that a tensor's parameters name; of all others the values are plain."""
