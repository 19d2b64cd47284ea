"""From one column of a frame to what the baseline keeps of it: texts and booleans."""

from collections.abc import Sequence
from decimal import Decimal
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from msgspec.structs import replace

from flask_mlmonitor.exceptions import BaselineError
from flask_mlmonitor.stats.baselines.features import FeatureBaseline
from flask_mlmonitor.stats.baselines.numeric import profile_numbers
from flask_mlmonitor.stats.cells.binning import FeatureBins, Kind
from flask_mlmonitor.stats.cells.labels import label, type_of

if TYPE_CHECKING:
    import pandas as pd

CATEGORY_CELLS: Final = 50
OTHER_NAMES: Final = 1000
OTHER_TEXT: Final = 20_000
"""The length of all rare names together: every segment of the journal carries them."""
LONGEST_NAME: Final = 256
"""A longer text is no name; it counts as unseen, here and in production."""

TYPES: Final = ("text", "number", "boolean")


class Tally(NamedTuple):
    """The distinct values of a column as Python has them, how often each, and how many missing."""

    times: dict[Any, int]
    missing: int

    @property
    def types(self) -> tuple[str, ...]:
        """Which of text, number and boolean occur."""
        found = {type_of(value) for value in self.times}
        return tuple(name for name in TYPES if name in found)

    @property
    def labels(self) -> list[str]:
        """The values as names, by falling frequency."""
        names = dict.fromkeys(map(label, self.times), 0)
        for value, times in self.times.items():
            names[label(value)] += times
        return sorted(names, key=lambda name: (-names[name], name))


def tally_of(column: "pd.Series[Any]", name: str) -> Tally:
    """Count the distinct values of a column.

    :param name: for the error.
    """
    times: dict[Any, int] = {}
    for value, n in column.dropna().value_counts(sort=False).items():
        known = plain(value, name)
        times[known] = times.get(known, 0) + int(n)
    return Tally(times, len(column) - sum(times.values()))


def plain(value: Any, name: str) -> Any:
    """Return a scalar of numpy, or a Decimal, as Python has it.

    :param name: of the column, for the error.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, Decimal):
        value = float(value)
    if type_of(value) is None:
        found = f"values of type {type(value).__name__}"
        raise BaselineError(f"column {name!r} holds {found}; {_remedy(name)}")
    # A lone surrogate cannot be written as UTF-8; the journal replaces it likewise.
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


def _remedy(name: str) -> str:
    return f"exclude it (exclude=[{name!r}]), or convert it to numbers or texts"


def kind_of(column: "pd.Series[Any]", name: str) -> Kind:
    """Infer a column's kind from its type, or from its values if they are objects."""
    from pandas.api import types

    dtype = column.dtype
    if types.is_object_dtype(dtype):
        examples = {type(value): value for value in column.dropna()}
        found = {type_of(plain(value, name)) for value in examples.values()}
        if found == {"boolean"}:
            return "boolean"
        return "numeric" if found == {"number"} else "categorical"
    if isinstance(dtype, types.CategoricalDtype) or types.is_string_dtype(dtype):
        return "categorical"
    if types.is_bool_dtype(dtype):
        return "boolean"
    if types.is_numeric_dtype(dtype) and not types.is_complex_dtype(dtype):
        return "numeric"
    raise BaselineError(f"column {name!r} holds {dtype} values; {_remedy(name)}")


def profile_column(
    column: "pd.Series[Any]", name: str, *, named: bool = False, bins: int = 10
) -> FeatureBaseline:
    """Return what the baseline keeps of a column.

    :param named: whether its numbers are names.
    :param bins: for numbers of many values.
    """
    kind = kind_of(column, name)
    if kind == "numeric" and not named:
        return profile_numbers(column, name, bins=bins)
    tally = tally_of(column, name)
    if kind == "boolean":
        feature = FeatureBins(name, kind, categories=("False", "True"))
    else:
        categories, other = ranked(tally.labels)
        feature = FeatureBins(
            name, "categorical", categories=categories, other=other, accepts=tally.types
        )
    return counted(replace(feature, missing=tally.missing > 0), tally)


def ranked(labels: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Split names into those with a cell of their own and the rarer ones that share one."""
    names = [text for text in labels if len(text) <= LONGEST_NAME]
    rare = names[CATEGORY_CELLS:][:OTHER_NAMES]
    fitting = sum(1 for length in accumulate(map(len, rare)) if length <= OTHER_TEXT)
    return tuple(names[:CATEGORY_CELLS]), tuple(rare[:fitting])


def counted(bins: FeatureBins, tally: Tally) -> FeatureBaseline:
    """Return the baseline of the values, each in its cell."""
    counts = [0] * bins.size
    counts[bins.missing_cell] = tally.missing
    for value, times in tally.times.items():
        counts[bins.cell_of(value)] += times
    return FeatureBaseline(bins=bins, counts=tuple(counts))
