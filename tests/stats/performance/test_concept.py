"""Concept drift: told apart from inputs, classes and truth that changed in another way."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import reduce
from operator import add
from typing import Any

import numpy as np
import pandas as pd
import pytest

from flask_mlmonitor import Baseline
from flask_mlmonitor.stats.performance.concept import ConceptDrift, judge_concept
from flask_mlmonitor.stats.performance.estimates import Calibration
from flask_mlmonitor.stats.performance.mistakes import by_accuracy, by_classes, by_scores
from flask_mlmonitor.stats.performance.truth import TruthLayout, TruthRow, TruthSums

LEVEL = 1 / 30_000
HOUR = 3600
CLASSES = ["a", "b", "c"]


class World:
    """A model, its baseline, and hours of predictions whose truth is known.

    :ivar offset: of the log-odds: how rare the positive class is.
    """

    def __init__(self, seed: int, *, rows: int = 5000, offset: float = 0.0) -> None:
        self.rng, self.offset = np.random.default_rng(seed), offset
        p, true, predicted = self.drawn(rows)
        frame = pd.DataFrame({"x": np.arange(rows)})
        self.baseline = Baseline.from_dataframe(
            frame, target=true, predictions=predicted, probabilities=p
        )
        self.layout = TruthLayout.of(self.baseline, None)

    def drawn(self, rows: int, *, harder: float = 0.0, flipped: float = 0.0) -> Any:
        """Probabilities, what is true, and what is predicted."""
        sharpness = 2.5 * (1 - harder)
        p = 1 / (1 + np.exp(-self.rng.normal(size=rows) * sharpness - self.offset))
        true = (self.rng.random(rows) < p) ^ (self.rng.random(rows) < flipped)
        return p, true.astype(int), (p > 0.5).astype(int)

    def hour(
        self,
        rows: int = 200,
        *,
        known: Sequence[float] = (1.0, 1.0),
        scored: bool = True,
        **how: Any,
    ) -> TruthSums:
        """One hour, in which the truth of each class comes with the probability *known*."""
        p, true, predicted = self.drawn(rows, **how)
        came = self.rng.random(rows) < np.array(known)[true]
        columns = (column[came].tolist() for column in (predicted, p, true))
        return TruthSums.of(
            self.layout,
            [
                TruthRow(answer, chance if scored else None, value, 60.0)
                for answer, chance, value in zip(*columns, strict=True)
            ],
        )

    def judged(self, hours: Sequence[TruthSums], window: int = 6, **options: Any) -> ConceptDrift:
        """The last hours, and the detector over all of them."""
        found = judge_concept(
            reduce(add, hours[-window:]),
            [(HOUR * place, one) for place, one in enumerate(hours)],
            options.pop("calibration", Calibration.of(self.baseline)),
            self.baseline,
            **{
                "level": LEVEL,
                "drop_warning": 0.05,
                "drop_critical": 0.10,
                "min_samples": 200,
                **options,
            },
        )
        assert found is not None
        return found


def test_a_stable_model_is_stable() -> None:
    """Its gap lies in the band, and the detector near zero."""
    world = World(1)
    found = world.judged([world.hour() for _ in range(48)])

    assert (found.status, found.reference, found.n) == ("stable", "estimate", 1200)
    assert found.low is not None
    assert found.high is not None
    assert found.gap is not None
    assert found.low < found.gap < found.high
    assert found.score is not None
    assert found.threshold is not None
    assert found.score < found.threshold
    assert (found.since, found.recent) == (None, None)


def test_flipped_labels_are_a_changed_concept() -> None:
    """The estimate cannot see it; the mistakes do, and since when."""
    world = World(2)
    hours = [*(world.hour() for _ in range(40)), *(world.hour(flipped=0.2) for _ in range(8))]

    found = world.judged(hours)

    assert found.status == "significant"
    assert found.gap == pytest.approx(-0.12, abs=0.04)
    assert found.net == pytest.approx(found.gap, abs=0.01)
    assert found.recent == pytest.approx(found.gap, abs=0.03)
    assert found.since is not None
    assert abs(found.since - datetime.fromtimestamp(40 * HOUR, UTC)).total_seconds() <= 2 * HOUR


def test_the_detector_sees_it_before_a_long_window_does() -> None:
    """Two hours of flipped labels are a twelfth of a day's window."""
    world = World(3)
    hours = [*(world.hour() for _ in range(46)), *(world.hour(flipped=0.25) for _ in range(2))]

    found = world.judged(hours, window=24)

    assert found.status != "stable"
    assert found.gap is not None
    assert found.low is not None
    assert found.gap > found.low
    assert found.recent is not None
    assert found.recent < -0.05


def test_without_hours_the_window_decides_alone() -> None:
    """There is no detector then."""
    world = World(4)
    options: Any = {"level": LEVEL, "drop_warning": 0.05, "drop_critical": 0.1, "min_samples": 200}
    found = judge_concept(
        world.hour(2000, flipped=0.3), [], Calibration.of(world.baseline), world.baseline, **options
    )

    assert found is not None
    assert found.status == "significant"
    assert (found.score, found.threshold, found.since) == (None, None, None)


def test_inputs_that_became_harder_are_no_changed_concept() -> None:
    """Accuracy falls by a tenth, as the probabilities say; without them that cannot be told."""
    world = World(5)
    hours = [world.hour(harder=0.5) for _ in range(24)]

    found = world.judged(hours, window=24)
    blind = world.judged(hours, window=24, calibration=None)

    assert found.status == "stable"
    assert (blind.status, blind.reference, blind.net) == ("significant", "baseline", None)


@pytest.mark.parametrize("known", [(0.05, 1.0), (1.0, 0.05), (0.0, 1.0)])
def test_truth_that_comes_early_for_one_class_is_no_changed_concept(known: Any) -> None:
    """Rows chosen by their class differ from their probabilities, as far as the choice goes."""
    world = World(6, offset=-2.5)
    hours = [*(world.hour(1000) for _ in range(24)), *(world.hour(1000, known=known) for _ in "ab")]

    found = world.judged(hours, window=2)

    assert found.status == "stable"
    assert found.gap is not None
    assert found.low is not None
    assert found.high is not None
    assert not found.low < found.gap < found.high
    assert found.net == pytest.approx(0.0, abs=0.03)


def test_a_rare_class_may_change_its_concept_too() -> None:
    """What no share of the classes explains is seen, although most labels stay what they were."""
    world = World(7, offset=-2.5)

    found = world.judged([world.hour(1000, flipped=0.2) for _ in range(6)])

    assert found.status == "significant"
    assert found.net is not None
    assert found.net < -0.01


def test_a_model_that_became_better_is_told_by_the_sign() -> None:
    """More right answers than expected are a changed concept as well."""
    world = World(8)
    p, _, predicted = world.drawn(2000)
    rows = [
        TruthRow(one, chance, one, 0.0)
        for chance, one in zip(p.tolist(), predicted.tolist(), strict=True)
    ]
    found = world.judged([TruthSums.of(world.layout, rows)])

    assert found.status == "significant"
    assert found.gap is not None
    assert found.gap > 0.1


def test_twelve_labels_are_not_enough() -> None:
    """Even if all of them are wrong; the number says why."""
    world = World(9)
    hours = [*(world.hour() for _ in range(3)), world.hour(12, flipped=1.0)]

    found = world.judged(hours, window=1)

    assert (found.status, found.n, found.gap) == ("not_enough_data", 12, None)


def test_rows_without_probabilities_are_compared_with_the_baseline() -> None:
    """So that a model whose answers hold none is judged at all."""
    world = World(10)
    found = world.judged([world.hour(scored=False) for _ in range(6)])

    assert (found.status, found.reference, found.n) == ("stable", "baseline", 1200)
    worse = world.judged([world.hour(scored=False, flipped=0.3) for _ in range(6)])
    assert worse.status == "significant"


def test_a_change_that_is_over_is_forgotten() -> None:
    """As fast as it was noticed, however long it lasted."""
    world = World(11)
    hours = [
        *(world.hour(flipped=0.3) for _ in range(100)),
        *(world.hour() for _ in range(20)),
    ]

    found = world.judged(hours)

    assert (found.status, found.since) == ("stable", None)


def test_the_same_hours_give_the_same_result() -> None:
    """It keeps no state; truth that comes late changes its hour, and so the result."""
    world = World(12)
    hours = [world.hour() for _ in range(12)]

    assert world.judged(hours) == world.judged(hours)
    assert world.judged([*hours[:-6], *(world.hour(flipped=0.4) for _ in range(6))]).since


def test_hours_without_rows_are_no_obstacle() -> None:
    """At night nobody asks."""
    world = World(13)
    nothing = TruthSums.of(world.layout, ())
    hours = [nothing, world.hour(), nothing, nothing, world.hour(400), nothing]

    assert world.judged(hours).status == "stable"
    assert world.judged([nothing, nothing]).status == "not_enough_data"


@pytest.mark.parametrize("known", [(0.0, 1.0), (1.0, 0.0), (0.0, 0.01)])
def test_truth_of_one_class_alone_leaves_no_mistake_unexplained(known: tuple[float, float]) -> None:
    """Whichever of them it is: every row that was predicted as the other is a mistake."""
    world = World(15)
    calibration = Calibration.of(world.baseline)
    assert calibration is not None

    found = by_classes((world.hour(2000, known=known),), calibration)

    assert found.wrong.sum() > 0
    assert found.expected == pytest.approx(found.wrong, abs=1e-6)


def test_hourly_mistakes_are_those_of_the_rows() -> None:
    """Read from packed counts, many hours at once."""
    world = World(14)
    calibration = Calibration.of(world.baseline)
    assert calibration is not None
    drawn = [world.drawn(rows) for rows in (300, 0, 50)]
    hours = tuple(
        TruthSums.of(
            world.layout,
            [
                TruthRow(one, chance, value, 0.0)
                for chance, value, one in zip(*(column.tolist() for column in columns), strict=True)
            ],
        )
        for columns in drawn
    )

    found = by_scores(hours, calibration)

    right = [
        np.where(predicted, chances, 1 - chances)
        for chances, predicted in (
            (calibration.chances[0][np.minimum((p * 200).astype(int), 199)], predicted)
            for p, _, predicted in drawn
        )
    ]
    assert found.rows.tolist() == [300, 0, 50]
    assert found.wrong.tolist() == [(true != one).sum() for _, true, one in drawn]
    assert found.expected == pytest.approx([(1 - one).sum() for one in right], abs=0.05)
    every = np.concatenate(right)
    moments = (every * (1 - every)).sum(), (every * (1 - every) * (2 * every - 1)).sum()
    assert found.chance == pytest.approx(moments, abs=0.05)
    assert by_classes(hours, calibration).wrong.sum() == found.wrong.sum()
    assert by_accuracy(hours, world.baseline).wrong.tolist() == found.wrong.tolist()


def three(rng: np.random.Generator, rows: int, *, flipped: float = 0.0) -> Any:
    """Scores of three classes, what is true, and what is predicted."""
    scores = rng.dirichlet([0.5, 0.5, 0.5], rows)
    true = (scores.cumsum(1) > rng.random((rows, 1))).argmax(1)
    true = np.where(rng.random(rows) < flipped, (true + 1) % 3, true)
    return scores, true, scores.argmax(1)


@pytest.mark.parametrize(
    ("flipped", "known", "status"),
    [
        (0.0, (1.0, 1.0, 1.0), "stable"),
        (0.3, (1.0, 1.0, 1.0), "significant"),
        (0.0, (1.0, 0.1, 0.3), "stable"),
    ],
)
def test_of_several_classes(flipped: float, known: Any, status: str) -> None:
    """Each is calibrated against the rest; that of the prediction says whether it is right."""
    rng = np.random.default_rng(15)
    names = np.array(CLASSES)
    scores, true, predicted = three(rng, 5000)
    baseline = Baseline.from_dataframe(
        pd.DataFrame({"x": np.arange(5000)}),
        target=names[true],
        predictions=names[predicted],
        probabilities=scores,
    )
    scores, true, predicted = three(rng, 3000, flipped=flipped)
    came = rng.random(3000) < np.array(known)[true]
    rows = [
        TruthRow(CLASSES[one], chances, CLASSES[value], 0.0)
        for one, chances, value in zip(
            predicted[came], scores[came].tolist(), true[came], strict=True
        )
    ]
    window = TruthSums.of(TruthLayout.of(baseline, None), rows)

    found = judge_concept(
        window,
        [(0, window)],
        Calibration.of(baseline),
        baseline,
        level=LEVEL,
        drop_warning=0.05,
        drop_critical=0.1,
        min_samples=200,
    )

    assert found is not None
    assert (found.status, found.reference, found.n) == (status, "estimate", int(came.sum()))


@pytest.mark.parametrize(
    ("scale", "status"),
    [(1.0, "stable"), (1.08, "moderate"), (1.3, "significant"), (0.7, "significant")],
)
def test_a_regression_is_compared_with_its_error(scale: float, status: str) -> None:
    """The gap is the share by which the mean absolute error is below that of the baseline."""
    rng = np.random.default_rng(16)
    truth = rng.normal(10, 3, 20_000)
    baseline = Baseline.from_dataframe(
        pd.DataFrame({"x": np.arange(20_000)}),
        target=truth,
        predictions=truth + rng.laplace(0, 1, 20_000),
    )
    layout = TruthLayout.of(baseline, None)
    hours = [
        (
            HOUR * place,
            TruthSums.of(
                layout,
                [
                    TruthRow(value + error, None, value, 0.0)
                    for value, error in rng.normal([10, 0], [3, 1], (1000, 2)) * [1, 0]
                    + np.stack([np.zeros(1000), rng.laplace(0, scale, 1000)], axis=1)
                ],
            ),
        )
        for place in range(12)
    ]

    found = judge_concept(
        reduce(add, [one for _, one in hours]),
        hours,
        None,
        baseline,
        level=LEVEL,
        drop_warning=0.05,
        drop_critical=0.1,
        min_samples=200,
    )

    assert found is not None
    assert (found.status, found.reference) == (status, "baseline")
    assert found.gap == pytest.approx(1 - scale, abs=0.04)
    assert (found.since is not None) == (scale > 1)


@pytest.mark.parametrize(
    ("errors", "status"),
    [([1.0], "stable"), ([1.0, -1.0], "stable"), ([2.0], "significant"), ([1e200], "significant")],
)
def test_errors_of_one_size_and_errors_beyond_all_size(errors: list[float], status: str) -> None:
    """A spread of zero leaves no room for chance, and squares may be too large to add."""
    truth = np.linspace(0, 9, 400)
    baseline = Baseline.from_dataframe(
        pd.DataFrame({"x": truth}), target=truth, predictions=truth + np.tile([1.0, -1.0], 200)
    )
    rows = [TruthRow(error, None, 0.0, 0.0) for error in errors * 300]
    window = TruthSums.of(TruthLayout.of(baseline, None), rows)

    found = judge_concept(
        window,
        [(0, window)],
        None,
        baseline,
        level=LEVEL,
        drop_warning=0.05,
        drop_critical=0.1,
        min_samples=200,
    )

    assert found is not None
    assert found.status == status


@pytest.mark.parametrize("given", [{}, {"target": ["a", "b"] * 100}])
def test_nothing_is_said_without_anything_to_expect(given: dict[str, Any]) -> None:
    """A baseline without performance knows no mistakes."""
    baseline = Baseline.from_dataframe(pd.DataFrame({"x": range(200)}), **given)
    window = TruthSums.of(TruthLayout.of(baseline, None), [TruthRow("a", None, "b", 0.0)] * 300)
    options: Any = {"level": LEVEL, "drop_warning": 0.05, "drop_critical": 0.1, "min_samples": 200}

    assert judge_concept(window, [], Calibration.of(baseline), baseline, **options) is None


def test_the_band_is_left_as_often_as_its_level_says() -> None:
    """Over baselines and windows, with a model that is hardly ever wrong."""
    rng = np.random.default_rng(17)
    outside = 0
    for seed in range(20):
        world = World(seed, rows=3000, offset=-5.0)
        calibration = Calibration.of(world.baseline)
        assert calibration is not None
        for _ in range(20):
            found = by_scores((world.hour(int(rng.integers(200, 600))),), calibration)
            low, high = found.band(0.1)
            outside += not low <= found.gap() <= high

    assert outside / 400 < 0.13


def test_score_cells_tell_as_much_as_the_finest_probabilities() -> None:
    """Of many rows the hours are read by cell: fewer numbers, the same mistakes."""
    world = World(18)
    calibration = Calibration.of(world.baseline)
    assert calibration is not None
    packed = [world.hour(rows).pack() for rows in (20, 5000)]
    fine = TruthSums.unpack_all(world.layout, packed)
    cells = TruthSums.unpack_all(world.layout, packed, by_cell=True)

    few, many = zip(fine, cells, strict=True)
    assert len(few[0].ranking.rows.keys) == len(few[1].ranking.rows.keys)
    assert len(many[0].ranking.rows.keys) > 2 * len(many[1].ranking.rows.keys)
    for judged in (by_scores, by_classes):
        one, other = (judged(tuple(sums), calibration) for sums in (fine, cells))
        for name in ("rows", "wrong", "expected", "chance", "shared"):
            assert getattr(one, name) == pytest.approx(getattr(other, name), rel=1e-9)
