"""From a frame to the parts of a baseline: which columns are features, which are outcomes."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from flask_mlmonitor.exceptions import BaselineError
from flask_mlmonitor.stats.outcomes import outcomes
from flask_mlmonitor.stats.profiling import profile_column

if TYPE_CHECKING:
    import pandas as pd

MOST_BINS: Final = 50


def profile(
    df: "pd.DataFrame",
    *,
    given: Mapping[str, Any],
    positive: Any,
    categorical: str | Sequence[str],
    exclude: str | Sequence[str],
    bins: int,
) -> dict[str, Any]:
    """Return the parts of a baseline; the parameters are those of ``Baseline.from_dataframe``.

    :param given: target, predictions and probabilities: a column's name, an array or ``None``.
    """
    if not 2 <= bins <= MOST_BINS:
        raise BaselineError(f"bins = {bins!r}: give a number from 2 to {MOST_BINS}")
    if not len(df):
        raise BaselineError("the training data has no rows; give at least one")
    df = _with_text_names(df)
    named, excluded = set(_names(categorical)), set(_names(exclude))
    outcome_columns = {value for value in given.values() if isinstance(value, str)}
    _check_known(df, [*named, *excluded, *outcome_columns])
    features = [name for name in df.columns if name not in excluded | outcome_columns]
    if not features:
        raise BaselineError("the training data has no feature left; exclude fewer columns")
    columns = [profile_column(df[name], name, named=name in named, bins=bins) for name in features]
    found = outcomes(
        target=_series(df, "target", given["target"]),
        predictions=_series(df, "predictions", given["predictions"]),
        probabilities=_matrix(df, given["probabilities"]),
        positive=positive,
        bins=bins,
    )
    return {"columns": tuple(columns), **found}


def _names(given: str | Sequence[str]) -> list[str]:
    """Return the names; a single one may be given as such."""
    return [given] if isinstance(given, str) else [str(name) for name in given]


def _with_text_names(df: "pd.DataFrame") -> "pd.DataFrame":
    named = df.set_axis([str(name) for name in df.columns], axis=1)
    if not named.columns.is_unique:
        twice = named.columns[named.columns.duplicated()][0]
        raise BaselineError(f"the training data has two columns {twice!r}; rename one")
    return named


def _check_known(df: "pd.DataFrame", names: Iterable[str]) -> None:
    for name in names:
        if name not in df.columns:
            near = difflib.get_close_matches(name, df.columns, n=1, cutoff=0.0) or df.columns
            raise BaselineError(f"no column {name!r} in the training data; is it {near[0]!r}?")


def _series(df: "pd.DataFrame", name: str, value: Any) -> "pd.Series[Any] | None":
    """Return an outcome with one value per row."""
    import pandas as pd

    if value is None:
        return None
    column = df[value] if isinstance(value, str) else pd.Series(value)
    if len(column) != len(df):
        raise BaselineError(f"{name}: {len(column)} values for {len(df)} rows; give one each")
    return column.reset_index(drop=True)


def _matrix(df: "pd.DataFrame", value: Any) -> "pd.DataFrame | None":
    """Return the probabilities, one column per class or P(positive) alone."""
    import pandas as pd

    column = _series(df, "probabilities", value) if isinstance(value, str) else value
    if column is None:
        return None
    rows = list(column) if isinstance(column, pd.Series) else column
    matrix = pd.DataFrame(rows).reset_index(drop=True)
    if len(matrix) != len(df):
        raise BaselineError(f"probabilities: {len(matrix)} for {len(df)} rows; give one each")
    return matrix
