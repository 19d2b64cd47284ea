"""What a baseline knows about one column, and about the probabilities of one class."""

from functools import cached_property

import msgspec

from flask_mlmonitor.stats.cells.binning import FeatureBins, Kind
from flask_mlmonitor.stats.cells.counts import FeatureCounts
from flask_mlmonitor.stats.cells.quality import FeatureQuality


class FeatureBaseline(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, dict=True):
    """One column of the training data: its cells, how many rows fell into each, its moments.

    :param bins: the cells, with range, mean and standard deviation.
    :param counts: rows per cell.
    :param integer: whether all its finite values are whole numbers.
    :param quartiles: of the finite values, interpolated.
    """

    bins: FeatureBins
    counts: tuple[int, ...]
    integer: bool = False
    quartiles: tuple[float, float, float] | None = None

    def __post_init__(self) -> None:
        if len(self.counts) != self.bins.size:
            expected = f"{self.bins.size} counts, found {len(self.counts)}"
            raise ValueError(f"the cells of {self.bins.name!r} need {expected}")

    @property
    def name(self) -> str:
        """The column's name."""
        return self.bins.name

    @property
    def kind(self) -> Kind:
        """Numeric, categorical or boolean."""
        return self.bins.kind

    @cached_property
    def cells(self) -> FeatureCounts:
        """The counts with their meaning."""
        return FeatureCounts(self.bins, self.counts)

    @cached_property
    def quality(self) -> FeatureQuality:
        """What was wrong with the training data's values."""
        return FeatureQuality.of(self.cells)

    @property
    def n(self) -> int:
        """The rows of the training data."""
        return self.cells.n

    @property
    def missing(self) -> float:
        """The share of rows without a value."""
        return self.cells.missing / self.n

    @property
    def mean(self) -> float | None:
        """Of the finite values; ``None`` where there are none."""
        return self.bins.mean

    @property
    def std(self) -> float | None:
        """Of the finite values, as a sample (n - 1); 0 for a single one."""
        return self.bins.std

    @property
    def min(self) -> float | None:
        """The smallest finite value."""
        return self.bins.low

    @property
    def max(self) -> float | None:
        """The largest finite value."""
        return self.bins.high


class ReferenceScores(msgspec.Struct, frozen=True, omit_defaults=True):
    """The probabilities of one class in the training data, per score cell.

    :param name: the class.
    :param rows: all rows.
    :param true: the rows that were of this class; empty where the truth was not given.
    """

    name: str
    rows: tuple[int, ...]
    true: tuple[int, ...] = ()
