"""The rules of a baseline, compiled once, checked for each row."""

import math
import sys
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Final, Literal

import msgspec

from flask_mlmonitor.counters.requests import EXTRA
from flask_mlmonitor.records import FieldFailure
from flask_mlmonitor.request.payloads import Fields
from flask_mlmonitor.stats.cells.binning import FeatureBins

ACTED_ON: Final = frozenset(("missing", "type", "nan", "inf"))
"""The rules that ``on_invalid`` acts on; the others are flagged only, unless ``strict``."""

_LARGEST: Final = sys.float_info.max


class Validator:
    """Checks rows against a baseline's features.

    A row's values are first checked as a whole, by a type that msgspec compiles; only a row that
    does not pass is looked at field by field.

    :param features: in the order of the values; none: nothing is checked.
    """

    def __init__(self, features: Sequence[FeatureBins]) -> None:
        self._features = tuple(features)
        self._row = msgspec.defstruct(
            "Row",
            [(f"f{place}", _type(feature)) for place, feature in enumerate(features)],
            array_like=True,
            forbid_unknown_fields=True,
            gc=False,
        )
        self._by_hand = any(_present(feature) is Any for feature in features)

    def failures(self, rows: Iterable[Fields]) -> Sequence[FieldFailure]:
        """Return every rule that a field of *rows* broke."""
        if not self._features:
            return ()
        failures: list[FieldFailure] = []
        for number, row in enumerate(rows):
            try:
                msgspec.convert(row.values, self._row)
                if not self._by_hand and row.extra is None:
                    continue
            except (msgspec.ValidationError, UnicodeError):  # half a character is no UTF-8
                pass
            failures += self._look(number, row)
        return failures

    def _look(self, number: int, row: Fields) -> Iterable[FieldFailure]:
        for feature, value in zip(self._features, row.values, strict=True):
            rule = broken_rule(feature, value)
            if rule is not None:
                yield FieldFailure(number, feature.name, rule)
        if row.extra:
            yield FieldFailure(number, EXTRA, "extra")


def broken_rule(feature: FeatureBins, value: Any) -> str | None:
    """Return the rule that a value breaks, if any.

    >>> age = FeatureBins("age", "numeric", low=18.0, high=70.0)
    >>> [broken_rule(age, value) for value in (18, 17, "18", None, float("nan"), True)]
    [None, 'range', 'type', 'missing', 'nan', 'type']
    """
    if value is None:
        return None if feature.missing else "missing"
    if isinstance(value, float) and math.isnan(value):
        return "nan"
    cell = feature.cell_of(value)
    if cell == feature.invalid_cell:
        return "type"
    if feature.kind != "numeric":
        return "category" if cell == feature.unseen_cell else None
    if value in (math.inf, -math.inf):
        return "inf"
    low, high = feature.span or (-math.inf, math.inf)
    return None if low <= value <= high else "range"


def acted_on(failures: Sequence[FieldFailure], *, strict: bool) -> list[FieldFailure]:
    """Return the failures that the route's policy acts on."""
    return [failure for failure in failures if strict or failure.rule in ACTED_ON]


def _type(feature: FeatureBins) -> Any:
    known: Any = _present(feature)
    return known | None if feature.missing else known


def _present(feature: FeatureBins) -> Any:
    if feature.kind == "boolean":
        return bool
    if feature.kind == "numeric":
        low, high = feature.span or (-_LARGEST, _LARGEST)
        return Annotated[float, msgspec.Meta(ge=low, le=high)]
    known = (*feature.categories, *feature.other)
    return Any if _mixed(feature) or not known else Literal[known]


def _mixed(feature: FeatureBins) -> bool:
    """Return whether a category may be something else than a text; msgspec knows no such type."""
    return feature.kind == "categorical" and feature.accepts not in ((), ("text",))
