"""The rules of a baseline, compiled once, checked for each field of each row."""

import math
import sys
from collections.abc import Iterable, Sequence
from typing import Any, Final

from flask_mlmonitor.counters.requests import EXTRA
from flask_mlmonitor.records import FieldFailure
from flask_mlmonitor.request.payloads import Fields
from flask_mlmonitor.stats.binning import FeatureBins

ACTED_ON: Final = frozenset(("missing", "type", "nan", "inf"))
"""The rules that ``on_invalid`` acts on; the others are flagged only, unless ``strict``."""

_LARGEST: Final = sys.float_info.max


class Validator:
    """Checks rows against a baseline's features.

    :param features: in the order of the values; none: nothing is checked.
    """

    def __init__(self, features: Sequence[FeatureBins]) -> None:
        self._fields = [Field(feature) for feature in features]

    def failures(self, rows: Iterable[Fields]) -> list[FieldFailure]:
        """Return every rule that a field of *rows* broke."""
        failures: list[FieldFailure] = []
        if not self._fields:
            return failures
        for number, row in enumerate(rows):
            for value, field in zip(row.values, self._fields, strict=True):
                kind = type(value)
                # What nearly every value is stands first, and takes no call.
                if kind is float or kind is int:
                    if field.low <= value <= field.high:
                        continue
                elif kind is str and value in field.texts:
                    continue
                rule = field.broken_by(value)
                if rule is not None:
                    failures.append(FieldFailure(number, field.name, rule))
            if row.extra:
                failures.append(FieldFailure(number, EXTRA, "extra"))
        return failures


class Field:
    """The rules of one feature.

    :ivar low: numbers from *low* to *high* are valid without a further look; none where
        ``low > high``.
    :ivar texts: likewise these texts.
    """

    def __init__(self, feature: FeatureBins) -> None:
        self.name = feature.name
        self.low, self.high = math.inf, -math.inf
        self.texts: frozenset[str] = frozenset()
        self._feature = feature
        self._absent = None if feature.missing else "missing"
        if feature.kind == "numeric":
            self.low, self.high = feature.span or (-_LARGEST, _LARGEST)
        elif "text" in (feature.accepts or ("text",)):
            self.texts = frozenset((*feature.categories, *feature.other))

    def broken_by(self, value: Any) -> str | None:
        """Return the rule that a value breaks, if any; one of :data:`RULES`."""
        if value is None:
            return self._absent
        if isinstance(value, float) and value != value:
            return "nan"
        cell = self._feature.cell_of(value)
        if cell == self._feature.invalid_cell:
            return "type"
        if self._feature.kind == "numeric":
            return "inf" if value in (math.inf, -math.inf) else self._outside(value)
        return "category" if cell == self._feature.unseen_cell else None

    def _outside(self, value: float) -> str | None:
        return None if self.low <= value <= self.high else "range"


def acted_on(failures: Sequence[FieldFailure], *, strict: bool) -> list[FieldFailure]:
    """Return the failures that the route's policy acts on."""
    return [failure for failure in failures if strict or failure.rule in ACTED_ON]
