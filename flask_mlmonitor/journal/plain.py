"""Values that msgpack cannot carry, turned into ones that it can."""

import numbers
import reprlib
from collections.abc import Mapping, Sequence, Set
from datetime import date, time
from typing import Any, Final

import msgspec

from flask_mlmonitor.records import Row

MAX_TEXT: Final = 256
MAX_DEPTH: Final = 16
_PANDAS_MISSING: Final = frozenset({"NAType", "NaTType"})

_representation = reprlib.Repr()
_representation.maxother = _representation.maxstring = MAX_TEXT


def convert(value: Any) -> Any:
    """Return what msgpack carries in place of a *value* of a type it does not know.

    >>> from fractions import Fraction
    >>> convert(Fraction(1, 2)), convert(range(3)), convert(1j)
    (0.5, [0, 1, 2], '1j')
    """
    if type(value).__name__ in _PANDAS_MISSING:
        return None
    try:
        return _converted(value)
    except Exception:  # noqa: BLE001 the value's own code runs here and may raise anything
        return text(value)


def _converted(value: Any) -> Any:
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        return float(value)
    if isinstance(value, date | time):
        return value.isoformat()
    if callable(getattr(value, "tolist", None)):
        listed = value.tolist()
        return text(value) if type(listed) is type(value) else listed
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Sequence | Set):
        return list(value)
    return text(value)


def plain(value: Any, depth: int = 0) -> Any:
    """Return *value* with everything in it that msgpack refuses replaced.

    Lone surrogates become U+FFFD, integers of more than 64 bits become floats, keys become text,
    what is nested too deeply and what nobody knows becomes its ``repr``, cut.

    >>> plain({1: [2**70, -(10**400), "\\ud800"]})
    {'1': [1.1805916207174113e+21, -inf, '\\ufffd']}
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _without_surrogates(value)
    if isinstance(value, int):
        return _number(value)
    if depth > MAX_DEPTH:
        return text(value)
    if isinstance(value, Row):
        return Row(*(plain(field, depth) for field in msgspec.structs.astuple(value)))
    if isinstance(value, Mapping):
        return {_key(key): plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple | Set):
        return [plain(item, depth + 1) for item in value]
    return _leaf(value, depth)


def text(value: Any) -> str:
    """Return the ``repr`` of *value*, cut at :data:`MAX_TEXT` characters.

    >>> text("x" * 1000)[:3], len(text("x" * 1000))
    ("'xx", 256)
    """
    try:
        return _without_surrogates(_representation.repr(value)[:MAX_TEXT])
    except Exception:  # noqa: BLE001 a foreign __repr__ may raise anything
        return f"<{type(value).__name__}>"


def _leaf(value: Any, depth: int) -> Any:
    try:
        msgspec.msgpack.encode(value)
    except Exception:  # noqa: BLE001 whatever it raises, it cannot be carried as it is
        return plain(convert(value), depth + 1)
    return value


def _number(value: int) -> int | float:
    if -(2**63) <= value < 2**64:
        return int(value)
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def _key(key: Any) -> str:
    if isinstance(key, str):
        return _without_surrogates(key)
    return text(key)


def _without_surrogates(value: str) -> str:
    return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
