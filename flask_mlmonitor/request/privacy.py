"""What of a row may be written down: redacted, hashed or as it is."""

import difflib
import hmac
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, Self

import msgspec

from flask_mlmonitor._app import AppState, load_baseline
from flask_mlmonitor.config import Settings
from flask_mlmonitor.counters.faults import LOGGER
from flask_mlmonitor.journal.frames import carried
from flask_mlmonitor.journal.plain import MAX_DEPTH
from flask_mlmonitor.records import Row
from flask_mlmonitor.stats.cells.binning import FeatureBins
from flask_mlmonitor.stats.cells.labels import label

HASH_BYTES: Final = 16


class Privacy:
    """Takes the values that must not be written down out of rows, and keeps their cells.

    It works on what the journal would carry, so that a cell is the one that the drain would have
    counted, and names are found in objects of any class.

    >>> privacy = Privacy([FeatureBins("age", "numeric", low=18, high=70)], redact=["age"])
    >>> row = privacy.applied(Row([41], extra={"partner": {"age": 43, "city": "Oslo"}}))
    >>> row.values, row.cells, row.features(["age"])
    ([None], [(0, 1)], {'partner': {'city': 'Oslo'}})

    :param features: those of the baseline, in the order of a row's values.
    :param redact: names of which nothing but the cell is kept.
    :param hashed: names whose values are replaced by :func:`hash_of`.
    :param key: of the hash.
    """

    def __init__(
        self,
        features: Sequence[FeatureBins],
        *,
        redact: Collection[str] = (),
        hashed: Collection[str] = (),
        key: str = "",
    ) -> None:
        self._redact, self._hash, self._key = frozenset(redact), frozenset(hashed), key.encode()
        names = self._redact | self._hash
        self._hidden = [(i, bins) for i, bins in enumerate(features) if bins.name in names]
        # Values of a list have no names but their places: whoever names none of those may mean
        # any of them.
        self._keeps_nameless = any(map(str.isdecimal, names))

    @classmethod
    def of(cls, features: Sequence[FeatureBins], settings: Settings) -> Self | None:
        """Return what a model's settings ask for, ``None`` if nothing."""
        if not settings.private:
            return None
        return cls(
            features,
            redact=settings.redact,
            hashed=settings.hash,
            key=settings.hash_key or "",
        )

    def applied(self, row: Row) -> Row:
        """Return the row without the private values."""
        known, extra = carried((row.values, row.extra))
        values, absent = [self._within(value) for value in known], list(row.absent or ())
        cells = []
        for place, bins in self._hidden:
            value = known[place]
            if place in absent:
                continue
            if bins.name in self._redact:
                values[place] = None
                absent.append(place)
            else:
                values[place] = hash_of(value, self._key)
            cells.append((place, bins.cell_of(value)))
        extra = None if extra is None else self._named(extra, 0, self._keeps_nameless)
        return Row(values, row.prediction, row.probability, extra, absent or None, cells or None)

    def _within(self, value: Any, depth: int = 0) -> Any:
        """Return a value without the private ones in it; what is nested too deeply goes."""
        if isinstance(value, dict):
            return self._named(value, depth) if depth < MAX_DEPTH else None
        if isinstance(value, list):
            return [self._within(item, depth + 1) for item in value] if depth < MAX_DEPTH else None
        return value

    def _named(
        self, items: Mapping[Any, Any], depth: int, keeps_nameless: bool = True
    ) -> dict[Any, Any]:
        shown = {}
        for name, item in items.items():
            text = str(name)
            if text in self._hash:
                shown[name] = hash_of(item, self._key)
            elif text not in self._redact and (keeps_nameless or not text.isdecimal()):
                shown[name] = self._within(item, depth + 1)
        return shown


def hash_of(value: Any, key: bytes) -> str | None:
    """Return the HMAC-SHA256 of a value's text, its first 32 hex digits; null and NaN stay null.

    A text is its own, 3 and 3.0 have the text ``3``, and lists and objects are written as JSON.

    >>> hash_of("Oslo", b"key"), hash_of(None, b"key")
    ('2748168046792beb999b252640395e37', None)
    """
    if value is None or value != value:
        return None
    if not isinstance(value, str):
        scalar = isinstance(value, bool | int | float)
        value = label(value) if scalar else msgspec.json.encode(value, order="sorted").decode()
    return hmac.digest(key, value.encode(), "sha256")[:HASH_BYTES].hex()


def warn_of_unknown(state: AppState) -> None:
    """Name the redacted and hashed features that no model has; a model without a baseline may."""
    found: dict[str, set[str]] = {}
    anything: set[str] = set()
    for declaration in state.declarations():
        settings = state.settings.for_model(declaration.model)
        names = {*settings.redact, *settings.hash}
        baseline = load_baseline(declaration.baseline, state.root)
        known = baseline.feature_names if baseline else ()
        if not known:
            anything |= names
        for name in names:
            found.setdefault(name, set()).update(known)
    for name in sorted(found.keys() - anything):
        if name not in found[name]:
            near = difflib.get_close_matches(name, sorted(found[name]), n=1, cutoff=0)
            LOGGER.warning(
                "No baseline knows the feature %r of MLMONITOR_REDACT or MLMONITOR_HASH; the "
                "nearest one is %r.",
                name,
                *near,
            )
