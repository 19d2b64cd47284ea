"""When people are told of alerts, and of which together."""

from collections.abc import Collection, Sequence
from typing import Any

import pytest

from flask_mlmonitor.alerts.alert import Alert, Notification
from flask_mlmonitor.alerts.groups import TOLD, Group, Members, key_of, tell, worst_first
from flask_mlmonitor.alerts.states import Transition, Why
from flask_mlmonitor.clock import as_datetime
from tests.alerts.making import NOON, alert

MINUTE, HOUR = 60.0, 3600.0
REPEAT = 4 * HOUR
EMPTY = Group(
    key=key_of("shop", "data_drift", "fraud", "2"),
    family="data_drift",
    model="fraud",
    version="2",
)


class Told:
    """A group, and the last message about it."""

    def __init__(self) -> None:
        self.group: Group | None = None
        self.message: Notification | None = None

    def look(
        self,
        time: float,
        alerts: Sequence[Alert] = (),
        ended: Sequence[Alert] = (),
        why: Why = "over",
        **members: Collection[str],
    ) -> str | None:
        """Look at a group's alerts *time* seconds after noon; return why there is a message."""
        over = [Transition("resolved", one, why) for one in ended]
        found: Any = {"open": alerts, "ended": over, **members}
        self.group, self.message = tell(self.group or EMPTY, Members(**found), NOON + time, REPEAT)
        return None if self.message is None else self.message.reason

    @property
    def said(self) -> Notification:
        """The last message."""
        assert self.message is not None
        return self.message


def critical(name: str, **given: Any) -> Alert:
    """Make a critical alert."""
    return alert(name, severity="critical", **given)


def test_one_incident() -> None:
    """One message when it begins, and one when it is over, under one key."""
    told = Told()

    assert told.look(0) is None
    assert told.look(60, [alert("1")]) == "new"
    first = told.said
    assert told.look(120, [alert("1")]) is None
    assert told.look(180, [], [alert("1")]) == "resolved"
    last = told.said
    assert told.group is None
    assert (first.action, last.action) == ("trigger", "resolve")
    assert first.key == last.key == "mlmonitor/shop/data_drift/fraud/2"
    assert first.id != last.id
    assert [one.id for one in last.resolved] == ["1"]
    assert first.time == as_datetime(NOON + 60)


def test_many_at_once_are_one_message() -> None:
    """It lists the worst, and says how many more there are."""
    told = Told()
    alerts = [alert(f"{number:03}", value=0.1 + number / 1000) for number in range(199)]

    assert told.look(0, [*alerts, critical("200", value=0.21, threshold=0.2)]) == "new"
    assert [one.id for one in told.said.alerts[:3]] == ["200", "198", "197"]
    assert (len(told.said.alerts), told.said.more) == (TOLD, 190)
    assert told.said.severity == "critical"
    assert told.said.title == "fraud 2: Drifted input (200 alerts)"
    assert told.said.text == (
        "Feature 200 has drifted. There are 199 more of this kind. "
        "It began at 2026-03-02 12:00 UTC. Somebody should look within 4 hours."
    )


def test_what_is_worse_is_told_at_once() -> None:
    """Without waiting for anything; what is milder changes nothing."""
    told = Told()
    told.look(0, [alert("1")])

    assert told.look(10, [critical("1")]) == "escalated"
    assert told.said.text.startswith("It has become worse.")
    assert told.look(20, [alert("1")]) is None
    assert told.look(HOUR, [critical("1")]) is None
    assert told.look(2 * HOUR, [], [alert("1")]) == "resolved"
    assert told.said.severity == "critical"


def test_further_alerts_wait_for_each_other() -> None:
    """For five minutes after the last message."""
    told = Told()
    told.look(0, [alert("1")])

    assert told.look(MINUTE, [alert("1"), alert("2")]) is None
    assert told.look(5 * MINUTE, [alert("1"), alert("2"), alert("3")]) == "changed"
    assert {one.id for one in told.said.alerts} == {"1", "2", "3"}
    assert told.look(6 * MINUTE, [alert("1"), alert("2"), alert("3")]) is None


def test_those_that_come_one_by_one_are_told_less_and_less_often() -> None:
    """But all of them in the end."""
    told = Told()
    times = [
        number * MINUTE
        for number in range(240)
        if told.look(number * MINUTE, [alert(f"{one}") for one in range(number + 1)]) == "changed"
    ]

    assert times == [5 * MINUTE, 15 * MINUTE, 35 * MINUTE, 75 * MINUTE, 155 * MINUTE]


def test_another_that_becomes_critical_is_no_news() -> None:
    """Those who are called are at it already."""
    told = Told()
    told.look(0, [critical("1"), alert("2")])

    assert told.look(HOUR, [critical("1"), critical("2")]) is None


def test_what_ends_is_told_with_the_next_message() -> None:
    """Only once."""
    told = Told()
    told.look(0, [alert("1"), alert("2"), alert("3")])

    assert told.look(MINUTE, [alert("1"), alert("2")], [alert("3")]) is None
    assert told.look(HOUR, [alert("1")], [alert("2")]) is None
    assert told.look(REPEAT, [alert("1")]) == "repeated"
    assert {one.id for one in told.said.resolved} == {"2", "3"}
    assert "2 alerts have ended since the last message." in told.said.text
    assert told.look(2 * REPEAT, [alert("1")]) == "repeated"
    assert told.said.resolved == ()


def test_of_many_that_end_the_worst_are_listed() -> None:
    """And all of them counted."""
    told = Told()
    alerts = [alert(f"{number:02}", value=0.1 + number / 100) for number in range(30)]
    told.look(0, alerts)
    told.look(60, alerts[20:], alerts[:20])

    assert told.look(120, [], alerts[20:]) == "resolved"
    assert [one.id for one in told.said.resolved] == [f"{n}" for n in range(29, 19, -1)]
    assert told.said.text == "It is over. 30 alerts have ended since the last message."


def test_what_lasts_is_repeated_unless_somebody_knows() -> None:
    """Every four hours; a further alert is news all the same."""
    told = Told()
    told.look(0, [alert("1")])

    assert told.look(REPEAT - 1, [alert("1")]) is None
    assert told.look(REPEAT, [alert("1")]) == "repeated"
    assert told.look(2 * REPEAT, [alert("1")], acknowledged={"1"}) is None
    assert told.look(2 * REPEAT, [alert("1"), alert("2")], acknowledged={"1"}) == "changed"
    assert told.look(3 * REPEAT, [alert("1"), alert("2")], acknowledged={"1"}) == "repeated"
    assert told.look(3 * REPEAT + 1, [critical("1"), alert("2")]) == "escalated"


def test_what_comes_and_goes_is_told_once() -> None:
    """And why nothing more is heard of it."""
    told = Told()
    told.look(0, [alert("1")])

    assert told.look(MINUTE, [alert("1")], flapping={"1"}) == "flapping"
    assert "too often" in told.said.text
    assert told.look(2 * MINUTE, [alert("1")], flapping={"1"}) is None
    assert told.look(3 * MINUTE, [alert("1"), alert("2")], flapping={"1", "2"}) is None


def test_nobody_is_told_of_what_is_silenced() -> None:
    """Until the silence is over; that the rest is over is told to those who know of it."""
    told = Told()

    assert told.look(0, [alert("1")], silenced={"1"}) is None
    assert told.look(60, [], [alert("1")]) is None
    assert told.look(120, [alert("2"), alert("3")], silenced={"3"}) == "new"
    assert [one.id for one in told.said.alerts] == ["2"]
    assert told.look(HOUR, [critical("2")], [alert("3")], silenced={"2"}) is None
    assert told.look(2 * HOUR, [critical("2")]) == "escalated"
    assert told.look(3 * HOUR, [critical("2")], silenced={"2"}) is None
    assert told.look(4 * HOUR, [], [critical("2")]) == "resolved"
    assert [one.id for one in told.said.resolved] == ["2"]


@pytest.mark.parametrize(
    ("why", "words"),
    [("over", "is over"), ("no_data", "too little data"), ("superseded", "not served any more")],
)
def test_why_it_is_closed(why: Why, words: str) -> None:
    """What nobody knows is not said to be over."""
    told = Told()
    told.look(0, [alert("1")])
    told.look(60, [], [alert("1")], why=why)

    assert words in told.said.text


def test_the_link_is_about_the_worst() -> None:
    """Of those that are told of; at the end, of those that are over."""
    mild = alert("1", metric="data_drift")
    worse = critical("2", metric="drift_share", feature=None)
    members = Members(open=[mild, worse])
    url = "https://wiki.example/runbook"
    group, first = tell(EMPTY, members, NOON, REPEAT, url)
    assert group is not None
    ended = [Transition("resolved", one, "over") for one in (mild, worse)]
    _, last = tell(group, Members(ended=ended), NOON + MINUTE, REPEAT, url)

    for message in (first, last):
        assert message is not None
        assert message.runbook_url == f"{url}#mlmodeldriftshare"


def test_the_worst_first() -> None:
    """By severity, then by how far they are past their thresholds, in whichever direction."""
    slow = alert("1", metric="latency", value=1.0, threshold=0.5)
    wrong = alert("2", metric="accuracy", value=0.2, threshold=0.85)
    few = alert("3", metric="throughput_low", value=0.0, threshold=10.0)

    found = worst_first([slow, wrong, critical("4"), few])
    assert [one.id for one in found] == ["4", "3", "2", "1"]


def test_a_key_is_bounded() -> None:
    """PagerDuty takes 255 characters."""
    keys = {key_of("a" * 300, "data_drift", "fraud", version) for version in ("1", "2")}

    assert len(keys) == 2
    assert all(len(key) <= 255 for key in keys)
