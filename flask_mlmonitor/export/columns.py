"""What an export has columns for, and what stands in them."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from flask_mlmonitor.store.exporting import Stored

JSON_COLUMNS: Final = ("features", "prediction", "probability", "ground_truth")
TIMES: Final = ("time", "ground_truth_time")
FEATURE: Final = "feature."
"""What the name of a feature's own column begins with."""
MOST_FEATURES: Final = 10_000
"""Callers may send any fields, and with ``RECORD_EXTRA`` they are features."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_WHOLE_DIGITS: Final = 18
_features: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode

Kinds = Mapping[str, frozenset[str]]
"""Columns, and the kinds of the values in them: boolean, whole, number, text, json."""


class CannotExport(ValueError):
    """Rows that cannot be written so; says why and what to do."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How rows are laid out.

    :param names: the columns, in their order.
    :param kinds: of those whose type depends on their values, for a format that has types.
    :param flat: whether each feature has a column, instead of one for all.
    :param harmless: whether a text that a spreadsheet would take for a formula gets an apostrophe.
    """

    names: Sequence[str]
    kinds: Kinds = field(default_factory=dict)
    flat: bool = False
    harmless: bool = False


def values_of(row: Stored, *, flat: bool) -> dict[str, Any]:
    """Return a prediction by columns: what is JSON as such, times as ISO 8601.

    :param flat: give each feature a column, instead of one for all.
    """
    values: dict[str, Any] = row._asdict()
    for name in JSON_COLUMNS:
        if values[name] is not None:
            values[name] = msgspec.Raw(values[name].encode())
    for name in TIMES:
        if values[name] is not None:
            values[name] = moment(values[name])
    if flat:
        values.update(features_of(row))
    return values


def features_of(row: Stored) -> dict[str, msgspec.Raw]:
    """Return the features of a prediction by the names of their own columns."""
    return {FEATURE + name: value for name, value in _features(row.features).items()}


def kinds_of(pages: Iterable[Sequence[Stored]], *, flat: bool) -> Kinds:
    """Look through all rows for the kinds of their values, and for the features if *flat*.

    :raises CannotExport: when there are more features than a table may have columns.
    """
    kinds: dict[str, set[str]] = {}
    for page in pages:
        for row in page:
            for name in JSON_COLUMNS[1:]:
                kinds.setdefault(name, set()).add(_kind(getattr(row, name) or ""))
            for name, value in features_of(row).items() if flat else ():
                kinds.setdefault(name, set()).add(_kind(bytes(value).decode()))
        if len(kinds) > MOST_FEATURES:
            raise CannotExport(
                f"there are more than {MOST_FEATURES} features: export them as JSON, without --flat"
            )
    return {name: frozenset(found - {"null"}) for name, found in kinds.items()}


def names_of(kinds: Kinds, *, flat: bool) -> tuple[str, ...]:
    """Return all columns; if *flat*, those of features stand where all of them would."""
    names = Stored._fields
    if not flat:
        return names
    place = names.index("features")
    features = sorted(name for name in kinds if name.startswith(FEATURE))
    return (*names[:place], *features, *names[place + 1 :])


def moment(seconds: float) -> str:
    """Return a time as ISO 8601; as seconds, if no calendar holds it.

    >>> moment(1_780_000_000.5), moment(-1e11)
    ('2026-05-28T20:26:40.500000+00:00', '-100000000000.0')
    """
    try:
        # Never rounded up: --since with a time that was exported finds that prediction.
        return (_EPOCH + timedelta(microseconds=math.floor(seconds * 1e6))).isoformat()
    except OverflowError:
        return repr(seconds)


def _kind(value: str) -> str:
    """Return the kind of a value by how its JSON begins.

    >>> [_kind(value) for value in ("true", "7", "-7.5", "1e3", '"x"', "[1]", "null", "")]
    ['boolean', 'whole', 'number', 'number', 'text', 'json', 'null', 'null']
    """
    first = value[:1]
    if first == "-" or first.isdigit():
        whole = len(value) <= _WHOLE_DIGITS and value.lstrip("-").isdecimal()
        return "whole" if whole else "number"
    return {"": "null", "n": "null", "t": "boolean", "f": "boolean", '"': "text"}.get(first, "json")
