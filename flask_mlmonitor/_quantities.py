"""Quantities as people and environment variables write them: durations, sizes, rates, numbers."""

import math
import re
from collections.abc import Callable, Mapping
from typing import Final, TypeVar

_Number = TypeVar("_Number", int, float)
_SECONDS: Final = {"ms": 0.001, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 604800}
_DAYS: Final = {"hour": 1 / 24, "day": 1, "week": 7, "month": 30, "year": 365}
_BYTES: Final = {
    "b": 1,
    **{f"{letter}b": 1000**power for power, letter in enumerate("kmgt", 1)},
    **{f"{letter}ib": 1024**power for power, letter in enumerate("kmgt", 1)},
}
_QUANTITY: Final = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*([A-Za-z]*)")


class Unreadable(ValueError):
    """A value that means nothing; the text is the remedy."""


def seconds(value: object) -> float:
    """Read a duration: a number is seconds, a text may carry a unit.

    >>> seconds(60), seconds("500ms"), seconds("4h")
    (60.0, 0.5, 14400.0)
    """
    remedy = "set seconds, or a number with ms, s, m, h, d or w, such as '90s'"
    return _with_unit(value, _SECONDS, remedy)


def size(value: object) -> int:
    """Read a number of bytes.

    >>> size(4096), size("1 GiB"), size("10MB")
    (4096, 1073741824, 10000000)
    """
    remedy = "set bytes, or a number with kB, MB, GB, KiB, MiB or GiB, such as '512 MiB'"
    return int(_with_unit(value, _BYTES, remedy))


def number(value: object) -> float:
    """Read a finite number.

    >>> number("0.25")
    0.25
    """
    if isinstance(value, int | float | str) and not isinstance(value, bool):
        try:
            read = float(value)
        except (ValueError, OverflowError):
            read = math.nan
        if math.isfinite(read):
            return read
    raise Unreadable("set a number")


def whole(value: object) -> int:
    """Read a whole number.

    >>> whole("200"), whole(5.0)
    (200, 5)
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    read = number(value)
    if not read.is_integer():
        raise Unreadable("set a whole number")
    return int(read)


def per_day(value: object) -> float:
    """Read how often something may happen, as a number per day.

    >>> per_day("2/week") == 2 / 7
    True
    """
    count, slash, unit = str(value).partition("/")
    try:
        days = _DAYS[unit.strip().lower()]
        read = number(count.strip()) / days
    except (KeyError, Unreadable):
        read = 0.0
    if not slash or read <= 0:
        raise Unreadable("set how often, such as '1/month' (hour, day, week, month or year)")
    return read


def within(
    parse: Callable[[object], _Number], low: float, high: float = math.inf
) -> Callable[[object], _Number]:
    """Return a reader like *parse* that refuses what lies outside *low* and *high*.

    >>> within(number, 0, 1)("0.05")
    0.05
    """
    remedy = f"set at least {low:.15g}" if high == math.inf else f"set {low:g} to {high:g}"

    def bounded(value: object) -> _Number:
        read = parse(value)
        if not low <= read <= high:
            raise Unreadable(remedy)
        return read

    return bounded


def above_zero(parse: Callable[[object], _Number]) -> Callable[[object], _Number]:
    """Return a reader like *parse* that refuses 0 and less."""

    def positive(value: object) -> _Number:
        read = parse(value)
        if read <= 0:
            raise Unreadable("set more than 0")
        return read

    return positive


def _with_unit(value: object, units: Mapping[str, float], remedy: str) -> float:
    unit: str = ""
    if isinstance(value, str) and (match := _QUANTITY.fullmatch(value.strip())):
        value, unit = match.groups()
    try:
        return number(number(value) * (units[unit.lower()] if unit else 1))
    except (KeyError, Unreadable):
        raise Unreadable(remedy) from None
