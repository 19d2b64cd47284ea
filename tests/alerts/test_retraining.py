"""Whether a model should be trained anew."""

from typing import Any

import pytest

from flask_mlmonitor.alerts.retraining import Outcome, Recommendation, recommend
from tests.alerts.making import MODEL, NOON, VERSION, settings
from tests.alerts.windows import drift, window

HOUR = 3600.0
DAY = 24 * HOUR


def outcomes(*values: tuple[float | None, float | None], start: float = 0.0) -> list[Outcome]:
    """Make windows of an hour that follow each other, of an accuracy and a PSI each."""
    return [
        Outcome(
            start=NOON + start + number * HOUR,
            end=NOON + start + (number + 1) * HOUR,
            accuracy=accuracy,
            psi=psi,
        )
        for number, (accuracy, psi) in enumerate(values)
    ]


def recommended(
    found: list[Outcome], last: Recommendation | None = None, *, time: float = DAY, **keys: Any
) -> Recommendation | None:
    """Ask *time* seconds after noon."""
    return recommend(MODEL, VERSION, found, last, now=NOON + time, settings=settings(**keys))


@pytest.mark.parametrize(
    ("accuracies", "expected"),
    [
        ([0.8] * 10, True),
        ([0.8] * 9, False),
        ([0.99] * 5 + [0.84] * 10, True),
        ([0.1] * 5 + [0.86] * 10, False),
        ([0.7] + [0.86] * 9, True),
        ([0.85] * 10, False),
    ],
)
def test_the_mean_of_the_last_ten_accuracies(accuracies: list[float], expected: bool) -> None:
    """One bad window is none of ten."""
    found = recommended(outcomes(*((one, 0.0) for one in accuracies)))

    assert (found is not None) == expected


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([0.25], True),
        ([0.2] * 5, False),
        ([0.3, 0.0, 0.0, 0.0, 0.0], True),
        ([0.3, 0.0, 0.0, 0.0, 0.0, 0.0], False),
    ],
)
def test_the_largest_of_the_last_five_psi(scores: list[float], expected: bool) -> None:
    """Any of them."""
    assert (recommended(outcomes(*((None, one) for one in scores))) is not None) == expected


def test_both_reasons_are_given() -> None:
    """In words, with the figures."""
    found = recommended(outcomes(*[(0.8, 0.31)] * 10))

    assert found is not None
    assert found.reasons == (
        "The mean accuracy of the last 10 windows is 80.0%, below 85.0%.",
        "The largest PSI of the last 5 windows is 0.31, above 0.2.",
    )
    assert found.accuracy == pytest.approx(0.8)
    assert found.psi == 0.31


def test_windows_without_ground_truth_are_passed_over() -> None:
    """The truth of the last hours is not there yet."""
    found = outcomes(*[(0.8, 0.0)] * 10, *[(None, 0.0)] * 20)

    assert recommended(found) is not None


def test_windows_that_overlap_count_once() -> None:
    """Ten windows of a day that were judged every hour are hardly half a day apart."""
    hourly = [
        Outcome(start=NOON + hour * HOUR - DAY, end=NOON + hour * HOUR, accuracy=0.8)
        for hour in range(24)
    ]

    assert recommended(hourly) is None


def test_it_is_said_once() -> None:
    """Again after the cool-down, if a window since says so too."""
    windows = outcomes(*[(0.8, None)] * 10)
    first = recommended(windows)
    assert first is not None

    assert recommended(windows, first, time=DAY + 60) is None
    later = [*windows, *outcomes((0.8, None), start=2 * DAY)]
    assert recommended(later, first, time=DAY + 60) is None
    assert recommended(windows, first, time=3 * DAY) is None
    assert recommended(later, first, time=3 * DAY) is not None
    assert recommended(later, first, time=3 * DAY, RETRAIN_COOLDOWN="7d") is None


def test_the_limits_are_the_models_own() -> None:
    """From its settings."""
    windows = outcomes(*[(0.8, 0.25)] * 10)

    assert recommended(windows, RETRAIN_ACCURACY=0.75, RETRAIN_PSI=0.3) is None
    assert recommended([]) is None


def test_what_a_window_says() -> None:
    """Only what is known by enough ground truth, and has drifted by more than chance."""
    drifts = {"a": drift(0.8), "b": drift(0.73), "c": drift(0.6)}
    figures: dict[str, Any] = {"performance": {"accuracy": 0.8}, "drift": drifts}
    hour = {"start": NOON - HOUR, "end": NOON}

    psi = float(drifts["a"].psi or 0)
    assert Outcome.of(window(measured=True, **figures)) == Outcome(**hour, accuracy=0.8, psi=psi)
    assert Outcome.of(window(**figures)).accuracy is None
    assert Outcome.of(window(drift={"c": drifts["c"]})).psi == 0.0
    assert Outcome.of(window(status="incomplete", **figures)) == Outcome(**hour)
