"""Exports that are lines of text: CSV and NDJSON."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import IO, Any, Final

import msgspec

from flask_mlmonitor.export.columns import Layout, values_of
from flask_mlmonitor.store.exporting import Stored

FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for a formula begins so."""


def write_csv(file: IO[bytes], pages: Iterable[Sequence[Stored]], layout: Layout) -> Iterator[int]:
    """Write a header and a line for each prediction; yield how many were written, page by page."""
    text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([_cell(name, layout.harmless) for name in layout.names])
    try:
        for page in pages:
            for row in page:
                values = values_of(row, flat=layout.flat)
                writer.writerow([_cell(values.get(name), layout.harmless) for name in layout.names])
            yield len(page)
    finally:
        text.detach()


def write_ndjson(
    file: IO[bytes], pages: Iterable[Sequence[Stored]], layout: Layout
) -> Iterator[int]:
    """Write a JSON object in a line for each prediction; yield how many were written."""
    encoder = msgspec.json.Encoder()
    for page in pages:
        rows = (values_of(row, flat=layout.flat) for row in page)
        objects = [{name: row[name] for name in layout.names if name in row} for row in rows]
        file.write(encoder.encode_lines(objects))
        yield len(page)


def _cell(value: Any, harmless: bool) -> Any:
    """Return what a cell holds: texts as they are, everything else as JSON spells it."""
    if isinstance(value, msgspec.Raw):
        spelt = bytes(value)
        value = msgspec.json.decode(spelt) if spelt[:1] in b'"n' else spelt.decode()
        if not spelt.startswith(b'"'):
            return value
    if harmless and isinstance(value, str) and value.startswith(FORMULA):
        return f"'{value}"
    return value
