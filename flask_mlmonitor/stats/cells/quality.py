"""What is wrong with the values of a feature, as shares of its rows."""

from typing import Self

import msgspec

from flask_mlmonitor.stats.cells.counts import FeatureCounts


class FeatureQuality(msgspec.Struct, frozen=True, kw_only=True):
    """Shares of a window's rows, 0 to 1; a share of no rows is 0.

    :param n: rows.
    :param missing: null, NaN, or not sent.
    :param absent: those that were not sent at all; 1.0 is a missing column.
    :param invalid: of a wrong type.
    :param outliers: numbers further than three standard deviations from the baseline's mean.
    :param outliers_iqr: numbers further than 1.5 interquartile ranges from its quartiles.
    :param out_of_range: numbers outside its range.
    :param unseen: categories that it does not know.
    """

    n: int
    missing: float = 0.0
    absent: float = 0.0
    invalid: float = 0.0
    outliers: float = 0.0
    outliers_iqr: float = 0.0
    out_of_range: float = 0.0
    unseen: float = 0.0

    @classmethod
    def of(cls, counts: FeatureCounts) -> Self:
        """Return the shares of these counts.

        >>> from flask_mlmonitor.stats.cells.binning import FeatureBins
        >>> plan = FeatureBins("plan", "categorical", categories=("free", "paid"))
        >>> FeatureQuality.of(FeatureCounts(plan, (4, 2, 0, 2, 1, 1, 0))).missing
        0.2
        """
        rows = max(1, counts.n)
        return cls(
            n=counts.n,
            missing=(counts.missing + counts.absent) / rows,
            absent=counts.absent / rows,
            invalid=counts.invalid / rows,
            outliers=counts.beyond_z / rows,
            outliers_iqr=counts.beyond_fences / rows,
            out_of_range=(counts.below + counts.above) / rows,
            unseen=counts.unseen / rows,
        )
