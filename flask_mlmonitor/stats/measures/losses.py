"""Sums over the losses of probabilities: log loss and Brier score, each exact."""

from collections.abc import Sequence
from typing import Final, NamedTuple, Self

import numpy as np

from flask_mlmonitor.stats.cells.columns import Floats
from flask_mlmonitor.stats.measures.ranking import Bools

_EPS: Final = float(np.finfo(np.float64).eps)
"""Probabilities are clipped to this distance from 0 and 1, as scikit-learn does."""
_ROUNDED: Final = 0.02
"""By how much the probabilities of all classes may miss 1 because they were rounded."""


class LossSums(NamedTuple):
    """What the losses of the scored rows add up to.

    :param n: scored rows.
    :param improper: of these, whose probabilities of several classes do not add up to 1.
    :param log: the sum of their log losses, *log_squares* that of the squares of these; *brier* and
        *brier_squares* likewise.
    """

    n: float = 0.0
    improper: float = 0.0
    log: float = 0.0
    log_squares: float = 0.0
    brier: float = 0.0
    brier_squares: float = 0.0

    @classmethod
    def of(cls, p: Floats, true: Bools) -> Self:
        """Add up the losses of rows with one column for each scored class.

        The log loss of a row is -ln p of its true class (Good 1952); its Brier score the sum of
        (p - y)² over the classes (Brier 1950), of two classes half of it, which is that of one.

        >>> sums = LossSums.of(np.array([[0.5], [1.0]]), np.array([[True], [True]]))
        >>> round(sums.log, 4), sums.brier
        (0.6931, 0.25)
        """
        single = p.shape[1] == 1
        improper = 0 if single else (np.abs(p.sum(axis=1) - 1) > _ROUNDED).sum()
        likely = np.where(true, p, 1 - p if single else 0).sum(axis=1)
        log = -np.log(np.clip(likely, _EPS, 1 - _EPS))
        brier = np.square(p - true).sum(axis=1)
        sums = (log.sum(), np.square(log).sum(), brier.sum(), np.square(brier).sum())
        return cls(float(len(p)), float(improper), *map(float, sums))

    @classmethod
    def add_up(cls, parts: Sequence["LossSums"]) -> Self:
        """Return the sum of any number of parts."""
        return cls(*map(sum, zip(cls(), *parts, strict=True)))
