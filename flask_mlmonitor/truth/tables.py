"""Items as the rows of a table: which column means what, and what a cell without a type holds."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from flask_mlmonitor.truth.items import Unreadable

_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_BOOLEANS: Final = {"true": True, "True": True, "TRUE": True,
                    "false": False, "False": False, "FALSE": False}  # fmt: skip
_LONGEST_WHOLE: Final = 309
"""A whole number of more digits is no finite float."""


@dataclass(frozen=True)
class Columns:
    """What the columns of a table are called; the others are not looked at."""

    prediction_id: str = "prediction_id"
    external_id: str = "external_id"
    value: str = "value"
    time: str = "time"
    row: str = "row"

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """Yield each field of an item, and its column's name."""
        return iter(vars(self).items())

    def check(self, names: Sequence[str]) -> None:
        """Refuse a table that lacks a column, or has one twice.

        :raises Unreadable: naming the column.
        """
        ids = (self.prediction_id, self.external_id)
        shown = ", ".join(map(repr, names[:20])) or "no columns"
        if self.value not in names:
            raise Unreadable(f"there is no column {self.value!r} in the header: {shown}")
        if not set(ids) & set(names):
            wanted = " or ".join(map(repr, ids))
            raise Unreadable(f"there is no column {wanted} in the header: {shown}")
        twice = [name for _, name in self if names.count(name) > 1]
        if twice:
            raise Unreadable(f"there are two columns {twice[0]!r} in the header: {shown}")

    def pick(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """Return the item that stands in a row.

        Empty cells are no fields. A row that has both ids goes by ours: it is never ambiguous.

        >>> Columns(value="late").pick({"external_id": 77, "late": True, "note": "x", "time": None})
        {'external_id': '77', 'value': True}
        """
        item = {ours: record[name] for ours, name in self if record.get(name) is not None}
        if "prediction_id" in item:
            item.pop("external_id", None)
            item.pop("row", None)
        for name in ("prediction_id", "external_id"):
            if type(item.get(name)) is int:  # many callers number their requests
                item[name] = str(item[name])
        return item


def typed(cell: str) -> Any:
    """Return what a cell of a CSV file holds: a number as JSON spells it, a boolean, or a text.

    >>> [typed(cell) for cell in ("1", "-2.50", "1e3", "true", "False", "007", "1_000", "nan")]
    [1, -2.5, 1000.0, True, False, '007', '1_000', 'nan']
    """
    number = _NUMBER.fullmatch(cell)
    if number is None:
        return _BOOLEANS.get(cell, cell)
    whole = number.group(1) is None and number.group(2) is None
    return int(cell) if whole and len(cell) <= _LONGEST_WHOLE else float(cell)
