"""Sums over the errors of a regression, from which its figures follow."""

from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np

from flask_mlmonitor.stats.cells.columns import Floats


class ErrorSums(NamedTuple):
    """What a regression's errors (prediction - truth) add up to.

    :param n: pairs of a prediction and a truth.
    :param mean: of the truth.
    :param spread: the sum of the squared deviations of the truth from its mean.
    :param error: the sum of the errors; *absolute*, *square* and *fourth* of their absolute values,
        squares and fourth powers.
    """

    n: float = 0.0
    mean: float = 0.0
    spread: float = 0.0
    error: float = 0.0
    absolute: float = 0.0
    square: float = 0.0
    fourth: float = 0.0

    @classmethod
    def of(cls, true: Floats, predicted: Floats) -> Self:
        """Add up the errors of finite numbers.

        >>> ErrorSums.of(np.array([1.0, 3.0]), np.array([2.0, 1.0]))
        ErrorSums(n=2.0, mean=2.0, spread=2.0, error=-1.0, absolute=3.0, square=5.0, fourth=17.0)
        """
        if not len(true):
            return cls()
        with np.errstate(over="ignore", invalid="ignore"):
            # From the first value, so that the spread of equal values is 0 and not a rounding.
            deviations = true - true[0]
            center = deviations.mean()
            errors = predicted - true
            squares = np.square(errors)
            sums = (
                np.square(deviations - center).sum(),
                errors.sum(),
                np.abs(errors).sum(),
                squares.sum(),
                np.square(squares).sum(),
            )
            return cls(float(len(true)), float(true[0] + center), *map(float, sums))

    @classmethod
    def add_up(cls, parts: Sequence["ErrorSums"]) -> Self:
        """Return the sums of all pairs of any number of parts.

        The spread of the whole is that within the parts and that of their means (Chan, Golub and
        LeVeque 1979, "Updating formulae and a pairwise algorithm for computing sample variances").

        >>> parts = [ErrorSums.of(np.array([x]), np.array([x])) for x in (1.0, 3.0)]
        >>> ErrorSums.add_up(parts)[:3]
        (2.0, 2.0, 2.0)
        """
        held = np.array([part for part in parts if part.n], np.float64).reshape(-1, len(cls()))
        if not len(held):
            return cls()
        n, means, spreads = held[:, :3].T
        with np.errstate(over="ignore", invalid="ignore"):
            deviations = means - means[0]
            center = float(np.average(deviations, weights=n))
            spread = float(spreads.sum() + (n * np.square(deviations - center)).sum())
            sums = held[:, 3:].sum(axis=0).tolist()
        return cls(float(n.sum()), float(means[0]) + center, spread, *sums)
