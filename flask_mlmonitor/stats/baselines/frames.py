"""A data frame or a file as counts over the cells of a baseline."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from flask_mlmonitor.stats.baselines.numeric import doubles
from flask_mlmonitor.stats.baselines.sources import Csv, Source
from flask_mlmonitor.stats.cells.binning import FeatureBins
from flask_mlmonitor.stats.cells.columns import ColumnCounter
from flask_mlmonitor.stats.cells.counts import FeatureCounts

if TYPE_CHECKING:
    import pandas as pd

_BOOLEANS: Final = {"true": True, "false": False}


def count_frame(features: Sequence[FeatureBins], df: "pd.DataFrame") -> list[FeatureCounts]:
    """Count the columns of a frame, one for each feature; one that is not there is absent.

    The values count as production counts them: a text in a numeric feature is invalid.
    """
    columns = {str(name): df[name] for name in df.columns}
    return [_count(bins, columns.get(bins.name), len(df)) for bins in features]


def count_source(features: Sequence[FeatureBins], source: Source) -> list[FeatureCounts]:
    """Count the columns of a file or frame, some rows at a time.

    :raises BaselineError: when the file cannot be read.
    """
    totals = [np.zeros(bins.size, np.int64) for bins in features]
    for chunk in source.chunks():
        df = _typed(features, chunk) if isinstance(source, Csv) else chunk
        for total, counts in zip(totals, count_frame(features, df), strict=True):
            total += counts.cells
    return [
        FeatureCounts(bins, tuple(total.tolist()))
        for bins, total in zip(features, totals, strict=True)
    ]


def _typed(features: Sequence[FeatureBins], texts: "pd.DataFrame") -> "pd.DataFrame":
    """Return a CSV file's texts as what the baseline expects, where they can be read as it."""
    columns = {bins.name: _read(bins, texts[bins.name]) for bins in features if bins.name in texts}
    return texts.assign(**columns)


def _read(bins: FeatureBins, texts: "pd.Series[Any]") -> "pd.Series[Any]":
    import pandas as pd

    if bins.kind == "boolean":
        return texts.map(lambda text: _BOOLEANS.get(str(text).lower(), text))
    if bins.kind == "categorical" and bins.accepts in ((), ("text",)):
        return texts
    numbers = pd.to_numeric(texts, errors="coerce")
    odd = numbers.isna() & texts.notna()
    return numbers.astype(object).where(~odd, texts) if odd.any() else numbers


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
