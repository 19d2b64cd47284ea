"""A data frame as counts over the cells of a baseline."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from flask_mlmonitor.stats.binning import FeatureBins
from flask_mlmonitor.stats.columns import ColumnCounter
from flask_mlmonitor.stats.counts import FeatureCounts
from flask_mlmonitor.stats.numeric import doubles

if TYPE_CHECKING:
    import pandas as pd


def count_frame(features: Sequence[FeatureBins], df: "pd.DataFrame") -> list[FeatureCounts]:
    """Count the columns of a frame, one for each feature; one that is not there is absent.

    The values count as production counts them: a text in a numeric feature is invalid.
    """
    columns = {str(name): df[name] for name in df.columns}
    return [_count(bins, columns.get(bins.name), len(df)) for bins in features]


def _count(bins: FeatureBins, column: "pd.Series[Any] | None", rows: int) -> FeatureCounts:
    if column is None:
        cells = [0] * bins.size
        cells[bins.absent_cell] = rows
        return FeatureCounts(bins, tuple(cells))
    if bins.kind == "numeric" and _holds_numbers(column):
        return FeatureCounts(bins, _numbers(bins, column))
    known = column.astype(object)
    values = known.where(known.notna(), None).tolist()
    counts, _ = ColumnCounter([bins]).count([values], rows)
    return FeatureCounts(bins, tuple(counts.tolist()))


def _holds_numbers(column: "pd.Series[Any]") -> bool:
    from pandas.api import types

    dtype = column.dtype
    return (
        types.is_numeric_dtype(dtype)
        and not types.is_bool_dtype(dtype)
        and not types.is_complex_dtype(dtype)
    )


def _numbers(bins: FeatureBins, column: "pd.Series[Any]") -> tuple[int, ...]:
    values = doubles(column)
    cells = np.searchsorted(np.array(bins.edges), values, side="right")
    cells[np.isnan(values)] = bins.missing_cell
    return tuple(np.bincount(cells, minlength=bins.size).tolist())
