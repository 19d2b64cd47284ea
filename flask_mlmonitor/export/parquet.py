"""Exports to Parquet."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import IO, Any, Final

import msgspec

from flask_mlmonitor.export.columns import TIMES, CannotExport, Kinds, Layout, values_of
from flask_mlmonitor.store.exporting import Stored

_decode: Final = msgspec.json.Decoder().decode
_KINDS: Final = {
    frozenset({"boolean"}): "boolean",
    frozenset({"whole"}): "whole",
    frozenset({"number"}): "number",
    frozenset({"whole", "number"}): "number",
    frozenset({"text"}): "text",
}
"""What a column holds, by the kinds of its values; any other mixture is kept as JSON."""


def write_parquet(
    file: IO[bytes], pages: Iterable[Sequence[Stored]], layout: Layout
) -> Iterator[int]:
    """Write a row for each prediction; yield how many were written, page by page.

    :raises CannotExport: without pyarrow, and when a value does not have its column's kind.
    """
    try:
        import pyarrow
        from pyarrow.parquet import ParquetWriter
    except ImportError:
        remedy = "pip install 'flask-mlmonitor[parquet]'"
        raise CannotExport(f"Parquet is written by pyarrow, which is missing: {remedy}") from None
    types = {
        "boolean": pyarrow.bool_(),
        "whole": pyarrow.int64(),
        "number": pyarrow.float64(),
        "text": pyarrow.string(),
        "json": pyarrow.string(),
        "time": pyarrow.timestamp("us", tz="UTC"),
    }
    held = {name: _held(name, layout.kinds) for name in layout.names}
    schema = pyarrow.schema([(name, types[kind]) for name, kind in held.items()])
    with ParquetWriter(file, schema) as writer:
        for page in pages:
            rows = [{**values_of(row, flat=layout.flat), **_times(row)} for row in page]
            columns = [[_READ[kind](row.get(name)) for row in rows] for name, kind in held.items()]
            try:
                writer.write_batch(pyarrow.record_batch(columns, schema=schema))
            except (pyarrow.ArrowInvalid, pyarrow.ArrowTypeError, OverflowError) as error:
                remedy = "values of another kind came meanwhile; export again"
                raise CannotExport(f"{error}: {remedy}") from None
            yield len(page)


def _held(name: str, kinds: Kinds) -> str:
    if name in TIMES:
        return "time"
    if name == "latency":
        return "number"
    if name == "features":
        return "json"
    return _KINDS.get(kinds[name], "json") if name in kinds else "text"


def _times(row: Stored) -> dict[str, Any]:
    return {name: getattr(row, name) for name in TIMES}


def _plain(value: Any) -> Any:
    return _decode(value) if isinstance(value, msgspec.Raw) else value


def _number(value: Any) -> Any:
    found = _plain(value)
    return None if found is None else float(found)


def _json(value: Any) -> Any:
    found = bytes(value).decode() if isinstance(value, msgspec.Raw) else value
    return None if found == "null" else found


def _time(value: Any) -> Any:
    return None if value is None else round(value * 1e6)


_READ: Final[dict[str, Callable[[Any], Any]]] = {
    "boolean": _plain,
    "whole": _plain,
    "number": _number,
    "text": _plain,
    "json": _json,
    "time": _time,
}
