"""CSV, which knows only text: what a cell means is told by the baseline."""

import codecs
import csv
import re
from collections.abc import Callable, Sequence
from io import StringIO
from typing import Any, Final

from flask_mlmonitor.request.dialects.rows import Payload, RawRow, Unreadable, names_of
from flask_mlmonitor.stats.cells.binning import FeatureBins

MIMETYPES: Final = frozenset(("text/csv", "application/csv"))

_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_BOOLEANS: Final = {"true": True, "false": False}
_NO_CHARSETS: Final = frozenset(("idna", "punycode"))
"""Python decodes them as well, in time that grows with the square of their length."""

Convert = Callable[[str], Any]


class CsvReader:
    """Reads CSV with the types of a baseline's features.

    :param features: in the order that columns without a header have.
    """

    def __init__(self, features: Sequence[FeatureBins]) -> None:
        self._by_name = {feature.name: _converter(feature) for feature in features}
        self._in_order = tuple(self._by_name.values())

    def read(self, data: bytes, charset: str, *, header: bool = True) -> Payload:
        """Return the rows of a CSV body.

        >>> CsvReader(()).read(b"age,plan\\r\\n41,free\\r\\n,007\\r\\n", "utf-8").rows
        [{'age': 41, 'plan': 'free'}, {'age': None, 'plan': '007'}]
        """
        lines = lines_of(decoded(data, charset))
        if not lines:
            raise Unreadable("CSV without a line")
        rows = self._named(*lines) if header else self._positional(lines)
        return Payload(rows, True)

    def _named(self, header: Sequence[str], *lines: list[str]) -> Sequence[RawRow]:
        # The column of its index is what pandas writes first, without a name.
        first = 1 if len(header) > 1 and not header[0] else 0
        names = names_of(header[first:])
        converters = [self._by_name.get(name, guessed) for name in names]
        return [
            dict(zip(names, _converted(converters, line[first:]), strict=True)) for line in lines
        ]

    def _positional(self, lines: Sequence[list[str]]) -> Sequence[RawRow]:
        width = len(lines[0])
        unknown = [guessed] * (width - len(self._in_order))
        converters = [*self._in_order[:width], *unknown]
        return [_converted(converters, line) for line in lines]


def decoded(data: bytes, charset: str) -> str:
    """Return the text, without a byte order mark."""
    try:
        if codecs.lookup(charset).name in _NO_CHARSETS:
            raise LookupError
        return data.decode(charset).removeprefix("\ufeff")
    except (LookupError, ValueError):
        raise Unreadable("CSV in another charset than its content type says") from None


def lines_of(text: str) -> list[list[str]]:
    """Return the cells of all lines but empty ones; each line has as many."""
    try:
        lines = [line for line in csv.reader(StringIO(text, newline=""), strict=True) if line]
    except csv.Error:
        raise Unreadable("CSV with a line that cannot be read: mind the quotes") from None
    if len(set(map(len, lines))) > 1:
        raise Unreadable("CSV whose lines have not as many cells as its first")
    return lines


def guessed(cell: str) -> Any:
    """Return what a cell says of itself, where no baseline knows its column.

    >>> [guessed(cell) for cell in ("41", "-2.5e3", "True", "", "0041", "free")]
    [41, -2500.0, True, None, '0041', 'free']
    """
    if not cell:
        return None
    if _NUMBER.fullmatch(cell):
        return _number(cell)
    return _BOOLEANS.get(cell.lower(), cell)


def _converted(converters: Sequence[Convert], line: Sequence[str]) -> list[Any]:
    return [convert(cell) for convert, cell in zip(converters, line, strict=True)]


def _converter(feature: FeatureBins) -> Convert:
    types = feature.accepts or ("text",)
    if feature.kind == "numeric" or (feature.kind == "categorical" and types == ("number",)):
        return _number
    if feature.kind == "boolean" or types == ("boolean",):
        return _boolean
    return _text if "text" in types else guessed


def _text(cell: str) -> str | None:
    return cell or None


def _number(cell: str) -> Any:
    """Return a number; what is none stays text, and is flagged."""
    if not cell or "_" in cell:  # Python reads 1_000
        return cell or None
    for kind in (int, float):
        try:
            return kind(cell)
        except ValueError:
            continue
    return cell


def _boolean(cell: str) -> Any:
    if not cell:
        return None
    return {"1": True, "0": False}.get(cell, _BOOLEANS.get(cell.lower(), cell))
