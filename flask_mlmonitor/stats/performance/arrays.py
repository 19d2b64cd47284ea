"""Predictions and their ground truth as a program holds them: lists, arrays, Series."""

from collections.abc import Iterable, Mapping, Sequence, Set
from decimal import Decimal
from itertools import chain
from typing import Any, Final

import msgspec
import numpy as np

from flask_mlmonitor.exceptions import ConfigError, one_of
from flask_mlmonitor.stats.baselines.baseline import Baseline
from flask_mlmonitor.stats.cells.labels import BOOLEANS
from flask_mlmonitor.stats.performance.confusion import name_of
from flask_mlmonitor.stats.performance.truth import TruthLayout, TruthRow, TruthSums

_TASKS: Final = ("classification", "regression")
_COLUMN: Final = "give a list, an array or a Series with one value for each row"
_MATRIX: Final = "give P(positive) for each row, or one column for each class, ascending"


def sums_of(
    predictions: Any,
    ground_truth: Any,
    probabilities: Any = None,
    *,
    baseline: Baseline | None = None,
    task: str | None = None,
) -> TruthSums:
    """Return the sums of columns of equal length, exact in every figure.

    >>> sums_of(["no", "yes"], np.array(["no", "no"])).n
    2

    :raises ConfigError: for columns that do not fit, or without a usable row.
    """
    if task is not None and task not in _TASKS:
        raise ConfigError("task", task, f"give {one_of(_TASKS)}, or leave it out")
    answers, truths = _column("predictions", predictions), _column("ground_truth", ground_truth)
    if not answers:
        raise ConfigError("predictions", answers, "give at least one")
    _check_length("ground_truth", truths, answers)
    layout, given = TruthLayout.of(baseline, task), [None] * len(answers)
    if probabilities is not None and layout.task != "regression":
        given = _matrix(probabilities)
        _check_length("probabilities", given, answers)
        layout = _with_classes(layout, answers, truths, given)
    rows = map(TruthRow, answers, given, truths, [0.0] * len(answers))
    sums = TruthSums.of(layout, rows, exact=True)
    if not sums.n:
        kind = "finite numbers" if sums.task == "regression" else "texts, numbers or booleans"
        found = {"predictions": answers[:3], "ground_truth": truths[:3]}
        raise ConfigError("predictions, ground_truth", found, f"in no row both are {kind}")
    return sums


def _column(name: str, given: Any) -> list[Any]:
    """Return a value for each row, as Python has it; a matrix of one column is one."""
    values = _listed(name, given, _COLUMN)
    if not any(isinstance(value, list) for value in values):
        return values
    if not all(isinstance(value, list) and len(value) == 1 for value in values):
        raise ConfigError(name, values[:3], _COLUMN)
    return [value for (value,) in values]


def _matrix(given: Any) -> list[Any]:
    """Return a probability, a list or a mapping of them for each row."""
    rows = _listed("probabilities", given, _MATRIX)
    return [row[0] if isinstance(row, list) and len(row) == 1 else row for row in rows]


def _listed(name: str, given: Any, remedy: str) -> list[Any]:
    if hasattr(given, "to_numpy"):
        given = given.to_numpy(object)
    if isinstance(given, str | bytes | Mapping | Set) or not isinstance(given, Iterable):
        raise ConfigError(name, given, remedy)
    return [_plain(value) for value in (given.tolist() if hasattr(given, "tolist") else given)]


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return float(value) if isinstance(value, Decimal) else value


def _check_length(name: str, values: Sequence[Any], predictions: Sequence[Any]) -> None:
    if len(values) != len(predictions):
        remedy = f"give one for each of the {len(predictions)} predictions"
        raise ConfigError(f"len({name})", len(values), remedy)


def _with_classes(
    layout: TruthLayout, answers: Sequence[Any], truths: Sequence[Any], given: Sequence[Any]
) -> TruthLayout:
    """Return the layout with classes that the probabilities are of.

    Where no baseline tells them they are those that were met.
    """
    columns = {len(row) if isinstance(row, list) else 1 for row in given if row is not None}
    classes = layout.classes or _met([*answers, *truths], max(columns, default=1))
    wanted = {1, 2} if len(classes) <= 2 else {len(classes)}
    if not any(isinstance(row, Mapping) for row in given) and not columns <= wanted:
        remedy = f"{_MATRIX}; the classes are {classes[:10]}"
        raise ConfigError("columns of probabilities", max(columns), remedy)
    return msgspec.structs.replace(layout, classes=classes)


def _met(values: Sequence[Any], columns: int) -> tuple[str, ...]:
    """Return the classes of some values, ascending.

    Where there are more columns, whole numbers below their number are all of them; and booleans,
    or 0 and 1, are two classes, spelled as the first value is, whether both were met or not.
    """
    named = {name: value for value in values if (name := name_of(value)) is not None}
    numbered = [str(place) for place in range(columns)]
    if columns > len(named) and named.keys() <= set(numbered):
        return tuple(numbered)
    pairs = list(zip(*BOOLEANS, strict=True))
    if named.keys() <= set(chain.from_iterable(pairs)):
        return next((pair for pair in pairs if next(iter(named), "") in pair), ())
    texts = any(isinstance(value, str) for value in named.values())
    return tuple(sorted(named) if texts else sorted(named, key=named.__getitem__))
