"""Which class was predicted for which: pairs of labels, counted."""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Self

import numpy as np

from flask_mlmonitor.stats.baselines.profiling import LONGEST_NAME
from flask_mlmonitor.stats.cells.columns import PLAIN
from flask_mlmonitor.stats.cells.labels import BOOLEANS, MOST_CLASSES, label, spellings, type_of
from flask_mlmonitor.stats.cells.scores import Places
from flask_mlmonitor.stats.cells.sparse import Sparse

_STRIDE: Final = 4096
"""More than all labels: a pair is ``true * _STRIDE + predicted``."""


class Table(NamedTuple):
    """Pairs of labels that were met.

    :param labels: all that were met, those of the baseline first, the others ascending.
    :param true: places among the labels; *predicted* likewise.
    """

    labels: tuple[str, ...]
    true: Places
    predicted: Places
    counts: Places


class Labels:
    """Numbers the labels of values: the given classes first, others as they are met."""

    def __init__(self, classes: Sequence[str]) -> None:
        self._classes = len(classes)
        self._names = list(classes)
        self._places = spellings(classes)
        self._known: dict[tuple[type, Any], int] = {}

    def places(self, values: Iterable[Any]) -> Places:
        """Return each value's number, -1 for what is no label.

        >>> Labels(("no", "yes")).places(["yes", None, 3, "3", float("nan"), [1]]).tolist()
        [1, -1, 2, 2, -1, -1]
        """
        known, found = self._known, []
        for value in values:
            plain = type(value) in PLAIN
            place = known.get((type(value), value)) if plain else self._place(value)
            if place is None:
                place = known[type(value), value] = self._place(value)
            found.append(place)
        return np.array(found, np.intp)

    def _place(self, value: Any) -> int:
        name = name_of(value)
        if name is None:
            return -1
        place = self._places.get(name)
        if place is None:
            place = self._places[name] = len(self._names)
            self._names.append(name)
        return place

    def sorted(self) -> tuple[tuple[str, ...], Places]:
        """Return the labels that are no class, ascending, and the new numbers of all."""
        others = self._names[self._classes :]
        order = sorted(range(len(others)), key=others.__getitem__)
        numbers = np.arange(len(self._names))
        numbers[self._classes + np.array(order, np.intp)] = np.arange(len(order)) + self._classes
        return tuple(others[place] for place in order), numbers


def name_of(value: Any) -> str | None:
    """Return a value's label; ``None`` for what is none: containers, long texts, NaN, infinity."""
    kind = type_of(value)
    if kind is None or (isinstance(value, float) and not np.isfinite(value)):
        return None
    name = label(value)
    if len(name) > LONGEST_NAME:
        return None
    # A lone surrogate cannot be written as UTF-8; the journal replaces it likewise.
    return name if name.isascii() else name.encode("utf-8", "replace").decode()


@dataclass(frozen=True, slots=True, eq=False)
class Confusion:
    """Pairs of a true and a predicted label, counted.

    :param classes: of the baseline.
    :param others: the other labels, ascending; ``None`` if there were more than
        :data:`~flask_mlmonitor.stats.cells.labels.MOST_CLASSES`: then no pair is kept.
    """

    classes: tuple[str, ...]
    others: tuple[str, ...] | None
    pairs: Sparse

    @classmethod
    def of(cls, labels: Labels, classes: tuple[str, ...], true: Places, predicted: Places) -> Self:
        """Count pairs of numbers that *labels* gave."""
        others, numbers = labels.sorted()
        pairs = Sparse.of(numbers[true] * _STRIDE + numbers[predicted])
        return cls(classes, others, pairs)._bounded()

    @classmethod
    def add_up(cls, classes: tuple[str, ...], parts: Sequence["Confusion"]) -> Self:
        """Return the sum of any number of them, over the same classes."""
        alike: dict[tuple[str, ...] | None, list[Sparse]] = defaultdict(list)
        for part in parts:
            alike[part.others].append(part.pairs)
        known = [others for others in alike if others is not None]
        others = tuple(sorted(set().union(*known)))
        if None in alike or len(others) > MOST_CLASSES:
            return cls(classes, None, Sparse.of(np.zeros(0, np.int64)))
        places = {name: place for place, name in enumerate(others, len(classes))}
        renumbered = []
        for names in known:
            one = Sparse.add_up(alike[names])
            numbers = np.array([*range(len(classes)), *(places[name] for name in names)], np.int64)
            true, predicted = np.divmod(one.keys, _STRIDE)
            keys = numbers[true] * _STRIDE + numbers[predicted] if len(one.keys) else one.keys
            renumbered.append(Sparse(keys, one.counts))
        return cls(classes, others, Sparse.add_up(renumbered))

    def _bounded(self) -> Self:
        if self.others is None or len(self.others) <= MOST_CLASSES:
            return self
        return type(self)(self.classes, None, Sparse.of(self.pairs.keys[:0]))

    @property
    def n(self) -> int:
        """All pairs."""
        return int(self.pairs.counts.sum())

    @property
    def right(self) -> int:
        """The pairs whose prediction is the truth, as far as the baseline's classes spell it."""
        true, predicted = np.divmod(self.pairs.keys, _STRIDE)
        return int(self.pairs.counts[true == predicted].sum())

    @property
    def widest(self) -> float:
        """How many labels the side with more of them has."""
        if self.others is None:
            return math.inf
        return max(len(np.unique(side)) for side in np.divmod(self.pairs.keys, _STRIDE))

    def table(self) -> Table | None:
        """Return the pairs, the spellings of a boolean as one; ``None`` if none are kept."""
        if self.others is None:
            return None
        true, predicted = np.divmod(self.pairs.keys, _STRIDE)
        names = [*self.classes, *self.others]
        same = _one_spelling(self.others, {names[place] for place in predicted})
        names = [same.get(name, name) for name in names]
        met = {names[place] for place in (*true.tolist(), *predicted.tolist())}
        labels = tuple(name for name in dict.fromkeys(names) if name in met)
        places = {name: place for place, name in enumerate(labels)}
        numbers = np.array([places.get(name, -1) for name in names], np.int64)
        pairs = Sparse.of(numbers[true] * _STRIDE + numbers[predicted], self.pairs.counts)
        return Table(labels, *np.divmod(pairs.keys, _STRIDE), pairs.counts)


def _one_spelling(labels: Sequence[str], predicted: set[str]) -> dict[str, str]:
    """Map the spellings of a boolean to the one that the model answers with."""
    same: dict[str, str] = {}
    for spelled in BOOLEANS:
        met = [name for name in spelled if name in labels]
        answered = [name for name in met if name in predicted]
        same |= dict.fromkeys(met, next(iter(answered + met), ""))
    return same
