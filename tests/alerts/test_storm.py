"""How many messages people get of many features in a day."""

import pytest

from tests.alerts.making import NOON
from tests.alerts.storm import DECISIONS, MOVED, NEAR, STABLE, STEP, Desk, Shares, evaluations


def told(features: int, shares: Shares, decisions: int = DECISIONS) -> Desk:
    """Return the desk after these evaluations."""
    desk = Desk()
    for evaluation in evaluations(features, shares, decisions):
        desk.look(evaluation)
    return desk


def test_stable_data_is_not_worth_a_word() -> None:
    """Fifty features for a day."""
    desk = told(50, lambda feature, decision: STABLE)

    assert desk.messages == []
    assert desk.memory.open == []


def test_thirty_features_that_drift_are_one_message() -> None:
    """And one when it is over, hours later."""
    desk = told(
        50, lambda feature, decision: MOVED if feature < 30 and 40 <= decision < 80 else STABLE, 120
    )

    assert [one.reason for one in desk.messages] == ["new", "resolved"]
    assert desk.messages[0].title == "fraud 2: Drifted input (31 alerts)"  # and one of their share
    assert desk.messages[0].time.timestamp() == NOON + 40 * STEP + 5
    assert desk.messages[1].time.timestamp() == NOON + 80 * STEP + 5
    assert desk.memory.open == []


def test_two_hundred_features_at_once_are_one_message() -> None:
    """Critical all of them."""
    desk = told(200, lambda feature, decision: MOVED if decision else STABLE, 4)

    assert [(one.reason, one.severity) for one in desk.messages] == [("new", "critical")]
    assert (len(desk.messages[0].alerts), desk.messages[0].more) == (10, 191)
    assert len(desk.memory.open) == 201


@pytest.mark.parametrize("every", [2, 3, 7])
def test_a_feature_that_drifts_now_and_then_is_held(every: int) -> None:
    """What comes back again and again is said to do so."""
    desk = told(5, lambda feature, decision: STABLE if feature or decision % every else MOVED, 200)

    reasons = [one.reason for one in desk.messages if one.reason != "repeated"]
    assert reasons == ["new", "resolved", "new", "flapping"]


def test_features_at_the_limit_are_few_messages() -> None:
    """Thirty whose PSI lies just below it: chance puts each on one side or the other, for a day."""
    desk = told(50, lambda feature, decision: NEAR if feature < 30 else STABLE)

    assert [one.reason for one in desk.messages].count("flapping") == 1
    assert len(desk.messages) <= 15
