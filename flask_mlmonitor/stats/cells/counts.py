"""The counts of one feature, and what they say without a statistic."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from flask_mlmonitor.stats.cells.binning import FeatureBins


@dataclass(frozen=True, slots=True)
class FeatureCounts:
    """How many values lie in each cell of a feature.

    >>> bins = FeatureBins("age", "numeric", quantiles=(30.0, 40.0, 50.0), low=18, high=70)
    >>> counts = FeatureCounts(bins, (1, 5, 5, 5, 5, 2, 3, 0, 0))
    >>> counts.n, counts.below, counts.above, counts.missing, counts.groups
    (26, 1, 2, 3, (11, 12, 3, 0))

    :param cells: in the order of :attr:`FeatureBins.cell_names`.
    """

    bins: FeatureBins
    cells: tuple[int, ...]

    @property
    def n(self) -> int:
        """All rows, whether they had a value or not."""
        return sum(self.cells)

    @property
    def values(self) -> tuple[int, ...]:
        """The cells that hold values, in their order."""
        return self.cells[: self.bins.value_cells]

    @property
    def missing(self) -> int:
        """Null and NaN."""
        return self.cells[self.bins.missing_cell]

    @property
    def absent(self) -> int:
        """Not sent at all."""
        return self.cells[self.bins.absent_cell]

    @property
    def invalid(self) -> int:
        """Of a wrong type."""
        return self.cells[self.bins.invalid_cell]

    @property
    def other(self) -> int:
        """Categories too rare for a cell."""
        return 0 if self.bins.other_cell is None else self.cells[self.bins.other_cell]

    @property
    def unseen(self) -> int:
        """Categories that the baseline does not know."""
        return 0 if self.bins.unseen_cell is None else self.cells[self.bins.unseen_cell]

    @property
    def below(self) -> int:
        """Numbers below the baseline's range."""
        return self._sum(self.bins.outside(self.bins.span)[:1])

    @property
    def above(self) -> int:
        """Numbers above the baseline's range."""
        return self._sum(self.bins.outside(self.bins.span)[1:])

    @property
    def beyond_z(self) -> int:
        """Numbers further than three standard deviations from the baseline's mean."""
        return self._sum(self.bins.outside(self.bins.z_limits))

    @property
    def beyond_fences(self) -> int:
        """Numbers outside the fences of the baseline's quartiles."""
        return self._sum(self.bins.outside(self.bins.fences))

    @property
    def groups(self) -> tuple[int, ...]:
        """What the PSI compares: the groups, then missing with absent, then invalid."""
        parts = np.add.reduceat(self.values, [cells.start for cells in self.bins.groups])
        return (*parts.tolist(), self.missing + self.absent, self.invalid)

    def _sum(self, parts: Sequence[range]) -> int:
        return sum(sum(self.cells[part.start : part.stop]) for part in parts)


@dataclass(frozen=True, slots=True)
class Moments:
    """The finite values of a numeric feature; ``None`` where too few of them were seen.

    :param std: of the sample (n - 1).
    """

    n: int
    mean: float | None
    std: float | None
    min: float | None
    max: float | None

    @classmethod
    def of(cls, sums: Sequence[float], center: float) -> Self:
        """Compute them from n, sums of deviations from *center* and of squares, and extremes.

        >>> Moments.of([2, 4, 10, 11, 13], 10)
        Moments(n=2, mean=12.0, std=1.4142135623730951, min=11, max=13)
        """
        n, total, squares, low, high = sums
        if not n:
            return cls(0, None, None, None, None)
        spread = squares - total * total / n
        std = math.sqrt(max(spread, 0.0) / (n - 1)) if n > 1 else None
        return cls(int(n), center + total / n, std, low, high)
