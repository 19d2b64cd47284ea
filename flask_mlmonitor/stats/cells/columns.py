"""Columns of values into counts, a whole batch and all numeric features at once."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import accumulate, islice, zip_longest
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from flask_mlmonitor.records import Row
from flask_mlmonitor.stats.cells.binning import FeatureBins
from flask_mlmonitor.stats.cells.labels import ABSENT, Cell, number

Counts = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

MOMENTS: Final = 5
"""Rows of a matrix of moments: n, sum, sum of squares, minimum, maximum of the finite values.

Sums are of the deviations from the baseline's mean, because the squares of large numbers with a
small spread leave no digits for the spread. Without a value: n = 0, minimum inf, maximum -inf.
"""
_NUMBERS: Final = frozenset({float, int, type(None)})
PLAIN: Final = frozenset({str, int, float, bool})


def transposed(rows: Sequence[Row], width: int) -> list[Sequence[Any]]:
    """Return the *width* columns of the rows' values; what a row does not have is absent.

    In the place of a value that is redacted or hashed stands its :class:`Cell`.
    """
    values = [_marked(row) if row.absent or row.cells else row.values for row in rows]
    columns: list[Sequence[Any]] = list(islice(zip_longest(*values, fillvalue=ABSENT), width))
    return columns + [(ABSENT,) * len(rows)] * (width - len(columns))


def _marked(row: Row) -> list[Any]:
    marks: dict[int, Any] = dict.fromkeys(row.absent or (), ABSENT)
    marks |= {place: Cell(cell) for place, cell in row.cells or ()}
    return [marks.get(place, value) for place, value in enumerate(row.values)]


class ColumnCounter:
    """Counts columns over the cells of their features, laid end to end."""

    def __init__(self, features: Sequence[FeatureBins]) -> None:
        self.features = features
        self.starts = [0, *accumulate(bins.size for bins in features)]
        self.size = self.starts[-1]
        self.numeric = [i for i, bins in enumerate(features) if bins.kind == "numeric"]
        self._categorical = [i for i, bins in enumerate(features) if bins.kind != "numeric"]
        numbers = [features[i] for i in self.numeric]
        self._numbers = numbers
        self._edges = _padded([bins.edges for bins in numbers])
        self._dtype = np.min_scalar_type(max((bins.size for bins in numbers), default=0))
        self._missing = np.array([[bins.missing_cell] for bins in numbers], self._dtype)
        self._offsets = np.array([[self.starts[i]] for i in self.numeric], np.intp)
        self.means: Floats = np.array([bins.mean or 0.0 for bins in numbers], np.float64)

    def count(self, columns: Sequence[Sequence[Any]], n: int) -> tuple[Counts, Floats]:
        """Return the cells' counts and the moments of the numeric features.

        :param columns: one per feature, each of *n* values of any type.
        """
        if self.numeric:
            counts, moments = self._count_numbers([columns[i] for i in self.numeric], n)
        else:
            counts, moments = np.zeros(self.size, np.int64), no_moments(0)
        for i in self._categorical:
            bins, start = self.features[i], self.starts[i]
            for cell, times in _category_cells(bins, columns[i]):
                counts[start + cell] += times
        return counts, moments

    def _count_numbers(self, columns: Sequence[Sequence[Any]], n: int) -> tuple[Counts, Floats]:
        values, odd = self._matrix(columns, n)
        cells = np.zeros(values.shape, self._dtype)
        # Edge by edge over the matrix: as fast as a search per column, and the same few calls
        # whether there are 10 features or 1000. Edges that pad are NaN: nothing is beyond them.
        for edge in self._edges:
            cells += (values >= edge).view(np.uint8)
        np.copyto(cells, self._missing, where=np.isnan(values))
        for feature, row, cell in odd:
            cells[feature, row] = cell
        counts = np.bincount((cells + self._offsets).ravel(), minlength=self.size)
        return counts.astype(np.int64, copy=False), moments_of(values, self.means)

    def _matrix(
        self, columns: Sequence[Sequence[Any]], n: int
    ) -> tuple[Floats, list[tuple[int, int, int]]]:
        """Return one row per feature, NaN for what is no number, and the cells of these."""
        odd: list[tuple[int, int, int]] = []
        clean: list[Sequence[Any]] = []
        for feature, column in enumerate(columns):
            if not _NUMBERS.issuperset(map(type, column)):
                cell_of = self._numbers[feature].cell_of
                odd += [
                    (feature, row, cell_of(value))
                    for row, value in enumerate(column)
                    if type(value) not in _NUMBERS
                ]
                column = [number(value) for value in column]
            clean.append(column)
        try:
            matrix = np.array(clean, np.float64)
        except OverflowError:
            matrix = np.array([[number(v) for v in column] for column in clean], np.float64)
        return matrix.reshape(len(columns), n), odd


def _padded(edges: Sequence[Sequence[float]]) -> Floats:
    """Return the features' edges as (edge, feature, 1)."""
    padded = np.full((max(map(len, edges), default=0), len(edges), 1), np.nan)
    for feature, own in enumerate(edges):
        padded[: len(own), feature, 0] = own
    return padded


def _category_cells(bins: FeatureBins, column: Sequence[Any]) -> Iterator[tuple[int, int]]:
    """Yield pairs of a cell and how many values fall into it."""
    types = set(map(type, column)) - {type(None)}
    # Equal values of different types (1, 1.0, True) would be one value to a Counter.
    if len(types) <= 1 and types <= PLAIN:
        for value, times in Counter(column).items():
            yield bins.cell_of(value), times
    else:
        for value in column:
            yield bins.cell_of(value), 1


def no_moments(features: int) -> Floats:
    """Return the moments of no values, to which all others add."""
    moments = np.zeros((MOMENTS, features))
    moments[3] = np.inf
    moments[4] = -np.inf
    return moments


def moments_of(values: Floats, means: Floats) -> Floats:
    """Return the :data:`MOMENTS` of each row of *values* about its mean in the baseline."""
    finite = np.isfinite(values)
    moments = no_moments(len(values))
    # A sum of numbers near the largest double is inf: said so, not raised.
    with np.errstate(over="ignore", invalid="ignore"):
        deviations = np.where(finite, values - means[:, np.newaxis], 0.0)
        moments[0] = finite.sum(axis=1)
        moments[1] = deviations.sum(axis=1)
        moments[2] = np.square(deviations).sum(axis=1)
    moments[3] = np.where(finite, values, np.inf).min(axis=1, initial=np.inf)
    moments[4] = np.where(finite, values, -np.inf).max(axis=1, initial=-np.inf)
    return moments


def numbers_of(values: Sequence[Any]) -> Floats:
    """Return values as float64, NaN for what is no number."""
    try:
        if _NUMBERS.issuperset(map(type, values)):
            return np.array(values, np.float64)
    except OverflowError:
        pass
    found = [number(value) for value in values]
    return np.array(found, np.float64)
