"""What becomes of an alert as its figure is read again and again."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from flask_mlmonitor.alerts.levels import Level
from flask_mlmonitor.alerts.series import Series
from flask_mlmonitor.alerts.states import Policy, Transition, step, supersede
from tests.alerts.making import NOON, reading

MINUTE, HOUR = 60.0, 3600.0
LETTERS: dict[str, tuple[Level | None, Level | None]] = {
    ".": ("ok", None),
    "~": ("ok", "warning"),  # between the threshold and what clears it
    "w": ("warning", None),
    "h": ("warning", "critical"),
    "C": ("critical", None),
    "?": (None, None),
}
PATIENT = Policy(wait=120.0)
HASTY = Policy(wait=0.0)


def play(
    figures: str, policy: Policy = PATIENT, *, every: float = MINUTE, span: float = 0.0
) -> tuple[list[Series], list[tuple[int, Transition]]]:
    """Read a figure for each letter; return its series, and what happened at which letter."""
    series, states, happened = None, [], []
    for number, letter in enumerate(figures):
        level, held = LETTERS[letter]
        time = number * every
        one = reading(level, time, held=held, span=span)
        series, transitions = step(series, one, NOON + time, policy)
        states.append(series)
        happened += [(number, transition) for transition in transitions]
    return states, happened


def events(happened: Sequence[tuple[int, Transition]]) -> list[tuple[int, str]]:
    """Return what happened without the alerts."""
    return [(number, one.event) for number, one in happened]


@pytest.mark.parametrize(
    ("figures", "expected"),
    [
        ("....", []),
        ("www", [(2, "fired")]),
        ("w.w.w.", []),
        ("ww.ww.", []),
        ("wwww..w....", [(2, "fired"), (9, "resolved")]),
        ("www...", [(2, "fired"), (5, "resolved")]),
        ("www~~~~~~...", [(2, "fired"), (11, "resolved")]),
        ("~~~~", []),
        ("wwC", [(2, "fired")]),
        ("wwwC", [(2, "fired"), (3, "escalated")]),
        ("CCChhhw", [(2, "fired"), (6, "eased")]),
        ("CCC..w", [(2, "fired"), (5, "eased")]),
        ("www..C", [(2, "fired"), (5, "escalated")]),
        ("w?ww", [(2, "fired")]),
        ("w??????www", [(9, "fired")]),
        ("www????w...", [(2, "fired"), (10, "resolved")]),
        ("www?????", [(2, "fired"), (7, "resolved")]),
        ("www..?????", [(2, "fired"), (9, "resolved")]),
        ("????", []),
    ],
)
def test_a_figure_read_every_minute(figures: str, expected: list[tuple[int, str]]) -> None:
    """It alerts after two minutes, and is over after two."""
    assert events(play(figures)[1]) == expected


@pytest.mark.parametrize(
    ("figures", "expected"),
    [
        ("w.", [(0, "fired"), (1, "resolved")]),
        ("wC.", [(0, "fired"), (1, "escalated"), (2, "resolved")]),
        ("w?.", [(0, "fired"), (2, "resolved")]),
    ],
)
def test_a_decision_on_an_hour_has_lasted_for_it(
    figures: str, expected: list[tuple[int, str]]
) -> None:
    """It alerts at once: the next one would come an hour later."""
    assert events(play(figures, every=HOUR, span=HOUR)[1]) == expected


def test_patience_for_more_than_an_hour_waits_for_more_than_one_decision() -> None:
    """They add up."""
    happened = play("www...", Policy(wait=2 * HOUR), every=HOUR, span=HOUR)[1]

    assert events(happened) == [(1, "fired"), (4, "resolved")]


@pytest.mark.parametrize(
    ("figures", "why"), [("w.", "over"), ("w?????", "no_data"), ("w.w?????", "no_data")]
)
def test_why_it_is_over(figures: str, why: str) -> None:
    """What nobody knows any more is not said to be well."""
    assert play(figures, HASTY)[1][-1][1].why == why


def test_the_alert_of_each_state() -> None:
    """As others see it."""
    states, happened = play("ww.ww?ww..")
    alert = states[3].alert

    assert [one.alert.state for one in states[:5]] == [
        *("pending", "pending", "resolved", "pending", "pending")
    ]
    assert [one.alert.state for one in states[5:]] == [
        *("pending", "firing", "firing", "recovering", "recovering")
    ]
    fired = happened[0][1].alert
    assert fired.since.timestamp() == NOON + 3 * MINUTE
    assert (fired.value, fired.threshold, fired.severity) == (1.0, 0.5, "warning")
    assert fired.message == "95 of 100 predictions take up to 1.00 s, more than 500 ms."
    assert fired.id == alert.id
    unknown = play("www?")[0][-1]
    assert unknown.open
    assert unknown.alert.state == "unknown"


def test_the_last_bad_value_is_kept() -> None:
    """A figure that is good again does not stand behind "more than"."""
    happened = play("wwwC...")[1]

    assert happened[-1][1].alert.value == 3.0
    assert happened[-1][1].alert.state == "resolved"


def test_incidents_of_a_figure_have_ids_of_their_own() -> None:
    """And the figure keeps its name through them, at whatever level."""
    states, happened = play("w.C.", HASTY)

    assert len({one.fingerprint for one in states}) == 1
    assert [one.alert.id for _, one in happened] == [states[0].id] * 2 + [states[2].id] * 2
    assert states[0].id != states[2].id


def test_what_is_old_changes_nothing() -> None:
    """Windows whose ground truth came late may be judged after newer ones."""
    state = play("www")[0][-1]

    assert step(state, reading("ok", -HOUR), NOON + HOUR, PATIENT) == (state, ())


def test_to_know_of_it_holds_until_it_becomes_worse() -> None:
    """A critical alert is news."""
    known = play("www")[0][-1]
    known, _ = step(known, reading("warning", 200.0), NOON + 200, PATIENT)
    assert not known.acknowledged
    known = replace(known, acknowledged=True)
    known, _ = step(known, reading("warning", 260.0), NOON + 260, PATIENT)
    assert known.acknowledged
    known, _ = step(known, reading("critical", 320.0), NOON + 320, PATIENT)
    assert not known.acknowledged


def test_a_version_that_is_gone_ends_its_alert() -> None:
    """One that is only pending, without a word."""
    series, (ended,) = supersede(play("www")[0][-1])
    pending = supersede(play("w")[0][-1])

    assert (ended.event, ended.why) == ("resolved", "superseded")
    assert series.idle
    assert pending[0].idle
    assert pending[1] == ()


def test_what_comes_and_goes_is_held() -> None:
    """The fourth change within an hour is not made, which is said once."""
    states, happened = play("w.w" + "." * 70, HASTY)

    assert events(happened)[:3] == [(0, "fired"), (1, "resolved"), (2, "fired")]
    assert events(happened)[3:] == [(3, "flapping"), (63, "resolved")]
    assert all(one.open for one in states[3:63])
    assert not states[-1].flapping


def test_while_it_is_held_nothing_is_told() -> None:
    """However often it comes and goes."""
    happened = play("w.w." + "w." * 100, HASTY)[1]

    assert events(happened)[3:] == [(3, "flapping")]


def test_a_level_that_comes_and_goes_is_held_too() -> None:
    """At the worse one."""
    states, happened = play("wCwCwCwC", HASTY)

    assert events(happened) == [
        *((0, "fired"), (1, "escalated"), (2, "eased"), (3, "escalated"), (3, "flapping"))
    ]
    assert states[-1].level == "critical"


def test_what_comes_and_goes_by_the_hour_is_held() -> None:
    """Where a figure is read once an hour, an hour is too short to see it flap."""
    happened = play("w.w.w.w.", HASTY, every=HOUR, span=HOUR)[1]

    assert events(happened) == [
        *((0, "fired"), (1, "resolved"), (2, "fired"), (3, "flapping")),
    ]


FIGURES = st.text(alphabet="".join(LETTERS), max_size=120)


@given(FIGURES, st.sampled_from([0.0, 60.0, 120.0, 600.0]))
def test_an_alert_begins_and_ends(figures: str, wait: float) -> None:
    """Between its begin and its end it changes as it can, and there is never a second begin."""
    open_, flapping, level = False, False, "ok"
    for _, one in play(figures, Policy(wait=wait))[1]:
        assert open_ == (one.event != "fired")
        if one.event == "escalated":
            assert (level, one.alert.severity) == ("warning", "critical")
        if one.event == "eased":
            assert not flapping
            assert (level, one.alert.severity) == ("critical", "warning")
        if one.event == "flapping":
            assert not flapping
        open_ = one.event != "resolved"
        flapping = open_ and (flapping or one.event == "flapping")
        level = one.alert.severity


@given(FIGURES, st.sampled_from([0.0, 60.0, 120.0]))
def test_it_always_ends(figures: str, wait: float) -> None:
    """When all is well for long enough, nothing is left; and so it is when nothing is known."""
    for end in ("." * 130, "?" * 10):
        states, happened = play(figures + end, Policy(wait=wait))
        told = [one for _, one in happened if one.event in ("fired", "resolved")]
        assert states[-1].state == "ok"
        assert len(told) % 2 == 0


@given(FIGURES)
def test_it_fires_only_after_it_lasted(figures: str) -> None:
    """Whatever came before: two minutes of nothing but bad readings precede it."""
    for number, one in play(figures)[1]:
        if one.event == "fired":
            known = figures[: number + 1].replace("?", "")
            assert set(known[-2:]) <= set("whC")


@given(FIGURES)
def test_an_hour_has_few_changes(figures: str) -> None:
    """Four at most in any hour, and once more that it became critical; it has an end of data."""
    happened = [(number, one) for number, one in play(figures, HASTY)[1] if one.why != "no_data"]
    for start in range(len(figures)):
        hour = [one.event for number, one in happened if start <= number < start + 60]
        changes = [event for event in hour if event != "flapping"]
        assert len(changes) <= 4 + (changes[-1:] == ["escalated"])
