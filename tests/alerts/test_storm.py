"""Many features, a day of decisions: how many messages people get."""

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Final

import numpy as np
import pytest

from flask_mlmonitor.alerts.alert import Notification
from flask_mlmonitor.alerts.deciding import Memory, decide
from flask_mlmonitor.alerts.evaluated import window_readings
from flask_mlmonitor.clock import as_datetime
from flask_mlmonitor.stats.binning import FeatureBins
from flask_mlmonitor.stats.comparing import FeatureDrift, compare, level_of
from flask_mlmonitor.stats.counts import FeatureCounts
from flask_mlmonitor.stats.evaluation import Evaluation, Verdict
from tests.alerts.making import MODEL, NOON, VERSION, settings

SETTINGS: Final = settings()
STEP: Final = 300.0
DECISIONS: Final = 288
ROWS: Final = 500
STABLE: Final = (0.2,) * 5
MOVED: Final = (0.35, 0.25, 0.2, 0.15, 0.05)
"""Its PSI is 0.32."""
NEAR: Final = (0.28, 0.23, 0.2, 0.17, 0.12)
"""Its PSI is 0.08."""
PLANS: Final = FeatureBins("plan", "categorical", categories=("a", "b", "c", "d", "e"))
BASELINE: Final = FeatureCounts(PLANS, (1000,) * 5 + (0,) * (len(PLANS.cell_names) - 5))
Shares = Callable[[int, int], tuple[float, ...]]
"""Returns the true shares of a feature at a decision, both by number."""


def evaluations(features: int, shares: Shares, decisions: int) -> Iterator[Evaluation]:
    """Yield what an evaluator finds in windows of five minutes that follow each other."""
    rng = np.random.default_rng(7)
    level = level_of(1 / 30, features=features + 1, decisions=DECISIONS)
    for decision in range(decisions):
        found: Mapping[str, FeatureDrift] = {
            f"x{feature}": drift(rng.multinomial(ROWS, shares(feature, decision)).tolist(), level)
            for feature in range(features)
        }
        end = as_datetime(NOON) + decision * timedelta(seconds=STEP)
        yield Evaluation(
            model=MODEL,
            version=VERSION,
            window="5m",
            start=end - timedelta(seconds=STEP),
            end=end,
            n=ROWS,
            status="complete",
            verdict=Verdict("ok", ""),
            drift=found,
        )


def drift(values: list[int], level: float) -> FeatureDrift:
    """Compare a window's counts with the baseline's."""
    cells = (*values, *(0,) * (len(PLANS.cell_names) - len(values)))
    return compare(BASELINE, FeatureCounts(PLANS, cells), alpha=level)


def told(
    features: int, shares: Shares, decisions: int = DECISIONS
) -> tuple[list[Notification], Memory]:
    """Return the messages that these evaluations are worth, and what is known in the end."""
    memory = Memory()
    messages: list[Notification] = []
    for evaluation in evaluations(features, shares, decisions):
        decision = decide(
            memory,
            window_readings([evaluation], SETTINGS),
            app="shop",
            now=evaluation.end.timestamp() + 5,
            served={(MODEL, VERSION)},
            settings=SETTINGS,
        )
        series = {**memory.series, **decision.series}
        groups = {**memory.groups, **decision.groups}
        memory = Memory(
            {key: one for key, one in series.items() if not one.idle},
            {key: group for key, group in groups.items() if group is not None},
            versions={*memory.versions, *decision.versions},
        )
        messages += decision.notifications
    return messages, memory


def test_stable_data_is_not_worth_a_word() -> None:
    """Fifty features for a day."""
    messages, memory = told(50, lambda feature, decision: STABLE)

    assert messages == []
    assert memory.open == []


def test_thirty_features_that_drift_are_one_message() -> None:
    """And one when it is over; though it lasts for hours, and chance has its part."""
    messages, memory = told(
        50, lambda feature, decision: MOVED if feature < 30 and 40 <= decision < 80 else STABLE, 120
    )

    assert [one.reason for one in messages] == ["new", "resolved"]
    assert messages[0].title == "fraud 2: Drifted input (31 alerts)"  # and the share of them
    assert messages[0].time.timestamp() == NOON + 40 * STEP + 5
    assert messages[1].time.timestamp() == NOON + 80 * STEP + 5
    assert memory.open == []


def test_two_hundred_features_at_once_are_one_message() -> None:
    """Critical all of them."""
    messages, memory = told(200, lambda feature, decision: MOVED if decision else STABLE, 4)

    assert [(one.reason, one.severity) for one in messages] == [("new", "critical")]
    assert (len(messages[0].alerts), messages[0].more) == (10, 191)
    assert len(memory.open) == 201


@pytest.mark.parametrize("every", [2, 3, 7])
def test_a_feature_that_drifts_now_and_then_is_held(every: int) -> None:
    """What comes back again and again is said to do so."""
    messages, _ = told(
        5, lambda feature, decision: STABLE if feature or decision % every else MOVED, 200
    )

    reasons = [one.reason for one in messages if one.reason != "repeated"]
    assert reasons == ["new", "resolved", "new", "flapping"]


def test_features_at_the_limit_are_few_messages() -> None:
    """Thirty whose PSI lies just below it: chance puts each on one side or the other, for a day."""
    messages, _ = told(50, lambda feature, decision: NEAR if feature < 30 else STABLE)

    assert [one.reason for one in messages].count("flapping") == 1
    assert len(messages) <= 15
