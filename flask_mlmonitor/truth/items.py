"""One item of ground truth: what it claims, or why it cannot."""

import re
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple, TypeGuard

from flask_mlmonitor.clock import now
from flask_mlmonitor.request.ids import LONGEST_ID
from flask_mlmonitor.request.payloads import EXTERNAL_ID
from flask_mlmonitor.store.truth import Claim

LATEST: Final = 253_402_300_800.0
"""The year 10000, in seconds since the epoch."""
MOST_ROWS: Final = 2**31
"""A row's number fits into four bytes of the store."""

_FIELDS: Final = frozenset(("prediction_id", "external_id", "value", "values", "time", "row"))
_SHOWN: Final = 100
"""Characters of what a sender made up that an error repeats: many errors are kept at once."""
_NO_TEXT: Final = re.compile("[\ud800-\udfff]")
"""Half characters: JSON can spell them, nothing can store them."""


class Refused(ValueError):
    """An item that cannot be ground truth; says why and what to send."""


class Unreadable(ValueError):
    """A body or file that holds no items at all; says why and what to send."""


class Entry(NamedTuple):
    """One item as it was sent.

    :param place: counted from 0; the line's, where an item is a line.
    :param given: what it says; or :exc:`Refused`, if it cannot be read.
    """

    place: int
    given: Any


class Item(NamedTuple):
    """One item that was checked: the claims it makes, or why it makes none."""

    place: int
    claims: Sequence[Claim]
    error: str | None = None


def item_of(entry: Entry) -> Item:
    """Check one item.

    >>> item_of(Entry(7, {"value": 1})).error
    'send either prediction_id or external_id'
    """
    try:
        return Item(entry.place, _claims(entry.given))
    except Refused as refused:
        return Item(entry.place, (), str(refused))


def id_of(given: Any) -> str:
    """Return the id of a prediction as Python code has it.

    :raises Refused: for anything but a usable text.
    """
    return _key("prediction_id", given)


def value_of(given: Any) -> Any:
    """Return the value that Python code has, out of NumPy or a database.

    >>> value_of(Decimal("1.50"))
    1.5

    :raises Refused: for what cannot be ground truth.
    """
    return _scalar(float(given) if isinstance(given, Decimal) else _plain(given))


def _claims(given: Any) -> list[Claim]:
    if isinstance(given, Refused):
        raise given
    if not isinstance(given, dict):
        raise Refused("send an object with prediction_id and value")
    unknown = sorted(set(given) - _FIELDS)
    if unknown:
        raise Refused(f"unknown field {unknown[0][:_SHOWN]!r}: send {', '.join(sorted(_FIELDS))}")
    external = "external_id" in given
    if external == ("prediction_id" in given):
        raise Refused("send either prediction_id or external_id")
    if ("value" in given) == ("values" in given):
        raise Refused("send either value or, for a batch, values")
    key = _key(*next((name, given[name]) for name in given if name.endswith("_id")))
    time, row = _time(given), _row(given)
    if "value" in given:
        return [Claim(key, _scalar(given["value"]), time, external, row)]
    values = given["values"]
    if not isinstance(values, list) or not values:
        raise Refused("values must be a list with one value for each row")
    if external:
        return [Claim(key, _scalar(one), time, True, row) for row, one in enumerate(values)]
    return [Claim(f"{key}:{row}", _scalar(one), time) for row, one in enumerate(values)]


def _key(name: str, value: Any) -> str:
    if not (_is_text(value) and 0 < len(value) <= LONGEST_ID and "\0" not in value):
        raise Refused(f"{name} must be a text of 1 to {LONGEST_ID} characters")
    if name == "external_id" and not EXTERNAL_ID.fullmatch(value):
        raise Refused("external_id must match [A-Za-z0-9_.:-]{1,128}")
    return value


def _row(given: Mapping[str, Any]) -> int | None:
    row = given.get("row")
    if row is None:
        return None
    if "external_id" not in given or "values" in given:
        raise Refused("row goes with external_id and value; a row's prediction_id ends with it")
    if type(row) is not int or not 0 <= row < MOST_ROWS:
        raise Refused("row must be a whole number: 0 for the first row of the batch")
    return row


def _plain(value: Any) -> Any:
    """Return what a scalar of NumPy holds, and anything else as it is."""
    try:
        return value.item()
    except (AttributeError, TypeError, ValueError):
        return value


def _scalar(value: Any) -> Any:
    if _is_text(value) or (isinstance(value, int | float) and abs(value) <= sys.float_info.max):
        return value
    raise Refused("a value must be a text, a boolean or a finite number")


def _is_text(value: Any) -> TypeGuard[str]:
    return isinstance(value, str) and not _NO_TEXT.search(value)


def _time(given: Mapping[str, Any]) -> float:
    time = given.get("time")
    if time is None:
        return now()
    if isinstance(time, int | float) and not isinstance(time, bool) and abs(time) < LATEST:
        return float(time)
    try:
        parsed = time if isinstance(time, datetime) else datetime.fromisoformat(time)
    except (TypeError, ValueError):
        parsed = None
    if parsed is None or parsed.tzinfo is None:
        raise Refused("time must be ISO 8601 with a time zone, or seconds since the epoch")
    return parsed.timestamp()
