"""From training data to the parts of a baseline: which columns are features, which outcomes."""

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from numbers import Integral
from typing import TYPE_CHECKING, Any, Final

from flask_mlmonitor.exceptions import BaselineError
from flask_mlmonitor.stats.baselines.outcomes import outcomes
from flask_mlmonitor.stats.baselines.profiling import profile_column
from flask_mlmonitor.stats.baselines.sources import Source

if TYPE_CHECKING:
    import pandas as pd

MOST_BINS: Final = 50


def profile(
    source: Source,
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
    asked: object = bins
    if not isinstance(asked, Integral) or not 2 <= int(asked) <= MOST_BINS:
        raise BaselineError(f"bins = {bins!r}: give a whole number from 2 to {MOST_BINS}")
    table = Table(source)
    named, excluded = set(_names(categorical)), set(_names(exclude))
    outcome_columns = {value for value in given.values() if isinstance(value, str)}
    table.check_known([*named, *excluded, *outcome_columns])
    features = [name for name in table.names if name not in excluded | outcome_columns]
    if not features:
        raise BaselineError("the training data has no feature left; exclude fewer columns")
    columns = tuple(
        profile_column(column, name, named=name in named, bins=bins)
        for name, column in table.columns(features)
    )
    found = outcomes(
        target=_series(table, "target", given["target"]),
        predictions=_series(table, "predictions", given["predictions"]),
        probabilities=_matrix(table, given["probabilities"]),
        positive=positive,
        bins=bins,
    )
    return {"n": table.rows, "columns": columns, **found}


class Table:
    """The columns of a source under their names as texts.

    :raises BaselineError: when two columns have one name.
    :ivar rows: how many there are, once a column was read.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._keys = {str(key): key for key in source.names}
        self.names = list(self._keys)
        self.rows = 0
        if len(self.names) < len(source.names):
            texts = [str(key) for key in source.names]
            twice = next(name for name in texts if texts.count(name) > 1)
            raise BaselineError(f"the training data has two columns {twice!r}; rename one")

    def check_known(self, names: Iterable[str]) -> None:
        """Raise for a name that is no column."""
        for name in names:
            if name not in self._keys:
                near = difflib.get_close_matches(name, self.names, n=1, cutoff=0.0) or self.names
                raise BaselineError(f"no column {name!r} in the training data; is it {near[0]!r}?")

    def columns(self, names: Sequence[str]) -> "Iterator[tuple[str, pd.Series[Any]]]":
        """Yield these columns."""
        for part in self._source.parts([self._keys[name] for name in names]):
            self.rows = len(part)
            if not self.rows:
                raise BaselineError("the training data has no rows; give at least one")
            for key in part.columns:
                yield str(key), part[key]


def _names(given: str | Sequence[str]) -> list[str]:
    """Return the names; a single one may be given as such."""
    return [given] if isinstance(given, str) else [str(name) for name in given]


def _series(table: Table, name: str, value: Any) -> "pd.Series[Any] | None":
    """Return an outcome with one value per row."""
    import pandas as pd

    if value is None:
        return None
    if isinstance(value, str):
        ((_, column),) = table.columns([value])
    else:
        column = pd.Series(value)
    if len(column) != table.rows:
        raise BaselineError(f"{name}: {len(column)} values for {table.rows} rows; give one each")
    return column.reset_index(drop=True)


def _matrix(table: Table, value: Any) -> "pd.DataFrame | None":
    """Return the probabilities, one column per class or P(positive) alone."""
    import pandas as pd

    column = _series(table, "probabilities", value) if isinstance(value, str) else value
    if column is None:
        return None
    rows = list(column) if isinstance(column, pd.Series) else column
    matrix = pd.DataFrame(rows).reset_index(drop=True)
    if len(matrix) != table.rows:
        raise BaselineError(f"probabilities: {len(matrix)} for {table.rows} rows; give one each")
    return matrix
