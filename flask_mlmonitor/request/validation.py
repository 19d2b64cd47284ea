"""The rules of a baseline, compiled once, checked for each field of each row."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from flask_mlmonitor.counters.requests import EXTRA
from flask_mlmonitor.records import FieldFailure
from flask_mlmonitor.request.payloads import Fields
from flask_mlmonitor.stats.binning import FeatureBins

ACTED_ON: Final = frozenset(("missing", "type", "nan", "inf"))
"""The rules that ``on_invalid`` acts on; the others are flagged only, unless ``strict``."""

Check = Callable[[Any], str | None]
"""Returns the broken rule, or ``None``."""


class Validator:
    """Checks rows against a baseline's features.

    :param features: in the order of the values; none: nothing is checked.
    """

    def __init__(self, features: Sequence[FeatureBins]) -> None:
        self._checks: Sequence[tuple[str, Check]] = [
            (feature.name, _check(feature)) for feature in features
        ]

    def failures(self, rows: Iterable[Fields]) -> list[FieldFailure]:
        """Return every rule that a field of *rows* broke."""
        if not self._checks:
            return []
        failures = []
        for number, row in enumerate(rows):
            for value, (name, check) in zip(row.values, self._checks, strict=True):
                rule = check(value)
                if rule is not None:
                    failures.append(FieldFailure(number, name, rule))
            if row.extra:
                failures.append(FieldFailure(number, EXTRA, "extra"))
        return failures


def acted_on(failures: Sequence[FieldFailure], *, strict: bool) -> list[FieldFailure]:
    """Return the failures that the route's policy acts on."""
    return [failure for failure in failures if strict or failure.rule in ACTED_ON]


def _check(feature: FeatureBins) -> Check:
    if feature.kind == "numeric":
        return _numeric(feature)
    if feature.kind == "boolean":
        return _boolean(feature)
    return _categorical(feature)


def _numeric(feature: FeatureBins) -> Check:
    low = -math.inf if feature.low is None else feature.low
    high = math.inf if feature.high is None else feature.high
    absent = _absent(feature)

    def check(value: Any) -> str | None:
        if type(value) is float or type(value) is int:
            if low <= value <= high and -math.inf < value < math.inf:
                return None
            if value != value:
                return "nan"
            return "inf" if value in (math.inf, -math.inf) else "range"
        return absent if value is None else "type"

    return check


def _boolean(feature: FeatureBins) -> Check:
    absent = _absent(feature)

    def check(value: Any) -> str | None:
        if value is True or value is False:
            return None
        return absent if value is None else "type"

    return check


def _categorical(feature: FeatureBins) -> Check:
    known = frozenset((*feature.categories, *feature.other))
    texts = feature.accepts in ((), ("text",))
    rules = {
        feature.missing_cell: _absent(feature),
        feature.invalid_cell: "type",
        feature.unseen_cell: "category",
    }

    def check(value: Any) -> str | None:
        if texts and type(value) is str and value in known:
            return None
        if isinstance(value, float) and math.isnan(value):
            return "nan"
        return rules.get(feature.cell_of(value))

    return check


def _absent(feature: FeatureBins) -> str | None:
    """Return the rule that a null or absent field breaks: none where the baseline had some."""
    return None if feature.missing else "missing"
