"""What a window means beside the baseline: figures, and words."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from flask_mlmonitor import Baseline
from flask_mlmonitor.records import Row, Served
from flask_mlmonitor.stats.cells.rollup import Rollup
from flask_mlmonitor.stats.verdicts.evaluation import PREDICTION, Evaluation
from flask_mlmonitor.stats.verdicts.judging import Judge, Span, WindowCounts
from tests.limits import LIMITS

LEVEL = 1 / 43_200
END = datetime(2026, 3, 2, 12, tzinfo=UTC)
SPAN = Span("fraud", "2", "1h", END - timedelta(hours=1), END)
RNG = np.random.default_rng(8)
SOME = 1000


def customers(n: int = SOME) -> dict[str, list[Any]]:
    """Customers as in training: one in five has no income."""
    income: list[Any] = RNG.normal(3000, 500, n).tolist()
    return {
        "age": RNG.normal(45, 12, n).tolist(),
        "income": [None if place % 5 == 0 else value for place, value in enumerate(income)],
        "plan": RNG.choice(["free", "paid"], n, p=[0.7, 0.3]).tolist(),
    }


BASELINE = Baseline.from_dataframe(
    pd.DataFrame(customers(5000)), predictions=RNG.choice(["no", "yes"], 5000, p=[0.8, 0.2])
)


def count(yes: float = 0.2, n: int = SOME, **columns: list[Any]) -> WindowCounts:
    """The counts of customers, whose columns may be others."""
    table = {**customers(n), **columns}
    predictions = RNG.choice(["no", "yes"], n, p=[1 - yes, yes]).tolist()
    rows = [Row(values, said) for *values, said in zip(*table.values(), predictions, strict=True)]
    served = [Served(0, str(place), 0.0, 0, None, False, [row]) for place, row in enumerate(rows)]
    return WindowCounts.of(n, [Rollup.of(BASELINE.binning(), served)])


def judged(counts: WindowCounts, span: Span = SPAN, **options: Any) -> Evaluation:
    """Judge a window beside the baseline."""
    return Judge(BASELINE, LIMITS, LEVEL).judge(span, counts, **options)


OLDER = RNG.normal(65, 12, SOME).tolist()


def test_data_as_ever_is_ok() -> None:
    """Nothing is found, and the words say so."""
    found = judged(count())

    assert (found.status, found.n, found.verdict.severity) == ("complete", SOME, "ok")
    assert found.drifted == []
    assert found.verdict.text == (
        "None of 3 features drifted. The predictions did not drift. 1000 predictions."
    )


def test_a_feature_that_moved_is_named() -> None:
    """With how far, and since when."""
    found = judged(count(age=OLDER))

    assert found.drifted == ["age"]
    assert found.drift["age"].status == "significant"
    assert found.verdict.severity == "critical"
    psi = found.drift["age"].psi
    assert psi is not None
    words = f"1 of 3 features drifted: age (PSI {psi.score:.2f}, since 2026-03-02 12:00 UTC)."
    assert words in found.verdict.text


def test_since_when_is_kept_while_it_lasts() -> None:
    """The first window of an unbroken row counts; after a pause it begins anew."""
    later = SPAN._replace(end=END + timedelta(hours=1))
    first = judged(count(age=OLDER))
    second = judged(count(age=OLDER), later, before=first)
    after_a_pause = judged(count(age=OLDER), later, before=judged(count()))

    assert second.since == first.since == {"age": END}
    assert after_a_pause.since == {"age": later.end}


def test_predictions_drift_by_themselves() -> None:
    """Prior probability shift is not covariate shift, and has a name of its own."""
    found = judged(count(yes=0.6))

    assert found.drifted == []
    assert found.prediction_drift is not None
    assert found.prediction_drift.status == "significant"
    assert found.since == {PREDICTION: END}
    assert "The predictions drifted (PSI " in found.verdict.text
    assert found.verdict.severity == "critical"


def test_an_incomplete_window_does_not_alarm() -> None:
    """Who knows what the predictions were that could not be recorded."""
    found = judged(count(age=OLDER), SPAN._replace(lost=70))

    assert found.status == "incomplete"
    assert found.verdict.severity == "info"
    assert "at least 70 predictions" in found.verdict.text
    assert found.drifted == ["age"]


@pytest.mark.parametrize("n", [0, 199])
def test_too_few_predictions_are_no_verdict(n: int) -> None:
    """That is an outcome of its own, not "no drift"."""
    found = judged(count(n=n) if n else WindowCounts(0))

    assert found.status == "not_enough_data"
    assert found.drift == {}
    assert found.verdict.text == f"Not enough data: {n} predictions, 200 are needed."


def test_without_a_baseline_there_is_nothing_to_compare() -> None:
    """The words say so."""
    found = Judge(None, LIMITS, LEVEL).judge(SPAN, WindowCounts(5000))

    assert found.status == "not_enough_data"
    assert "no baseline" in found.verdict.text


def test_counts_over_other_cells_say_nothing() -> None:
    """As after a new baseline, before there is traffic over its cells."""
    found = judged(WindowCounts(5000))

    assert found.status == "not_enough_data"
    assert found.n == 5000


@pytest.mark.parametrize(
    ("share", "severity"), [(0.2, "ok"), (0.15, "ok"), (0.28, "warning"), (0.45, "critical")]
)
def test_missing_values(share: float, severity: str) -> None:
    """More than the limit, and more than the baseline had by more than chance."""
    gone = round(share * SOME)
    income = [None] * gone + RNG.normal(3000, 500, SOME - gone).tolist()
    found = judged(count(income=income))

    assert found.quality["income"].missing == pytest.approx(share)
    words = f"income has missing values: {share:.1%}, 20.0% in the baseline."
    assert (words in found.verdict.text) == (severity != "ok")
    if severity == "ok":
        assert found.verdict.severity == "ok"


@pytest.mark.parametrize(
    ("column", "value", "what", "words"),
    [
        ("age", 200.0, "outliers", "beyond three standard deviations"),
        ("age", 200.0, "outliers_iqr", "beyond 1.5 interquartile ranges"),
        ("age", "45", "invalid", "of a wrong type"),
        ("plan", "gold", "unseen", "unseen categories"),
    ],
)
def test_flaws_are_named(column: str, value: Any, what: str, words: str) -> None:
    """Each by what it is, with its share."""
    columns: Any = {column: [value] * 80 + customers()[column][80:]}
    found = judged(count(**columns))

    assert getattr(found.quality[column], what) == pytest.approx(0.08, abs=0.01)
    assert words in found.verdict.text
    assert found.verdict.severity in ("warning", "critical")


def test_numbers_outside_the_range_are_counted() -> None:
    """They are a figure; a few of them are no flaw."""
    found = judged(count(age=[-1000.0, *customers()["age"][1:]]))

    assert found.quality["age"].out_of_range >= 1 / SOME
    assert found.verdict.severity == "ok"


@pytest.mark.parametrize(
    ("share", "severity"), [(0.04, None), (0.048, "ok"), (0.08, "warning"), (0.5, "warning")]
)
def test_a_share_that_is_near_its_limit_is_noted(share: float, severity: str | None) -> None:
    """So that an alert about it is not over before it has left the limit well behind."""
    outside = round(share * SOME)
    found = judged(count(age=[-1000.0] * outside + customers()["age"][outside:]))
    flaws = {flaw.what: flaw for flaw in found.flaws if flaw.feature == "age"}

    assert (flaws["out_of_range"].severity if "out_of_range" in flaws else None) == severity
    assert ("out of range" in found.verdict.text) == (severity == "warning")


def test_a_missing_column_is_all_missing() -> None:
    """And its share says that it was not even sent."""
    rows = [Row([None, 3000.0, "free"], "no", absent=[0]) for _ in range(300)]
    served = [Served(0, str(place), 0.0, 0, None, False, [row]) for place, row in enumerate(rows)]
    found = judged(WindowCounts.of(300, [Rollup.of(BASELINE.binning(), served)]))

    assert found.quality["age"].absent == found.quality["age"].missing == 1.0


def test_fields_that_the_baseline_does_not_know_are_told() -> None:
    """They change no verdict on the known ones."""
    rows = [Row(list(row), "no") for row in zip(*customers(300).values(), strict=True)]
    rows[:30] = [Row(row.values, "no", extra={"city": "Oslo"}) for row in rows[:30]]
    served = [Served(0, str(place), 0.0, 0, None, False, [row]) for place, row in enumerate(rows)]
    found = judged(WindowCounts.of(300, [Rollup.of(BASELINE.binning(), served)]))

    assert found.extra == 0.1
    assert "30 predictions had fields that the baseline does not know." in found.verdict.text


def test_a_cycle_is_no_drift_beside_the_second_reference() -> None:
    """What also differed from the baseline a day ago, and looks like that, is the hour of day."""
    night, again = RNG.normal(25, 5, SOME).tolist(), RNG.normal(25, 5, SOME).tolist()

    assert judged(count(age=night)).drifted == ["age"]
    assert judged(count(age=night), second=count(age=again)).drifted == []
    assert judged(count(age=night), second=count()).drifted == ["age"]
    assert judged(count(age=night), second=WindowCounts(0)).drifted == ["age"]
    assert judged(count(yes=0.6), second=count(yes=0.6)).verdict.severity == "ok"


def test_many_features_are_counted_not_listed() -> None:
    """A message names a few."""
    frame = pd.DataFrame({f"x{place}": RNG.normal(size=3000) for place in range(9)})
    baseline = Baseline.from_dataframe(frame)
    rows = [Row(list(RNG.normal(1, 1, 9))) for _ in range(500)]
    served = [Served(0, str(place), 0.0, 0, None, False, [row]) for place, row in enumerate(rows)]
    counts = WindowCounts.of(500, [Rollup.of(baseline.binning(), served)])
    found = Judge(baseline, LIMITS, LEVEL).judge(SPAN, counts)

    assert len(found.drifted) == 9
    assert "9 of 9 features drifted: " in found.verdict.text
    assert " and 4 more. " in found.verdict.text


def test_parts_over_the_same_features_add() -> None:
    """Such as those of two deployments that differ in their latency buckets."""
    one, other = BASELINE.binning((0.1,)), BASELINE.binning((0.5,))
    row = [Row([45.0, 3000.0, "free"], "no")]
    served = [Served(0, "a", 0.0, 0, 0.2, False, row)]
    counts = WindowCounts.of(2, [Rollup.of(one, served), Rollup.of(other, served)])

    assert counts.features["age"].n == 2
    assert counts.predictions is not None
    assert counts.predictions.n == 2
