"""What a window says of the model's performance: few labels, late ones, estimates, and harm."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from flask_mlmonitor import Baseline
from flask_mlmonitor.records import Row, Served
from flask_mlmonitor.stats.cells.rollup import Rollup
from flask_mlmonitor.stats.performance.truth import TruthLayout, TruthRow, TruthSums
from flask_mlmonitor.stats.verdicts.evaluation import Evaluation
from flask_mlmonitor.stats.verdicts.judging import Judge, Span, WindowCounts
from flask_mlmonitor.stats.verdicts.performance import Truth
from tests.limits import LIMITS

END = datetime(2026, 3, 2, 12, tzinfo=UTC)
SPAN = Span("fraud", "2", "1h", END - timedelta(hours=1), END)
LEVEL = 1 / 43_200
RNG = np.random.default_rng(12)
N = 2000


class Customers:
    """Some customers: what the model says of them is right as often as its scores say.

    :param sure: how far the chances are from one half.
    """

    def __init__(self, n: int = N, *, age: float = 45, sure: float = 3.0) -> None:
        self.n = n
        self.age = RNG.normal(age, 10, n)
        self.chance = RNG.beta(1 / sure, 1 / sure, n)
        self.said = self.chance > 0.5
        self.true = RNG.random(n) < self.chance

    def counts(self) -> WindowCounts:
        """What is counted of them."""
        columns = (self.age.tolist(), self.said.tolist(), self.chance.tolist())
        rows = [Row([age], said, chance) for age, said, chance in zip(*columns, strict=True)]
        served = [Served(0, "", 0.0, 0, None, False, [row]) for row in rows]
        return WindowCounts.of(self.n, [Rollup.of(BASELINE.binning(), served)], stored=self.n)

    def truth(self, known: Any, usual: float | None = 1.0) -> Truth:
        """What is known of some of them."""
        columns = (
            self.said[known].tolist(),
            self.chance[known].tolist(),
            self.true[known].tolist(),
        )
        rows = [
            TruthRow(said, chance, true, 60.0) for said, chance, true in zip(*columns, strict=True)
        ]
        return Truth(TruthSums.of(LAYOUT, rows), usual)


def baseline_of(some: Customers) -> Baseline:
    """What the model was trained on."""
    frame = pd.DataFrame({"age": some.age})
    return Baseline.from_dataframe(
        frame, target=some.true, predictions=some.said, probabilities=some.chance
    )


BASELINE = baseline_of(Customers(10_000))
LAYOUT = TruthLayout.of(BASELINE, None)
JUDGE = Judge(BASELINE, LIMITS, LEVEL)
EVERYBODY = slice(None)


def judged(some: Customers, truth: Truth | None = None) -> Evaluation:
    """Judge a window of them."""
    return JUDGE.judge(SPAN, some.counts(), truth)


def test_all_is_known_and_well() -> None:
    """Measured and estimated figures, with their intervals, and nobody is alarmed."""
    some = Customers()
    found = judged(some, some.truth(EVERYBODY))

    assert found.measured
    assert (found.labelled, found.coverage, found.delay) == (N, 1.0, 60.0)
    assert found.performance["accuracy"] == pytest.approx((some.said == some.true).mean())
    low, high = found.intervals["accuracy"]
    assert low < found.performance["accuracy"] < high
    assert found.estimated["accuracy"] == pytest.approx(found.performance["accuracy"], abs=0.03)
    assert found.harm == {}
    assert found.verdict.severity == "ok"
    assert f"By the ground truth of {N} predictions (100%): accuracy " in found.verdict.text


def test_a_model_that_is_wrong_is_critical() -> None:
    """Whatever its scores say: an estimate is blind to that."""
    some = Customers()
    some.true = RNG.random(N) < 0.5
    found = judged(some, some.truth(EVERYBODY))

    assert found.harm["accuracy"].severity == "critical"
    assert "estimated_accuracy" not in found.harm
    assert found.verdict.severity == "critical"
    words = r"Concept drift: accuracy is 0\.\d+ lower than its scores promise\."
    assert re.search(words, found.verdict.text)
    assert re.search(
        r"accuracy 0\.\d+ \(.*\), down 0\.\d+ from 0\.\d+: critical;", found.verdict.text
    )


def test_twelve_labels_raise_no_alarm() -> None:
    """They are shown, and called too few."""
    some = Customers()
    some.true = ~some.said
    found = judged(some, some.truth(slice(12), usual=None))

    assert found.performance["accuracy"] == 0.0
    assert not found.measured
    assert found.harm == {}
    assert found.verdict.severity == "ok"
    assert "By the ground truth of 12 predictions (1%), too few to judge: " in found.verdict.text


def test_a_window_is_open_while_its_truth_still_comes() -> None:
    """Judged is what has four fifths of the usual coverage."""
    some = Customers()
    some.true = ~some.said
    early, late = some.truth(slice(N // 2)), some.truth(slice(9 * N // 10))

    assert judged(some, early).open
    assert judged(some, early).harm == {}
    assert ", with more to come: " in judged(some, early).verdict.text
    assert judged(some, late).harm["accuracy"].severity == "critical"


def test_a_sample_of_the_truth_is_all_that_comes() -> None:
    """Where one in five is ever checked, one in five is enough."""
    some = Customers(4000)
    found = judged(some, some.truth(RNG.random(4000) < 0.2, usual=0.2))

    assert found.measured
    assert found.coverage == pytest.approx(0.2, abs=0.03)


def test_one_class_is_known_early() -> None:
    """A refusal is known at once, a default after months: what came is no measure of all."""
    some = Customers()
    some.true = ~some.said
    known = some.said | (RNG.random(N) < 0.3)
    found = judged(some, some.truth(known, usual=0.6))

    assert found.class_coverage["True"] == 1.0
    assert found.class_coverage["False"] == pytest.approx(0.3, abs=0.05)
    assert found.open
    assert found.harm == {}
    assert found.concept_drift is None
    assert found.verdict.severity == "ok"


def test_drift_that_does_no_harm_is_an_information() -> None:
    """By the estimate, before any truth has come."""
    found = judged(Customers(age=52))

    assert found.drifted == ["age"]
    assert found.estimated
    assert found.verdict.severity == "info"
    assert "No harm to the model is seen." in found.verdict.text


def test_a_model_that_is_less_sure_is_a_warning() -> None:
    """The estimate falls by more than chance lets it."""
    found = judged(Customers(8000, sure=2.2))

    assert found.harm["estimated_accuracy"].severity == "warning"
    assert found.harm["estimated_accuracy"].figure == "estimated_accuracy"
    assert found.verdict.severity == "warning"
    assert "estimated accuracy " in found.verdict.text


def test_without_a_baseline_the_truth_is_enough() -> None:
    """Absolute limits hold then."""
    rows = [TruthRow("yes", None, ["yes", "no"][place % 2], 1.0) for place in range(600)]
    truth = Truth(TruthSums.of(TruthLayout.of(None, None), rows), 1.0)
    found = Judge(None, LIMITS, LEVEL).judge(SPAN, WindowCounts(600, stored=600), truth)

    assert found.status == "complete"
    assert found.performance["accuracy"] == 0.5
    assert found.harm["accuracy"].severity == "critical"
    assert found.verdict.text.startswith("There is no baseline to compare the data with. By the")


def test_a_regression_is_compared_with_its_baseline() -> None:
    """By the share that its errors grew."""
    x = RNG.normal(size=5000)
    frame = pd.DataFrame({"x": x})
    baseline = Baseline.from_dataframe(frame, target=x + RNG.normal(size=5000), predictions=x)
    layout = TruthLayout.of(baseline, None)

    def found(spread: float) -> Evaluation:
        said = RNG.normal(size=N)
        true = said + RNG.normal(0, spread, N)
        rows = [
            TruthRow(a, None, b, 1.0) for a, b in zip(said.tolist(), true.tolist(), strict=True)
        ]
        served = [Served(0, "", 0.0, 0, None, False, [Row([a], a)]) for a in said.tolist()]
        counts = WindowCounts.of(N, [Rollup.of(baseline.binning(), served)], stored=N)
        truth = Truth(TruthSums.of(layout, rows), 1.0)
        return Judge(baseline, LIMITS, LEVEL).judge(SPAN, counts, truth)

    assert found(1.0).harm == {}
    assert {one.severity for one in found(1.5).harm.values()} == {"critical"}
    assert found(1.5).harm.keys() == {"rmse", "mae"}
    assert re.search(r"; MAE .*, up 0\.\d+ from 0\.\d+: critical\.", found(1.5).verdict.text)
    words = r"Concept drift: errors are \d\d% larger than the baseline's\."
    assert re.search(words, found(1.5).verdict.text)
    assert found(1.5).estimated == {}


def test_late_truth_changes_what_is_known_of_a_window() -> None:
    """And nothing else: what drifted, and what was estimated, stays."""
    some = Customers(age=60)
    early = judged(some, some.truth(slice(0)))
    late = JUDGE.revise(early, some.truth(EVERYBODY))

    assert (early.labelled, early.coverage) == (0, 0.0)
    assert late == judged(some, some.truth(EVERYBODY))


def test_the_truth_itself_may_shift() -> None:
    """Prior probability shift of the labels, which is not the model's fault."""
    some = Customers()
    some.true = some.true | (RNG.random(N) < 0.4)
    found = judged(some, some.truth(EVERYBODY))

    assert found.label_drift is not None
    assert found.label_drift.status in ("moderate", "significant")
    assert re.search(r"The ground truth drifted \(PSI 0\.\d\d\)\.", found.verdict.text)


def test_an_incomplete_window_is_never_more_than_an_information() -> None:
    """Who knows what became of the rest."""
    some = Customers()
    some.true = ~some.said
    found = JUDGE.judge(SPAN._replace(lost=9), some.counts(), some.truth(EVERYBODY))

    assert found.harm
    assert found.verdict.severity == "info"
