"""Figures of expected truth, and how much each grows per row that turns out to be of a class.

The truth is not known, but how probable each class is: so a row that was predicted as a class
counts in part as right and in part as wrong. What a figure's error follows from is its *growth*:
the more it depends on rows whose truth is uncertain, the wider is its interval.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np

from flask_mlmonitor.stats.cells.binning import Binning
from flask_mlmonitor.stats.cells.columns import Floats

OTHERS: Final = 0
OWN: Final = 1
"""Places of the rows predicted as another class and as the curve's own."""

OF_SCORES: Final = frozenset({"roc_auc", "log_loss", "brier_score"})
"""What :func:`figures_of_scores` yields."""

_P: Final = (np.arange(Binning.SCORE_CELLS) + 0.5) / Binning.SCORE_CELLS
"""What stands for the probabilities of a score cell: its middle."""


class Figure(NamedTuple):
    """A figure of expected truth.

    :param growth: per curve, :data:`OTHERS` or :data:`OWN`, and score cell: by how much the figure
        grows when a row there is of the curve's class and not of another. It broadcasts.
    """

    name: str
    value: float
    growth: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Expected:
    """Rows, and the probability that they are of a class: of two the positive one, else of each.

    :param rows: per curve, :data:`OTHERS` or :data:`OWN`, and score cell; each row is in every
        curve.
    :param chances: per curve and score cell.
    """

    rows: Floats
    chances: Floats

    @property
    def n(self) -> float:
        """All rows."""
        return float(self.rows[0].sum())

    @property
    def true(self) -> Floats:
        """The expected rows of the curve's class, in the shape of :attr:`rows`."""
        return self.rows * self.chances[:, np.newaxis]

    @property
    def uncertain(self) -> Floats:
        """The variance of :attr:`true`."""
        return self.true * (1 - self.chances[:, np.newaxis])

    def figures(self) -> Iterator[Figure]:
        """Yield the figures that are defined, under the names that measured ones have."""
        of_scores = figures_of_scores(self.true.sum(1), (self.rows - self.true).sum(1))
        for figure in (*self._of_classes(), *of_scores):
            yield figure if len(self.rows) == 1 else self._among_classes(figure)

    def _of_classes(self) -> Iterator[Figure]:
        cells = OneVsRest.of(self)
        right, nothing = np.full(len(cells.hits), 1 / self.n), np.zeros(len(cells.hits))
        accuracy = float(cells.hits.sum() / self.n)
        yield Figure("accuracy", accuracy, self._per_curve(right, nothing))
        for name, value, of_hits, of_missed in cells.averages():
            yield Figure(name, value, self._per_curve(of_hits, of_missed))

    def _per_curve(self, of_hits: Floats, of_missed: Floats) -> Floats:
        """Turn what a hit and a missed row of each class add into the growth of each curve."""
        own, others = of_hits, of_missed
        if len(self.rows) == 1:  # what is not of the positive class is of the other
            own, others = of_hits[:1] - of_missed[1:], of_missed[:1] - of_hits[1:]
        return np.stack([others, own], axis=1)[:, :, np.newaxis]

    def _among_classes(self, figure: Figure) -> Figure:
        """Let a row be of another class, not of none, when it is not of the predicted one."""
        missed = self.true[:, OTHERS]
        growth = np.broadcast_to(figure.growth, self.rows.shape)
        usual = _share((missed * growth[:, OTHERS]).sum(), missed.sum())
        return figure._replace(growth=growth - usual)


@dataclass(frozen=True, slots=True, eq=False)
class OneVsRest:
    """The expected cells of each class against the rest.

    :param hits: rows predicted as the class that are of it.
    :param missed: rows of the class that were predicted as another.
    :param false: rows predicted as the class that are of another.
    """

    hits: Floats
    missed: Floats
    false: Floats

    @classmethod
    def of(cls, expected: Expected) -> "OneVsRest":
        """Sum the score cells; of two classes, those of the second follow from the positive's."""
        true, rest = expected.true.sum(2), (expected.rows - expected.true).sum(2)
        hits, missed, false = true[:, OWN], true[:, OTHERS], rest[:, OWN]
        if len(expected.rows) > 1:
            return cls(hits, missed, false)
        return cls(
            np.append(hits, rest[:, OTHERS]), np.append(missed, false), np.append(false, missed)
        )

    def averages(self) -> Iterator[tuple[str, float, Floats, Floats]]:
        """Yield precision, recall and F1, and what a hit and a missed row of each class add.

        All are weighted by support. How many rows were predicted as a class is known and stays.
        """
        predicted, support = self.hits + self.false, self.hits + self.missed
        both = predicted + support
        # The ratio of each class, and its slopes per hit and per row of the class.
        ratios = {
            "precision": (_share(self.hits, predicted), _share(1, predicted), 0 * support),
            "recall": (
                _share(self.hits, support),
                _share(1, support),
                -_share(self.hits, support**2),
            ),
            "f1_score": (
                _share(2 * self.hits, both),
                _share(2, both),
                -_share(2 * self.hits, both**2),
            ),
        }
        for name, (ratio, per_hit, per_row) in ratios.items():
            value = float(ratio @ support / support.sum())
            of_missed = (ratio + support * per_row - value) / support.sum()
            yield name, value, of_missed + support * per_hit / support.sum(), of_missed


def figures_of_scores(true: Floats, false: Floats) -> Iterator[Figure]:
    """Yield area under the ROC curve, log loss and, of two classes, Brier score.

    All rows of a score cell count as if they had its middle.

    :param true: per curve and score cell, the rows of the curve's class.
    :param false: those of another.
    """
    if min(*true.sum(1), *false.sum(1)) > 0:
        yield _auc(true, false)
        yield from _losses(true, false)


def _auc(true: Floats, false: Floats) -> Figure:
    """Return the area under the ROC curve; of several curves the mean, weighted by support."""
    support, others = true.sum(1, keepdims=True), false.sum(1, keepdims=True)
    areas = (true * _below(false)).sum(1, keepdims=True) / support
    area = float((areas * support).sum() / support.sum())
    # A row more of the class lies above a share of the others, and is no longer one of them.
    above, missed = _below(false) - areas, 1 - _below(true) - areas
    growth = (above - missed * support / others) / support.sum()
    if len(areas) > 1:
        growth += (areas - area) / support.sum()
    return Figure("roc_auc", area, growth[:, np.newaxis])


def _below(rows: Floats) -> Floats:
    """Return the share of rows in lower cells, of those in the same cell half."""
    shares: Floats = (rows.cumsum(1) - rows / 2) / rows.sum(1, keepdims=True)
    return shares


def _losses(true: Floats, false: Floats) -> Iterator[Figure]:
    losses = -np.log(_P)
    if len(true) > 1:
        n = float(true.sum())
        yield Figure("log_loss", float((true @ losses).sum() / n), losses[None, None] / n)
        return
    n = float((true + false).sum())
    wrong = {"log_loss": (losses, -np.log(1 - _P)), "brier_score": ((1 - _P) ** 2, _P**2)}
    for name, (of_true, of_false) in wrong.items():
        value = float((true[0] @ of_true + false[0] @ of_false) / n)
        yield Figure(name, value, (of_true - of_false)[None, None] / n)


def _share(part: Any, whole: Any) -> Any:
    """Divide; nothing of nothing is 0, as scikit-learn has it with ``zero_division=0``."""
    part, whole = np.broadcast_arrays(np.asarray(part, float), np.asarray(whole, float))
    return np.divide(part, whole, out=np.zeros(whole.shape), where=whole > 0)
