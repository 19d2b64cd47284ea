"""Files of ground truth: which format, and how far a reader has come."""

import os
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import IO, Any, Final, NamedTuple

import msgspec

from flask_mlmonitor.truth.items import Entry, Unreadable
from flask_mlmonitor.truth.lines import BLOCK, read_csv, read_ndjson
from flask_mlmonitor.truth.tables import Columns

SUFFIXES: Final = {
    ".csv": "csv",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".json": "json",
    ".parquet": "parquet",
}
FORMATS: Final = tuple(dict.fromkeys(SUFFIXES.values()))
FIRST_LINE: Final = {"csv": 2}
"""The line, from 1, that a format's first item stands in, where it is not the first line."""

_ROWS: Final = 1000


def format_of(path: Path) -> str:
    """Return the format of a file, by the ending of its name.

    :raises Unreadable: when the name does not say.
    """
    try:
        return SUFFIXES[path.suffix.lower()]
    except KeyError:
        raise Unreadable(f"{path} ends with none of {', '.join(SUFFIXES)}: give --format") from None


class Source(NamedTuple):
    """An open file's items, and how far a reader has come.

    :param total: what there is to read; 0 where nobody can know.
    :param position: how much of it is read, once the items before a place are.
    """

    entries: Iterator[Entry]
    total: int
    position: Callable[[int], int]


def read_file(file: IO[bytes], kind: str, columns: Columns) -> Source:
    """Read an open file as its items are asked for; only a JSON list is read whole.

    :param kind: one of :data:`FORMATS`.
    :raises Unreadable: when the file is not of this format, also while the items are read.
    """
    return _READERS[kind](file, columns)


def _csv(file: IO[bytes], columns: Columns) -> Source:
    return Source(read_csv(_blocks(file), columns), *_extent(file))


def _ndjson(file: IO[bytes], columns: Columns) -> Source:
    entries = read_ndjson(_blocks(file), partial(_picked, columns))
    return Source(entries, *_extent(file))


def _json(file: IO[bytes], columns: Columns) -> Source:
    try:
        items = msgspec.json.decode(file.read())
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"no JSON: {error}") from None
    if not isinstance(items, list):
        raise Unreadable("no list of objects: give a JSON list, or NDJSON with --format ndjson")
    entries = (Entry(place, _picked(columns, given)) for place, given in enumerate(items))
    return Source(entries, len(items), lambda end: end)


def _parquet(file: IO[bytes], columns: Columns) -> Source:
    try:
        from pyarrow import ArrowException
        from pyarrow.parquet import ParquetFile
    except ImportError:
        remedy = "pip install 'flask-mlmonitor[parquet]'"
        raise Unreadable(f"Parquet is read by pyarrow, which is not installed: {remedy}") from None
    if not file.seekable():
        raise Unreadable("Parquet cannot be read from a pipe: give the file")

    def entries() -> Iterator[Entry]:
        place = 0
        try:
            for batch in table.iter_batches(batch_size=_ROWS, columns=wanted):
                for row in batch.to_pylist():
                    yield Entry(place, columns.pick({name: _plain(row[name]) for name in row}))
                    place += 1
        except (ArrowException, OSError) as error:
            raise Unreadable(f"the Parquet file is damaged: {error}") from None

    try:
        table = ParquetFile(file)
    except (ArrowException, OSError) as error:
        raise Unreadable(f"no Parquet: {error}") from None
    names = table.schema_arrow.names
    columns.check(names)
    wanted = [name for _, name in columns if name in names]
    return Source(entries(), table.metadata.num_rows, lambda end: end)


def _plain(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else value


def _picked(columns: Columns, given: Any) -> Any:
    if not isinstance(given, dict):
        return given
    item = columns.pick(given)
    if "value" not in item and given.get("values") is not None:
        item["values"] = given["values"]
    return item


def _blocks(file: IO[bytes]) -> Iterable[bytes]:
    return iter(partial(file.read, BLOCK), b"")


def _extent(file: IO[bytes]) -> tuple[int, Callable[[int], int]]:
    """Return the bytes of a file, 0 for those of a pipe, and what tells how many are read."""
    if not file.seekable():
        return 0, lambda _: 0
    here = file.tell()
    size = file.seek(0, os.SEEK_END)
    file.seek(here)
    return size, lambda _: file.tell()


_READERS: Final[dict[str, Callable[[IO[bytes], Columns], Source]]] = {
    "csv": _csv,
    "ndjson": _ndjson,
    "json": _json,
    "parquet": _parquet,
}
