"""Probabilities beside the truth, in cells fine enough to rank them.

Each of the :attr:`~flask_mlmonitor.stats.cells.binning.Binning.SCORE_CELLS` cells of a probability
is cut into equal parts; the first and the last cell into octaves, each of as many parts, because
the probabilities of rare classes lie close together there. As long as there are few different
probabilities the parts are so small that hardly two share one; when there are more than the bound,
pairs of parts become one, until there are not. How coarse the parts are follows from the
probabilities alone, not from the order in which they were added.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from flask_mlmonitor.stats.cells.binning import Binning
from flask_mlmonitor.stats.cells.columns import Counts, Floats
from flask_mlmonitor.stats.cells.scores import Places, probabilities_of, scored_places
from flask_mlmonitor.stats.cells.sparse import Sparse, end_to_end

Bools = npt.NDArray[np.bool_]

FINEST: Final = 21
"""A whole cell has 2 ** FINEST parts."""
_OCTAVES: Final = 32
_UNITS: Final = Binning.SCORE_CELLS - 2 + 2 * _OCTAVES
_TOP: Final = _UNITS << FINEST


def most_parts(classes: int) -> int:
    """Return how many different parts are kept for so many classes in all."""
    return max(2048, 512 * classes)


def parts_of(p: Floats) -> Counts:
    """Return the finest part in which each probability lies; they ascend as it does.

    >>> (parts_of(np.array([0.0, 1e-9, 0.005, 0.5, 1.0])) >> FINEST).tolist()
    [0, 9, 32, 131, 261]
    """
    q = p * Binning.SCORE_CELLS
    last = Binning.SCORE_CELLS - 1
    inner = ((_OCTAVES - 1) << FINEST) + (q * 2.0**FINEST).astype(np.int64)
    upper = _TOP - _octaves(np.where(q < last, 1.0, Binning.SCORE_CELLS - q))
    return np.minimum(np.where(q < 1, _octaves(q), np.where(q < last, inner, upper)), _TOP - 1)


def _octaves(x: Floats) -> Counts:
    """Return the parts of numbers from 0 to 1: every halving has as many."""
    fraction, exponent = np.frexp(np.minimum(x, 1.0))
    octave = (exponent.astype(np.int64) + _OCTAVES - 2) << FINEST
    parts = octave + (fraction * 2.0 ** (FINEST + 1)).astype(np.int64)
    return np.where(x < 2.0**-_OCTAVES, 0, parts)


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """How often each part was met, predicted as the class or not, and truly of it or not.

    :param classes: how many are scored.
    :param level: how often pairs of parts became one.
    :param rows: by ``4 * part + 2 * predicted + true``, the parts of all classes end to end.
    """

    classes: int
    level: int
    rows: Sparse

    @classmethod
    def of(cls, p: Floats, predicted: Bools, true: Bools, *, exact: bool = False) -> Self:
        """Count probabilities, one row each and one column for each class.

        >>> ranking = Ranking.of(
        ...     np.array([[0.2], [0.8], [0.8]]),
        ...     np.array([[False], [True], [True]]),
        ...     np.array([[False], [False], [True]]),
        ... )
        >>> [counts.tolist() for counts in ranking.ranks(0)]
        [[1, 1], [0, 1]]

        :param exact: keep every part, however many.
        """
        classes = p.shape[1]
        parts = parts_of(p) + np.arange(classes, dtype=np.int64) * _TOP
        codes = 4 * parts + 2 * predicted + true
        most = p.size if exact else most_parts(classes)
        return cls(classes, 0, Sparse.of(codes.ravel()))._bounded(most)

    @classmethod
    def add_up(cls, classes: int, rankings: Sequence["Ranking"]) -> Self:
        """Return the sum of any number of rankings of so many classes."""
        level = max((one.level for one in rankings), default=0)
        keys, counts = end_to_end([one.rows for one in rankings])
        finer = np.array([level - one.level for one in rankings], np.intp)
        if finer.any():
            keys = _coarse(keys, np.repeat(finer, [len(one.rows.keys) for one in rankings]))
        return cls(classes, level, Sparse.of(keys, counts))._bounded(most_parts(classes))

    def _bounded(self, most: int) -> Self:
        keys = self.rows.keys >> 2
        parts = keys[np.flatnonzero(np.diff(keys, prepend=-1))]
        if len(parts) <= most:
            return self
        # Neighbours become one at the level of the highest bit in which they differ.
        levels = np.sort(np.frexp(parts[1:] ^ parts[:-1])[1])[::-1]
        level = self.level + int(levels[most - 1])
        keys = _coarse(self.rows.keys, level - self.level)
        return type(self)(self.classes, level, Sparse.of(keys, self.rows.counts))

    @property
    def by_cell(self) -> Self | None:
        """The same rows, with one part for each score cell; ``None`` if that is not much less."""
        keys = _coarse(self.rows.keys, FINEST - self.level)
        rows = Sparse.of(keys, self.rows.counts)
        if 2 * len(rows.keys) > len(self.rows.keys):
            return None
        return type(self)(self.classes, FINEST, rows)

    def cells(self, place: int) -> Counts:
        """Return the counts of a class by (predicted, true, score cell)."""
        parts, flags, counts = self._of_class(place)
        cells = (parts >> (FINEST - self.level)) - (_OCTAVES - 1)
        cells = np.clip(cells, 0, Binning.SCORE_CELLS - 1)
        size = 4 * Binning.SCORE_CELLS
        dense = np.bincount(flags * Binning.SCORE_CELLS + cells, counts, minlength=size)
        return dense.astype(np.int64).reshape(2, 2, Binning.SCORE_CELLS)

    def ranks(self, place: int) -> tuple[Counts, Counts]:
        """Return the rows not of a class, and those of it, by ascending probability."""
        parts, flags, counts = self._of_class(place)
        distinct, ranks = np.unique(parts, return_inverse=True)
        false, true = (
            np.bincount(ranks, np.where(flags & 1 == own, counts, 0), minlength=len(distinct))
            for own in (0, 1)
        )
        return false.astype(np.int64), true.astype(np.int64)

    def _of_class(self, place: int) -> tuple[Counts, Counts, Counts]:
        keys, size = self.rows.keys, _TOP >> self.level
        start, stop = np.searchsorted(keys, [4 * size * place, 4 * size * (place + 1)])
        own = keys[start:stop]
        return (own >> 2) - size * place, own & 3, self.rows.counts[start:stop]


def _coarse(keys: Counts, levels: int | Places) -> Counts:
    """Return the keys at a coarser level."""
    coarse: Counts = ((keys >> 2 >> levels) << 2) | (keys & 3)
    return coarse


class Kinds(NamedTuple):
    """What each number of :class:`Entries` means: one place for each.

    :param curve: the place of the scored class.
    :param predicted: whether such rows were predicted as the class; *true* whether they are of it.
    :param cell: of the probability.
    """

    curve: Places
    predicted: Bools
    true: Bools
    cell: Places

    @classmethod
    def of(cls, classes: int) -> Self:
        """Return the kinds of rows that a ranking of so many classes tells apart."""
        number = np.arange(classes * _UNITS * 4)
        curve, unit = np.divmod(number >> 2, _UNITS)
        cell = np.clip(unit - (_OCTAVES - 1), 0, Binning.SCORE_CELLS - 1)
        return cls(curve, (number & 2) > 0, (number & 1) > 0, cell)


class Entries(NamedTuple):
    """Rows of many rankings, those of the first one first.

    :param kinds: for each entry its place in :class:`Kinds`.
    :param ends: per ranking, how many entries it and those before it have.
    """

    kinds: Counts
    rows: Counts
    ends: Counts

    @classmethod
    def of(cls, rankings: Sequence[Ranking]) -> Self:
        """Read hundreds of rankings in a few operations.

        >>> ranking = Ranking.of(np.array([[0.2]]), np.array([[False]]), np.array([[True]]))
        >>> kinds, rows, ends = Entries.of([ranking, ranking])
        >>> Kinds.of(1).cell[kinds].tolist(), rows.tolist(), ends.tolist()
        ([40, 40], [1, 1], [1, 2])
        """
        nothing = np.zeros(0, np.int64)
        sizes = np.array([len(one.rows.keys) for one in rankings], np.int64)
        keys = np.concatenate([nothing, *(one.rows.keys for one in rankings)])
        rows = np.concatenate([nothing, *(one.rows.counts for one in rankings)])
        steps = np.array([FINEST - one.level for one in rankings], np.int64).repeat(sizes)
        return cls(((keys >> (steps + 2)) << 2) | (keys & 3), rows, sizes.cumsum())

    def sums(self, weights: Floats) -> Floats:
        """Return per column of *weights*, which have a row for each kind, the sum per ranking."""
        found = np.zeros((weights.shape[1], len(self.ends)))
        starts = np.concatenate([[0], self.ends])[:-1]
        held = np.flatnonzero(self.ends > starts)
        if len(held):
            # Column by column: all at once would take several times as long.
            for sums, column in zip(found, np.ascontiguousarray(weights.T), strict=True):
                sums[held] = np.add.reduceat(column.take(self.kinds) * self.rows, starts[held])
        return found


def scored(
    binning: Binning, probabilities: Sequence[Any], true: Places, predicted: Places
) -> tuple[Floats, Bools, Bools]:
    """Return the scored rows: their probabilities, whether predicted as the class, truly of it.

    A row is scored if its truth is a class and its probabilities are complete and in [0, 1].

    :param true: the places of the classes; others are beyond them or negative.
    """
    places, classes = scored_places(binning), len(binning.classes) if binning.scored else 0
    rows = [
        row
        for row, place in enumerate(true.tolist())
        if 0 <= place < classes and probabilities[row] is not None
    ]
    if not rows:
        nothing = np.zeros((0, len(places)))
        return nothing, nothing > 0, nothing > 0
    p = probabilities_of(binning, [probabilities[row] for row in rows])
    usable = ((p >= 0) & (p <= 1)).all(axis=1)
    known = np.array(rows)[usable]
    return p[usable], predicted[known, np.newaxis] == places, true[known, np.newaxis] == places
