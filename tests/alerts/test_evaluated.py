"""What windows say: each alone, and together."""

from typing import Any

import pytest

from flask_mlmonitor.alerts.evaluated import window_readings
from flask_mlmonitor.alerts.reading import Reading
from flask_mlmonitor.stats.cells.counts import FeatureCounts
from flask_mlmonitor.stats.cells.quality import FeatureQuality
from flask_mlmonitor.stats.drift.comparing import FeatureDrift, compare
from flask_mlmonitor.stats.performance.concept import ConceptDrift
from flask_mlmonitor.stats.verdicts.evaluation import PREDICTION, Evaluation, Flaw
from flask_mlmonitor.stats.verdicts.harm import find_harm, measured_limits
from tests.alerts.making import NOON, limits, settings
from tests.alerts.windows import PLANS, drift, window

HOUR = 3600.0
WAS = {"accuracy": 0.9, "rmse": 10.0}


def read(*windows: Evaluation, was: dict[str, float] = WAS, **keys: Any) -> dict[Any, Reading]:
    """Read windows; return what they say by rule, and by rule and feature."""
    found = settings(**keys)
    readings = window_readings(windows, found, limits(found), was)
    return {(one.rule, one.feature) if one.feature else one.rule: one for one in readings}


@pytest.mark.parametrize(
    ("share", "n", "level", "held"),
    [
        (0.5, 10_000, "ok", "ok"),
        (0.6, 10_000, "ok", "ok"),  # more than chance, but a PSI of 0.04
        (0.652, 10_000, "ok", "warning"),  # 0.095
        (0.66, 10_000, "warning", "warning"),
        (0.715, 10_000, "warning", "critical"),  # 0.196
        (0.73, 10_000, "critical", "critical"),
        (0.66, 100, "ok", "ok"),  # too few to say
    ],
)
def test_drift(share: float, n: int, level: str, held: str) -> None:
    """Chance and size decide; a level is left with a PSI of nine tenths of its threshold."""
    one = drift(share, n)
    assert one.psi is None or n > 100
    found = read(window(drift={"plan": one}))["data_drift", "plan"]

    assert (found.level, found.held) == (level, held)
    assert (found.value is None) == (n == 100)
    assert (found.time, found.span) == (NOON, HOUR)


def test_a_large_psi_of_few_rows_alarms_nobody() -> None:
    """Even where so few are judged."""
    one = drift(0.7, 30)
    judged = FeatureDrift(
        kind="categorical",
        status="stable",
        psi=compare_few().psi,
        chi_square=compare_few().chi_square,
        n_expected=100,
        n_observed=30,
    )
    assert one.status == "not_enough_data"
    found = read(window(drift={"plan": judged}))["data_drift", "plan"]

    assert found.value is not None
    assert found.value > 0.1
    assert (found.level, found.held) == ("ok", "ok")


def compare_few() -> FeatureDrift:
    """Compare thirty rows, of which chance explains what differs."""
    rest = (0,) * (len(PLANS.cell_names) - 2)
    return compare(
        FeatureCounts(PLANS, (50, 50, *rest)),
        FeatureCounts(PLANS, (21, 9, *rest)),
        alpha=1e-4,
        min_samples=30,
    )


def test_what_is_as_on_the_day_before_has_not_drifted() -> None:
    """Where that is asked; features and predictions alike."""
    moved = {"plan": drift(0.8)}
    usual = {"plan": drift(0.5), PREDICTION: drift(0.5)}
    found = read(window(drift=moved, prediction_drift=drift(0.8), second_drift=usual))

    assert found["data_drift", "plan"].level == "ok"
    assert found["data_drift", "plan"].held == "ok"
    assert found["prediction_drift"].level == "ok"
    assert read(window(prediction_drift=drift(0.8)))["prediction_drift"].level == "critical"


@pytest.mark.parametrize("status", ["incomplete", "not_enough_data"])
def test_a_window_that_is_not_whole_says_nothing(status: Any) -> None:
    """Nor does one that is too small; but that it was looked at."""
    found = read(window(status=status, drift={"plan": drift(0.8)}))

    assert {key: one.value for key, one in found.items()} == {"prediction_drift": None}


def test_the_share_of_features_that_drifted() -> None:
    """Of few features, nobody needs it."""
    names = [f"x{number}" for number in range(10)]
    drifts = {name: drift(0.8 if name in names[:4] else 0.5) for name in names}
    found = read(window(drift=drifts))["drift_share"]

    assert (found.value, found.level, found.n) == (0.4, "warning", 10)
    few = {name: drift(0.8) for name in names[:3]}
    assert "drift_share" not in read(window(drift=few))


@pytest.mark.parametrize(
    ("hour", "day", "level"),
    [
        ((0.5, 10_000), (0.8, 100_000), "ok"),  # it is over
        ((0.5, 200), (0.8, 100_000), "critical"),  # so few rows would not show it
        ((0.8, 10_000), (0.5, 100_000), "critical"),  # it has begun
        ((0.66, 10_000), (0.8, 100_000), "warning"),  # it becomes less
        ((0.8, 100), (0.8, 100_000), "critical"),  # the hour has too few
        ((0.8, 100), (0.8, 150), "ok"),
    ],
)
def test_the_shortest_window_that_can_tell_decides(
    hour: tuple[float, int], day: tuple[float, int], level: str
) -> None:
    """What is over is over with the next hour, unless that is too small to know."""
    short, long = window(1, drift={"plan": drift(*hour)}), window(24, drift={"plan": drift(*day)})
    found = read(long, short)["data_drift", "plan"]

    assert found.level == level
    assert found.span == HOUR


def quality(**shares: float) -> dict[str, Any]:
    """Make the quality of a window's ages, and its flaws: each share is past the baseline's."""
    flaws = [
        Flaw("age", what, share, 0.0, "critical" if share > 0.3 else "warning")
        for what, share in shares.items()
    ]
    return {"quality": {"age": FeatureQuality(n=1000, **shares)}, "flaws": tuple(flaws)}


def test_the_quality_of_a_features_values() -> None:
    """Each kind of flaw is an alert of its own."""
    found = read(window(**quality(missing=0.4, invalid=0.2, out_of_range=0.1, unseen=0.1)))
    levels = {rule: one.level for (rule, feature), one in found.items() if feature == "age"}

    assert levels == {
        "missing": "critical",
        "wrong_type": "warning",
        "outliers": "ok",
        "out_of_range": "warning",
        "unseen_categories": "warning",
    }
    assert found["missing", "age"].value == 0.4
    assert found["missing", "age"].threshold == 0.3


def test_outliers_of_either_kind() -> None:
    """The larger share is told."""
    found = read(window(**quality(outliers=0.06, outliers_iqr=0.1)))

    assert found["outliers", "age"].value == 0.1


def test_what_is_as_in_the_baseline_is_not_held() -> None:
    """However large it is there."""
    found = read(window(quality={"age": FeatureQuality(n=1000, missing=0.2)}))["missing", "age"]
    near = (Flaw("age", "missing", 0.095, 0.0, "ok"),)
    held = read(window(quality={"age": FeatureQuality(n=1000, missing=0.095)}, flaws=near))

    assert (found.value, found.level, found.held) == (0.2, "ok", "ok")
    assert held["missing", "age"].held == "warning"


def performing(value: float, half: float = 0.01, *, name: str = "accuracy", **keys: Any) -> Reading:
    """Read a window in which a figure was measured."""
    figures, intervals = {name: value}, {name: (value - half, value + half)}
    bounds = measured_limits(WAS, limits(settings(**keys)))
    one = window(
        performance=figures,
        intervals=intervals,
        measured=True,
        labelled=500,
        harm=find_harm(figures, intervals, bounds, 0.025),
    )
    return read(one, **keys)[name]


@pytest.mark.parametrize(
    ("value", "half", "level", "held"),
    [
        (0.9, 0.01, "ok", "ok"),
        (0.86, 0.01, "ok", "ok"),
        (0.853, 0.01, "ok", "warning"),  # a tenth of the way back to 0.9 has not been gone
        (0.84, 0.01, "warning", "warning"),
        (0.84, 0.09, "ok", "warning"),  # chance may explain it
        (0.78, 0.01, "critical", "critical"),
    ],
)
def test_the_accuracy_beside_the_baselines(
    value: float, half: float, level: str, held: str
) -> None:
    """It may be five points below, not ten."""
    found = performing(value, half)

    assert (found.level, found.held, found.n) == (level, held, 500)


def test_absolute_limits_of_the_accuracy() -> None:
    """Once they are set; and an alert can end below an accuracy of 1."""
    assert performing(0.84, ACCURACY_WARNING=0.8).level == "ok"
    assert performing(0.9, ACCURACY_WARNING=0.98, ACCURACY_CRITICAL=0.95).level == "critical"
    held = performing(0.99, ACCURACY_WARNING=0.98, ACCURACY_CRITICAL=0.95)
    assert held.held == "ok"


def test_errors_beside_the_baselines() -> None:
    """They may be a share larger."""
    assert performing(10.4, name="rmse").level == "ok"
    assert performing(10.48, name="rmse").held == "warning"
    assert performing(10.8, name="rmse").level == "warning"
    assert performing(9.0, name="rmse").held == "ok"


def test_without_enough_ground_truth_nothing_is_said() -> None:
    """It is not unknown either: it may come."""
    one = window(performance={"accuracy": 0.1}, intervals={"accuracy": (0.05, 0.15)})

    assert "accuracy" not in read(one)


def test_the_estimate_is_a_figure_of_its_own() -> None:
    """It needs no ground truth."""
    one = window(estimated={"accuracy": 0.87}, estimated_intervals={"accuracy": (0.86, 0.88)})
    found = read(one)["estimated_accuracy"]

    assert found.threshold == pytest.approx(0.88)
    assert (found.level, found.held) == ("ok", "warning")


@pytest.mark.parametrize(
    ("given", "level"),
    [
        ({"status": "significant", "gap": -0.2}, "critical"),
        ({"status": "moderate", "gap": -0.06}, "warning"),
        ({"status": "significant", "gap": 0.2}, "ok"),
        ({"status": "moderate", "gap": -0.01, "recent": -0.07}, "warning"),
        ({"status": "stable", "gap": -0.02}, "ok"),
    ],
)
def test_concept_drift(given: dict[str, Any], level: str) -> None:
    """What errs less than expected is no alert."""
    drift = ConceptDrift(reference="estimate", n=500, low=-0.03, high=0.03, **given)
    one = window(measured=True, concept_drift=drift)

    assert read(one)["concept_drift"].level == level
