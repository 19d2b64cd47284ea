"""What a model got wrong, hour by hour, beside what it was expected to get wrong on these rows."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from flask_mlmonitor.stats.baseline import Baseline
from flask_mlmonitor.stats.chance import Chance
from flask_mlmonitor.stats.columns import Floats
from flask_mlmonitor.stats.estimates import Calibration
from flask_mlmonitor.stats.ranking import Entries, Kinds
from flask_mlmonitor.stats.truth import TruthSums

Reference = Literal["estimate", "baseline"]


class Mistakes(NamedTuple):
    """Mistakes per hour; of a regression its absolute errors, in units of the baseline's mean.

    :param reference: whether the model's own probabilities tell what to expect, or the baseline.
    :param rows: with truth, per hour; *wrong* those that the model got wrong, *expected* how many
        it should have.
    :param chance: the moments of the sum of all mistakes.
    :param shared: the variance of a row's expectation that the baseline's own rows leave; it is
        the same mistake in each row.
    """

    reference: Reference
    rows: Floats
    wrong: Floats
    expected: Floats
    chance: Chance
    shared: float

    @property
    def n(self) -> float:
        """All rows."""
        return float(self.rows.sum())

    def gap(self, start: int = 0) -> float:
        """By how much fewer mistakes a row has than expected, from an hour on; negative: more."""
        missing = self.expected[start:] - self.wrong[start:]
        return float(missing.sum() / self.rows[start:].sum())

    def band(self, level: float) -> tuple[float, float]:
        """Return what the gap lies between by chance, but for a probability of *level*."""
        variance = self.chance.variance + self.n**2 * self.shared
        low, high = Chance(variance, self.chance.third).limits(level)
        # Half a row more, because mistakes are whole.
        return (-high - 0.5) / self.n, (-low + 0.5) / self.n


def by_scores(sums: Sequence[TruthSums], calibration: Calibration) -> Mistakes:
    """Expect what the calibrated probabilities of the same rows say.

    A row of two classes is right if it is of the class that was predicted; of several classes
    that of the predicted one counts.
    """
    curve, own, true, cell = Kinds.of(len(calibration.classes))
    chances = calibration.chances[curve, cell]
    least = 0.5 / calibration.rows  # what never happened in so many rows is not impossible
    right = np.clip(np.where(own, chances, 1 - chances), least, 1 - least)
    counted = (own | (len(calibration.classes) == 1)).astype(float)
    entries = Entries.of([one.ranking for one in sums])
    weights = np.stack([counted, counted * (own != true), counted * (1 - right)], axis=1)
    rows = np.bincount(entries.kinds, entries.rows, minlength=len(own)) * counted
    variance = rows * right * (1 - right)
    hourly, wrong, expected = entries.sums(weights)
    growth = np.zeros(calibration.chances.shape)
    np.add.at(growth, (curve, cell), np.where(own, 1.0, -1.0) * rows / max(rows.sum(), 1))
    return Mistakes(
        "estimate",
        hourly,
        wrong,
        expected,
        Chance(float(variance.sum()), float(variance @ (2 * right - 1))),
        calibration.variance(growth),
    )


def by_accuracy(sums: Sequence[TruthSums], baseline: Baseline) -> Mistakes:
    """Expect the accuracy of the baseline in every row."""
    rows, right = (
        np.array([getattr(one.pairs, name) for one in sums], np.float64) for name in ("n", "right")
    )
    wrong = 1 - baseline.performance["accuracy"]
    likely = (wrong * baseline.n + 0.5) / (baseline.n + 1)
    variance = likely * (1 - likely)
    return Mistakes(
        "baseline",
        rows,
        rows - right,
        wrong * rows,
        Chance(variance * rows.sum(), variance * (1 - 2 * likely) * rows.sum()),
        variance / baseline.n,
    )


def by_absolute_error(sums: Sequence[TruthSums], baseline: Baseline) -> Mistakes:
    """Expect the mean absolute error of the baseline in every row, which is the unit.

    Absolute errors are taken to follow a gamma distribution: so mean and variance give the third
    moment. The variance is that of the baseline or of these rows, whichever is larger.
    """
    rows, absolute, squares = (
        np.array([getattr(one.errors, name) for one in sums], np.float64)
        for name in ("n", "absolute", "square")
    )
    unit, n = baseline.performance["mae"], max(rows.sum(), 1)
    before = baseline.performance["mse"] / unit**2 - 1
    now = squares.sum() / unit**2 / n - (absolute.sum() / unit / n) ** 2
    variance = max(before, float(now))
    return Mistakes(
        "baseline",
        rows,
        absolute / unit,
        rows,
        Chance(variance * rows.sum(), 2 * variance**2 * rows.sum()),
        before / baseline.n,
    )
