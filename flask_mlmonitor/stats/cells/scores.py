"""Counts of the probabilities that came with the predictions, for each scored class."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from flask_mlmonitor.records import Row
from flask_mlmonitor.stats.cells.binning import Binning
from flask_mlmonitor.stats.cells.columns import PLAIN, Counts, Floats
from flask_mlmonitor.stats.cells.labels import type_of

Places = npt.NDArray[np.intp]

_NUMBERS: Final = frozenset({float, int})


@dataclass(frozen=True, slots=True)
class Scores:
    """The probabilities of one class, enough for its calibration, ROC and estimated performance.

    :param others: per score cell, rows predicted as another class.
    :param own: per score cell, rows predicted as this class.
    """

    others: tuple[int, ...]
    own: tuple[int, ...]

    @classmethod
    def add_up(cls, parts: Sequence["Scores"]) -> "Scores":
        """Return the scores of all rows of some parts."""
        others = zip(*(part.others for part in parts), strict=True)
        own = zip(*(part.own for part in parts), strict=True)
        return cls(tuple(map(sum, others)), tuple(map(sum, own)))

    @property
    def n(self) -> int:
        """All scored rows."""
        return sum(self.others) + self.predicted

    @property
    def predicted(self) -> int:
        """Rows predicted as this class."""
        return sum(self.own)


def score_cells(binning: Binning) -> int:
    """Return the number of counts: unscored rows, then (class, predicted or not, cell)."""
    return 1 + len(binning.scored) * 2 * Binning.SCORE_CELLS


def count_scores(binning: Binning, rows: Iterable[Row]) -> Counts:
    """Count the rows that have a probability.

    Cell ``i`` holds ``i / SCORE_CELLS <= p < (i + 1) / SCORE_CELLS``, the last one also p = 1.
    A row is unscored whose probabilities are not complete or not in [0, 1], or whose prediction is
    no class of the baseline.
    """
    counts = np.zeros(score_cells(binning), np.int64)
    given = [row for row in rows if row.probability is not None] if binning.scored else []
    if given:
        answers = _answers(binning, [row.prediction for row in given])
        p = probabilities_of(binning, [row.probability for row in given])
        known = (answers >= 0) & ((p >= 0) & (p <= 1)).all(axis=1)
        p, answers = p[known], answers[known]
        predicted = answers[:, np.newaxis] == scored_places(binning)
        counts[0] = len(given) - len(p)
        counts[1:] = _histogram(p, predicted)
    return counts


def scored_places(binning: Binning) -> list[int]:
    """Return the places of the scored classes among all."""
    return [binning.classes.index(name) for name in binning.scored]


def _answers(binning: Binning, predictions: Sequence[Any]) -> Places:
    """Return the predicted classes' places, -1 for what is no class."""
    places = {name: place for place, name in enumerate(binning.classes)} | {None: -1}
    # Equal values of different types (1, 1.0, True) would be one key.
    if len(types := set(map(type, predictions))) == 1 and types <= PLAIN:
        known = {value: places[binning.class_of(value)] for value in set(predictions)}
        return np.array([known[value] for value in predictions])
    return np.array([places[binning.class_of(value)] for value in predictions])


def probabilities_of(binning: Binning, given: Sequence[Any]) -> Floats:
    """Return the probabilities of the scored classes, one row each, NaN where there are none."""
    types = set(map(type, given))
    try:
        if types <= _NUMBERS and len(binning.scored) == 1:
            return np.array(given, np.float64).reshape(-1, 1)
        if types == {list} and set(map(len, given)) == {len(binning.classes)}:
            if _NUMBERS.issuperset(map(type, chain.from_iterable(given))):
                return np.array(given, np.float64)[:, scored_places(binning)]
    except OverflowError:
        pass
    nothing = (math.nan,) * len(binning.scored)
    return np.array([scores_of(binning, value) or nothing for value in given], np.float64)


def score_places(p: Floats) -> Places:
    """Return the cell of each probability."""
    return np.minimum((p * Binning.SCORE_CELLS).astype(np.intp), Binning.SCORE_CELLS - 1)


def _histogram(p: Floats, predicted: npt.NDArray[np.bool_]) -> Counts:
    classes = p.shape[1]
    places = (np.arange(classes) * 2 + predicted) * Binning.SCORE_CELLS + score_places(p)
    size = classes * 2 * Binning.SCORE_CELLS
    return np.bincount(places.ravel(), minlength=size).astype(np.int64, copy=False)


def scores_of(binning: Binning, probability: Any) -> Sequence[float] | None:
    """Return the probabilities of the scored classes; ``None`` if any is missing or wrong.

    >>> binning = Binning(classes=("no", "yes"), positive="yes")
    >>> [scores_of(binning, p) for p in (0.25, [0.75, 0.25], {"yes": 0.25}, {"no": 0.75})]
    [(0.25,), (0.25,), (0.25,), (0.25,)]
    >>> [scores_of(binning, p) for p in (1.5, float("nan"), True, [0.2], "high")]
    [None, None, None, None, None]
    """
    if isinstance(probability, Mapping):
        scores = _of_mapping(binning, probability)
    elif isinstance(probability, list | tuple):
        complete = len(probability) == len(binning.classes)
        scores = dict(zip(binning.classes, probability, strict=True)) if complete else {}
    else:
        scores = {binning.scored[0]: probability} if len(binning.scored) == 1 else {}
    wanted: tuple[Any, ...] = tuple(scores.get(name) for name in binning.scored)
    return wanted if all(type_of(p) == "number" and 0 <= p <= 1 for p in wanted) else None


def _of_mapping(binning: Binning, probability: Mapping[Any, Any]) -> dict[str, Any]:
    named = {binning.class_of(name): p for name, p in probability.items()}
    scores = {name: p for name, p in named.items() if name is not None}
    if len(binning.classes) == 2 and len(scores) == 1:
        (name,) = scores
        if name not in binning.scored and type_of(scores[name]) == "number":
            return {binning.scored[0]: 1 - scores[name]}
    return scores
