"""The quick detector: river's Page-Hinkley on single rows, and as often wrong as was allowed."""

from importlib.util import find_spec
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from flask_mlmonitor.stats.performance.chance import Chance, run_length
from flask_mlmonitor.stats.performance.page_hinkley import page_hinkley, threshold
from tests.missing import missing

Array = npt.NDArray[np.float64]


def by_river(values: Array, **parameters: float) -> list[int]:
    """The places at which river sees an increase."""
    if find_spec("river") is None:
        missing("river is not installed")
    from river.drift import PageHinkley

    detector: Any = PageHinkley(min_instances=1, alpha=1.0, mode="up", **parameters)
    found = []
    for place, value in enumerate(values.tolist()):
        detector.update(value)
        if detector.drift_detected:
            found.append(place)
    return found


def by_us(values: Array, *, delta: float, threshold: float) -> list[int]:
    """The same of ours: beyond the running mean, and from the start after each detection."""
    found: list[int] = []
    begin = 0
    while begin < len(values):
        rest = values[begin:]
        excess = rest - rest.cumsum() / np.arange(1, len(rest) + 1) - delta
        states = page_hinkley(excess.tolist())
        seen = next((place for place, one in enumerate(states) if one.score > threshold), None)
        if seen is None:
            break
        found.append(begin + seen)
        begin += seen + 1
    return found


@pytest.mark.parametrize("delta", [0.005, 0.05])
@pytest.mark.parametrize("limit", [5.0, 20.0])
@pytest.mark.parametrize("kind", ["mistakes", "errors", "growing"])
def test_single_rows_are_judged_as_river_judges(kind: str, delta: float, limit: float) -> None:
    """With a running mean in the place of an expectation every detection is the same."""
    rng = np.random.default_rng(11)
    streams = {
        "mistakes": (rng.random(4000) < np.repeat([0.1, 0.3], 2000)).astype(float),
        "errors": rng.gamma(1.0, np.repeat([1.0, 1.2], 2000)),
        "growing": rng.normal(np.linspace(0, 3, 4000)),
    }
    values = streams[kind]

    found = by_us(values, delta=delta, threshold=limit)

    assert found == by_river(values, delta=delta, threshold=limit)
    assert found


def test_the_start_is_where_the_sum_turned() -> None:
    """What stood at its minimum last began just before the change."""
    states = page_hinkley([-1.0, 0.5, -1.0, 2.0, 2.0, -1.0])

    assert [one.start for one in states] == [1, 1, 3, 3, 3, 3]
    assert states[-1].score == 3.0


def test_what_is_over_is_forgotten() -> None:
    """A change that lasted long is not seen for long after its end."""
    excess = [1.0] * 1000 + [-1.0] * 12

    assert page_hinkley(excess)[-1].score == 988.0
    assert page_hinkley(excess, most=20.0)[-1].score == 8.0


def false_alarms(draws: npt.NDArray[Any], limit: float) -> int:
    """How often parallel streams, a column each, begin an alarm."""
    scores, alarms = np.zeros(draws.shape[1]), 0
    for excess in draws:
        scores = np.maximum(0.0, scores + excess)
        alarms += int((scores > limit).sum())
        scores[scores > limit] = 0.0
    return alarms


@pytest.mark.parametrize(
    ("rows", "risk"), [(1, 0.15), (10, 0.15), (10, 0.02), (200, 0.15), (200, 0.02), (50, 0.005)]
)
def test_stable_data_alarms_no_more_often_than_allowed(rows: int, risk: float) -> None:
    """Also where mistakes are rare, and their number is far from normal."""
    rng = np.random.default_rng(12)
    variance, passes = rows * risk * (1 - risk), rows * 0.025
    step = Chance(variance, variance * (1 - 2 * risk))
    limit = threshold(step, passes, level=1 / 500)
    draws = rng.binomial(rows, risk, (2000, 200)) - rows * risk - passes

    assert false_alarms(draws, limit) < 1.15 * draws.size / 500


@pytest.mark.parametrize("drift", [0.2, 0.5, 1.0])
def test_of_normal_steps_just_as_many_alarm(drift: float) -> None:
    """Then the formula holds, and no power is given away."""
    draws = np.random.default_rng(13).normal(-drift, 1.0, (2000, 200))
    limit = threshold(Chance(1.0, 0.0), drift, level=1 / 500)

    assert false_alarms(draws, limit) == pytest.approx(draws.size / 500, rel=0.15)


def test_an_expectation_that_is_wrong_itself_is_allowed_for() -> None:
    """Over many baselines, each with its own error, there are no more alarms than allowed."""
    rng = np.random.default_rng(14)
    errors = rng.normal(0.0, 0.15, 400)
    draws = rng.normal(-0.5, 1.0, (2000, 400)) + errors
    limit = threshold(Chance(1.0, 0.0), 0.5, level=1 / 500, shared=0.15)

    assert limit > threshold(Chance(1.0, 0.0), 0.5, level=1 / 500) + 0.3
    assert false_alarms(draws, limit) < 1.3 * draws.size / 500


def test_nothing_to_pass_and_much_to_pass() -> None:
    """Without a drift the sum wanders; with a large one a single step decides."""
    assert threshold(Chance(1.0, 0.0), 0.0, level=1 / 400) == pytest.approx(20 - 1.166)
    assert threshold(Chance(1.0, 0.0), 20.0, level=1 / 400) == 0.0
    assert run_length(3.0, np.array([0.0]), Chance(4.0, 1.0)) == pytest.approx(9 / 4)


@pytest.mark.parametrize("third", [0.0, 1.0, 8.0, -8.0])
def test_limits_are_those_of_pearsons_type_three(third: float) -> None:
    """Normal without skew; else scipy's quantiles with this skewness."""
    low, high = Chance(4.0, third).limits(0.001)

    expected: Any = stats.pearson3(third / 8.0, scale=2.0)
    assert (low, high) == pytest.approx((expected.ppf(0.0005), expected.isf(0.0005)), rel=1e-6)


@pytest.mark.parametrize("third", [0.001, 1.0, 8.0])
@pytest.mark.parametrize("drift", [0.001, 0.1, 1.0, 5.0, -0.2])
def test_exponents_solve_their_equation(third: float, drift: float) -> None:
    """E exp(theta (X - drift)) = 1 of a gamma distribution with these moments."""
    (theta,) = Chance(4.0, third).exponents(np.array([drift]))

    shape, scale = 4 * 4.0**3 / third**2, third / (2 * 4.0)
    left = -shape * np.log1p(-scale * theta) - shape * scale * theta
    assert left == pytest.approx(drift * theta, rel=1e-3)
    assert np.sign(theta) == np.sign(drift)
