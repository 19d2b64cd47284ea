"""Items that come as lines: NDJSON and CSV, read as they come, never whole."""

import csv
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import msgspec

from flask_mlmonitor.truth.items import Entry, Refused, Unreadable
from flask_mlmonitor.truth.tables import Columns, typed

BLOCK: Final = 1 << 16
LONGEST_LINE: Final = 1 << 20
MOST_LINES: Final = 20
"""How many lines a record of a CSV file may span."""

_decode: Final = msgspec.json.Decoder().decode


def read_ndjson(
    blocks: Iterable[bytes], pick: Callable[[Any], Any] = lambda given: given
) -> Iterator[Entry]:
    """Yield the items of NDJSON: one JSON object in a line; empty lines are none.

    :param pick: from what stands in a line to the item.
    """
    for index, line in enumerate(_lines(blocks)):
        if line.strip():
            yield Entry(index, _guarded(lambda line: pick(_json(line)), line))


def read_csv(blocks: Iterable[bytes], columns: Columns) -> Iterator[Entry]:
    """Yield the items of a CSV file with a header, in UTF-8; empty lines are none.

    A broken record costs its first line only, so an unclosed quote does not swallow the rest.

    :raises Unreadable: when the header cannot be read or lacks a column.
    """
    waiting: deque[str] = deque()
    lines = _lines(blocks)
    head = next(lines, b"").removeprefix(b"\xef\xbb\xbf")
    names = _guarded(_cells, _text(head))
    if isinstance(names, Refused):
        raise Unreadable(f"the header cannot be read: {names}")
    names = [name.strip() for name in names]
    columns.check(names)
    index = 0
    while record := _record(waiting, lines):
        cells = _guarded(_cells, "\n".join(record))
        if isinstance(cells, Refused):
            waiting.extendleft(reversed(record[1:]))
            yield Entry(index, cells)
            index += 1
            continue
        if cells:
            yield Entry(index, _item(names, cells, columns))
        index += len(record)


def _item(names: list[str], cells: list[str], columns: Columns) -> Any:
    if len(cells) > len(names):
        return Refused(f"there are {len(cells)} cells, but {len(names)} in the header")
    found = {name: text for name, cell in zip(names, cells, strict=False) if (text := cell.strip())}
    for name in (columns.value, columns.time, columns.row):
        if name in found:
            found[name] = typed(found[name])
    return columns.pick(found)


def _record(waiting: deque[str], lines: Iterator[bytes]) -> list[str]:
    """Return the lines of the next record: more than one while a quote is open."""
    record: list[str] = []
    quotes = 0
    while len(record) < MOST_LINES:
        if not waiting:
            line = next(lines, None)
            if line is None:
                break
            waiting.append(_text(line))
        record.append(waiting.popleft())
        quotes += record[-1].count('"')
        if quotes % 2 == 0:
            return record
    waiting.extendleft(reversed(record[1:]))
    return record[:1]


def _cells(text: str) -> list[str]:
    if len(text) > LONGEST_LINE:
        raise Refused(f"a line of more than {LONGEST_LINE} characters")
    try:
        return next(csv.reader((text,), strict=True), [])
    except csv.Error as error:
        raise Refused(f"no CSV: {error}") from None


def _json(line: bytes) -> Any:
    if len(line) > LONGEST_LINE:
        raise Refused(f"a line of more than {LONGEST_LINE} bytes")
    try:
        return _decode(line)
    except (ValueError, RecursionError) as error:
        raise Refused(f"no JSON: {error}") from None


def _guarded(read: Callable[[Any], Any], given: Any) -> Any:
    """Return what *read* makes of it, or its refusal: one broken line stops no other."""
    try:
        return read(given)
    except Refused as refused:
        return refused


def _text(line: bytes) -> str:
    # Bytes that are no UTF-8 become half characters, which no item may hold.
    return line.decode("utf-8", "surrogateescape").removesuffix("\r")


def _lines(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield lines without their ends; one that is too long comes cut, and still too long."""
    rest = b""
    for block in blocks:
        *whole, rest = (rest + block).split(b"\n")
        yield from whole
        rest = rest[: LONGEST_LINE + 1]
    if rest:
        yield rest
