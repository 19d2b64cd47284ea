"""What a model got wrong, hour by hour, beside what it was expected to get wrong on these rows."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final, Literal, NamedTuple

import numpy as np

from flask_mlmonitor.stats.baselines.baseline import Baseline
from flask_mlmonitor.stats.cells.binning import Binning
from flask_mlmonitor.stats.cells.columns import Floats
from flask_mlmonitor.stats.measures.ranking import Entries, Kinds
from flask_mlmonitor.stats.performance.chance import Chance
from flask_mlmonitor.stats.performance.estimates import Calibration
from flask_mlmonitor.stats.performance.truth import TruthSums

_STEPS: Final = 60
_NEAR: Final = 1e-12
_TINY: Final = 1e-300

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


@lru_cache(maxsize=4)  # windows that end together share their hours
def by_scores(sums: tuple[TruthSums, ...], calibration: Calibration) -> Mistakes:
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


def by_classes(sums: Sequence[TruthSums], calibration: Calibration) -> Mistakes:
    """Expect what the calibrated probabilities say of rows whose classes come as often as here.

    Of rows that are chosen by their class, because truth comes early for one of them or because
    its share has changed, the odds of each class are multiplied by the same number. It is fitted
    here, so that only mistakes are left that no choice explains; all hours are taken as one.
    """
    counts = _by_kind(sums, len(calibration.classes))
    rows, hits = counts.sum(2), counts[:, :, 1].sum((1, 2))
    before = np.clip(calibration.chances, 0.5 / calibration.rows, 1 - 0.5 / calibration.rows)
    chances = _reweighed(before, rows.sum(1), hits)[:, np.newaxis]
    variance = rows * chances * (1 - chances)
    # A row more of the curve's class: one more right if so predicted, of two classes else one less.
    growth = np.array([-1.0 if len(hits) == 1 else 0.0, 1.0])[:, np.newaxis]
    spent = (variance * growth).sum((1, 2)) / np.maximum(variance.sum((1, 2)), _TINY)
    left = growth - spent[:, np.newaxis, np.newaxis]  # the fit leaves no error of what it fits
    counted, n = growth != 0, float((rows * (growth != 0)).sum())
    right = (counts[:, :, 1] * growth + rows * (growth < 0)) * counted
    expected = (rows * chances * growth + rows * (growth < 0)) * counted
    slopes = (variance * left).sum(1) / (before * (1 - before))
    return Mistakes(
        "estimate",
        np.array([n]),
        np.array([n - right.sum()]),
        np.array([n - expected.sum()]),
        Chance(
            float((variance * left**2).sum()),
            float((variance * (2 * chances - 1) * left**3).sum()),
        ),
        calibration.variance(slopes / max(n, 1)),
    )


def _by_kind(sums: Sequence[TruthSums], classes: int) -> Floats:
    """Return rows by class, predicted as it or not, truly of it or not, and score cell."""
    curve, own, true, cell = Kinds.of(classes)
    entries = Entries.of([one.ranking for one in sums])
    counts = np.zeros((classes, 2, 2, Binning.SCORE_CELLS))
    rows = np.bincount(entries.kinds, entries.rows, minlength=len(own))
    np.add.at(counts, (curve, own.astype(int), true.astype(int), cell), rows)
    return counts


def _reweighed(chances: Floats, rows: Floats, hits: Floats) -> Floats:
    """Multiply the odds of each curve so that its rows are expected to have just its hits."""
    odds = np.log(chances / (1 - chances))
    reweighed = chances
    for _ in range(_STEPS):
        missing = hits - (rows * reweighed).sum(1)
        slope = np.maximum((rows * reweighed * (1 - reweighed)).sum(1), _TINY)
        # Newton's step, shortened: the slope changes by at most e to the step, so none is too far.
        step = np.sign(missing) * np.log1p(np.abs(missing) / slope)
        odds = odds + step[:, np.newaxis]
        reweighed = 1 / (1 + np.exp(-odds))
        if np.abs(step).max() < _NEAR:
            break
    return reweighed


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
    before = max(0.0, baseline.performance["mse"] / unit**2 - 1)
    with np.errstate(over="ignore", invalid="ignore"):
        now = squares.sum() / unit**2 / n - (absolute.sum() / unit / n) ** 2
    variance = max(before, float(now) if np.isfinite(now) else 0.0)
    return Mistakes(
        "baseline",
        rows,
        absolute / unit,
        rows,
        Chance(variance * rows.sum(), 2 * variance**2 * rows.sum()),
        before / baseline.n,
    )
