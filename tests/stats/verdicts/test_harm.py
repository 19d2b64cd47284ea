"""Which figures are past their limits."""

import pytest
from msgspec.structs import replace

from flask_mlmonitor.stats.verdicts.harm import Limit, estimated_limits, find_harm, measured_limits
from tests.limits import LIMITS

LEVEL = 1 / 10_000
WAS = {"accuracy": 0.9, "f1_score": 0.8}


def severities(value: float, half: float, limit: Limit, level: float = LEVEL) -> dict[str, str]:
    """Judge one figure with an interval of so many on both sides."""
    intervals = {"accuracy": (value - half, value + half)}
    found = find_harm({"accuracy": value}, intervals, {"accuracy": limit}, level)
    return {name: one.severity for name, one in found.items()}


@pytest.mark.parametrize(
    ("value", "half", "severity"),
    [
        (0.86, 0.001, None),
        (0.84, 0.001, "warning"),
        (0.84, 0.02, None),  # at so small a level the interval is wider than that of 95 %
        (0.74, 0.001, "critical"),
        (0.74, 0.01, "warning"),
        (0.5, 0.3, None),  # twelve labels
    ],
)
def test_a_limit_is_passed_by_more_than_chance(
    value: float, half: float, severity: str | None
) -> None:
    """Where nobody knows what is usual."""
    found = severities(value, half, Limit(0.85, 0.75))

    assert found == ({} if severity is None else {"accuracy": severity})


@pytest.mark.parametrize(
    ("value", "half", "severity"),
    [
        (0.86, 0.001, None),  # worse than usual, and it does not matter
        (0.84, 0.02, "warning"),
        (0.84, 0.05, None),  # it matters, and may be chance
        (0.74, 0.05, "critical"),
        (0.5, 0.3, None),
    ],
)
def test_what_is_usual_is_told_from_chance(value: float, half: float, severity: str | None) -> None:
    """Past the limit, and worse than usual by more than chance: as with drift, it takes both."""
    found = severities(value, half, Limit(0.85, 0.75, usual=0.9))

    assert found == ({} if severity is None else {"accuracy": severity})


def test_a_limit_that_was_never_kept() -> None:
    """Who asks for more than the baseline had is told as soon as chance is out of the question."""
    assert severities(0.84, 0.001, Limit(0.85, 0.75, usual=0.8)) == {"accuracy": "warning"}
    assert severities(0.84, 0.02, Limit(0.85, 0.75, usual=0.8)) == {}


def test_of_errors_the_large_ones_are_bad() -> None:
    """And small ones never are."""
    limit = Limit(2.1, 2.2, low=False)

    assert severities(1.0, 0.01, limit) == {}
    assert severities(2.15, 0.01, limit) == {"accuracy": "warning"}
    assert severities(3.0, 0.01, limit) == {"accuracy": "critical"}
    assert severities(3.0, 1.0, limit) == {}


def test_a_figure_without_an_interval_is_not_judged() -> None:
    """Nobody knows how far chance moves it."""
    assert find_harm({"accuracy": 0.1}, {}, {"accuracy": Limit(0.85, 0.75)}, LEVEL) == {}


def test_the_baseline_gives_the_limits() -> None:
    """So much below its accuracy and F1, by such a share above its errors."""
    found = measured_limits({**WAS, "rmse": 10.0, "mae": 0.0}, LIMITS)

    assert (found["accuracy"].warning, found["accuracy"].critical) == pytest.approx((0.85, 0.8))
    assert found["f1_score"].warning == pytest.approx(0.75)
    assert found["rmse"].warning == pytest.approx(10.5)
    assert not found["rmse"].low
    assert "mae" not in found, "a share of nothing is nothing"


@pytest.mark.parametrize(("was", "chosen"), [({}, False), (WAS, True)])
def test_absolute_limits(was: dict[str, float], chosen: bool) -> None:
    """They hold where the baseline knows no accuracy, and where they were configured."""
    found = measured_limits(was, replace(LIMITS, accuracy_set=chosen))

    assert found["accuracy"] == Limit(0.85, 0.75, was.get("accuracy"))


def test_an_estimate_is_compared_with_the_baseline_alone() -> None:
    """Whoever set an absolute limit meant what is measured."""
    assert estimated_limits({}, LIMITS) == {}
    assert estimated_limits(WAS, LIMITS)["accuracy"].warning == pytest.approx(0.88)
    assert estimated_limits(WAS, LIMITS)["f1_score"].critical == pytest.approx(0.7)
