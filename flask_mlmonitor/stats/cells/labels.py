"""Values as the statistics see them: as a number, or as the text of a category or class."""

import math
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

ABSENT: Final = object()
"""Stands for a field that was not sent at all, which is not the same as null."""


class Cell(NamedTuple):
    """Stands for a value of which only the cell is known."""

    number: int


MOST_CLASSES: Final = 1000
"""A column of more different values holds no classes."""

BOOLEANS: Final = (("False", "false", "0"), ("True", "true", "1"))


def label(value: Any) -> str:
    """Return the text under which a category or class is known.

    Integral floats are whole numbers, since a column of integers with a gap becomes floats.

    >>> label("new"), label(3), label(3.0), label(2.5), label(True)
    ('new', '3', '3', '2.5', 'True')
    """
    if isinstance(value, bool | str):
        return str(value)
    if isinstance(value, float):
        if not value.is_integer():
            return repr(float(value))
        value = int(value)
    # str() refuses integers of more than 4300 digits, hex() does not.
    return str(value) if abs(value) < 2**64 else hex(value)


def number(value: Any) -> float | None:
    """Return a number as float64 has it, or ``None`` for what is no number.

    >>> number(3), number(-(10**400)), number("3"), number(True), number(None)
    (3.0, -inf, None, None, None)
    """
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def spellings(names: Sequence[str]) -> dict[str, int]:
    """Map names, and the other spellings of a boolean among them, to their places.

    A model trained on 0 and 1 may answer ``true``, one trained on booleans ``1``.

    >>> spellings(["no", "1"])
    {'no': 0, '1': 1, 'True': 1, 'true': 1}
    """
    places = {name: place for place, name in enumerate(names)}
    for same in BOOLEANS:
        known = next((places[name] for name in same if name in places), None)
        if known is not None:
            for name in same:
                places.setdefault(name, known)
    return places


def type_of(value: Any) -> str | None:
    """Return "text", "number" or "boolean"; ``None`` for everything else."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return "text" if isinstance(value, str) else None
