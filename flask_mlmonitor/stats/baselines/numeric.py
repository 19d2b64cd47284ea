"""From a column of numbers to its quantiles, moments, limits and counts."""

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from msgspec.structs import replace

from flask_mlmonitor.stats.baselines.features import FeatureBaseline
from flask_mlmonitor.stats.cells.binning import FeatureBins
from flask_mlmonitor.stats.cells.columns import Floats
from flask_mlmonitor.stats.cells.labels import number

if TYPE_CHECKING:
    import pandas as pd

FEW_VALUES: Final = 20

Pair = tuple[float, float]
Quartiles = tuple[float, float, float]


def profile_numbers(column: "pd.Series[Any]", name: str, *, bins: int = 10) -> FeatureBaseline:
    """Return what the baseline keeps of numbers; infinite ones count in the outer cells only.

    :param bins: the quantile bins of numbers of many values.
    """
    values = doubles(column)
    values = values[~np.isnan(values)]
    missing = len(column) - len(values)
    finite = values[np.isfinite(values)]
    quartiles = _quartiles(finite)
    feature = _bins_of(finite, name, span=_span(finite, column.dtype), bins=bins)
    feature = replace(feature, missing=missing > 0, fences=_fences(quartiles, feature))
    cells = np.searchsorted(np.array(feature.edges), values, side="right")
    counts = np.bincount(cells, minlength=feature.size)
    counts[feature.missing_cell] += missing
    return FeatureBaseline(
        bins=feature,
        counts=tuple(counts.tolist()),
        integer=bool(len(finite)) and bool((finite == np.floor(finite)).all()),
        quartiles=quartiles,
    )


def _bins_of(finite: Floats, name: str, *, span: Pair | None, bins: int) -> FeatureBins:
    if span is None:
        return FeatureBins(name, "numeric")
    mean, std = _mean_and_std(finite)
    few = _few_values(finite)
    quantiles = () if few else _quantiles(finite, bins)
    return FeatureBins(name, "numeric", quantiles, few, *span, mean, std)


def doubles(column: "pd.Series[Any]") -> Floats:
    """Return a column as float64: integers beyond its range infinite, what is missing NaN."""
    from pandas.api import types

    if types.is_object_dtype(column.dtype):
        pairs = zip(column, column.isna(), strict=True)
        return np.array([math.nan if gone else _double(value) for value, gone in pairs])
    return column.to_numpy(np.float64, na_value=np.nan)


def _double(value: Any) -> float:
    found = number(value)
    # Numbers of numpy and Decimals are none to the journal, but are in training data.
    return float(value) if found is None else found


def _few_values(finite: Floats) -> tuple[float, ...]:
    """Return the distinct values if they are few and repeat, so that each is worth a cell."""
    distinct = np.unique(finite)
    repeat = len(distinct) == 1 or 2 * len(distinct) <= len(finite)
    return tuple(distinct.tolist()) if len(distinct) <= FEW_VALUES and repeat else ()


def _quantiles(finite: Floats, bins: int) -> tuple[float, ...]:
    # Not interpolated: an edge is a value of the data, so that a value that fills several bins
    # appears several times, and nothing overflows.
    shares = np.arange(1, 2 * bins) / (2 * bins)
    return tuple(np.quantile(finite, shares, method="inverted_cdf").tolist())


def _quartiles(finite: Floats) -> Quartiles | None:
    if not len(finite):
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        first, second, third = np.quantile(finite, (0.25, 0.5, 0.75)).tolist()
    quartiles = (first, second, third)
    return quartiles if all(map(math.isfinite, quartiles)) else None


def _span(finite: Floats, dtype: Any) -> Pair | None:
    """Return the range, in which a float32 may also arrive as the decimal it is written as."""
    if not len(finite):
        return None
    low, high = float(finite.min()), float(finite.max())
    if dtype.type in (np.float16, np.float32):
        written_low, written_high = (float(str(dtype.type(value))) for value in (low, high))
        return min(low, written_low), max(high, written_high)
    return low, high


def _mean_and_std(finite: Floats) -> tuple[float | None, float | None]:
    """Return both, or neither if they lie beyond float64."""
    if finite.min() == finite.max():
        return float(finite[0]), 0.0
    with np.errstate(over="ignore", invalid="ignore"):
        mean, std = float(finite.mean()), float(finite.std(ddof=1))
    return (mean, std) if math.isfinite(mean) and math.isfinite(std) else (None, None)


def _fences(quartiles: Quartiles | None, bins: FeatureBins) -> Pair | None:
    """Return Q1 - 1.5 IQR and Q3 + 1.5 IQR (Tukey 1977).

    Where the values are few or most are equal, these would call known values outliers; there the
    fences are at least as wide as the range.
    """
    if quartiles is None or bins.span is None:
        return None
    reach = 1.5 * (quartiles[2] - quartiles[0])
    low, high = quartiles[0] - reach, quartiles[2] + reach
    if bins.discrete or not reach:
        low, high = min(low, bins.span[0]), max(high, bins.span[1])
    return (low, high) if math.isfinite(low) and math.isfinite(high) else None
