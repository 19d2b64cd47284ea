"""From what was read at one time to what is kept and told."""

from collections.abc import Iterable
from typing import Any

from msgspec.structs import replace

from flask_mlmonitor.alerts.alert import Notification
from flask_mlmonitor.alerts.deciding import LATE_SECONDS, Decision, Memory, decide
from flask_mlmonitor.alerts.reading import Reading
from flask_mlmonitor.alerts.rule import MONITOR, NO_VERSION
from flask_mlmonitor.alerts.silences import GRACE_SECONDS, Silence
from tests.alerts.making import MODEL, NOON, VERSION, reading, settings

HOUR = 3600.0
SERVED = ((MODEL, VERSION),)


class Desk:
    """An app's alerts, looked at again and again."""

    def __init__(self, **keys: Any) -> None:
        self.memory = Memory()
        self.settings = settings(**{"ALERT_FOR": 0, **keys})
        self.notifications: list[Notification] = []

    def look(
        self,
        time: float,
        *readings: Reading,
        served: Iterable[tuple[str, str]] = SERVED,
    ) -> Decision:
        """Look *time* seconds after noon, and keep what follows as the store would."""
        decision = decide(
            self.memory,
            readings,
            app="shop",
            now=NOON + time,
            served=set(served),
            settings=self.settings,
        )
        series = {**self.memory.series, **decision.series}
        groups = {**self.memory.groups, **decision.groups}
        self.memory = Memory(
            series={key: one for key, one in series.items() if not one.idle},
            groups={key: group for key, group in groups.items() if group is not None},
            silences=[*self.memory.silences, *decision.silences],
            versions={*self.memory.versions, *decision.versions},
        )
        self.notifications += decision.notifications
        return decision

    @property
    def told(self) -> list[tuple[str, str]]:
        """The messages so far: their family and why."""
        return [(one.family, one.reason) for one in self.notifications]


def drift(level: Any, time: float, feature: str, **given: Any) -> Reading:
    """Read a feature's drift over the last hour."""
    return reading(level, time, rule="data_drift", feature=feature, span=HOUR, **given)


def test_an_incident_from_its_begin_to_its_end() -> None:
    """Two messages, and nothing is left to remember but that it was."""
    desk = Desk()

    fired = desk.look(0, reading("critical"))
    assert [one.event for one in fired.transitions] == ["fired"]
    assert [one.metric for one in desk.memory.open] == ["latency"]
    assert desk.look(60, reading("critical", 60)).notifications == []
    ended = desk.look(120, reading("ok", 120))
    assert [one.event for one in ended.transitions] == ["resolved"]
    assert desk.told == [("latency", "new"), ("latency", "resolved")]
    assert desk.memory.groups == {}
    assert desk.memory.open == []
    desk.look(120 + HOUR, reading("ok", 120 + HOUR))
    assert desk.memory.series == {}


def test_one_features_alert_hides_no_others() -> None:
    """Each has its own; one's end is not the other's."""
    desk = Desk()
    desk.look(0, drift("warning", 0, "age"), drift("ok", 0, "income"))
    desk.look(HOUR, drift("warning", HOUR, "age"), drift("critical", HOUR, "income"))

    assert desk.told == [("data_drift", "new"), ("data_drift", "escalated")]
    assert {one.feature for one in desk.memory.open} == {"age", "income"}
    desk.look(2 * HOUR, drift("ok", 2 * HOUR, "age"), drift("critical", 2 * HOUR, "income"))
    assert {one.feature for one in desk.memory.open} == {"income"}
    assert len(desk.notifications) == 2


def test_models_and_versions_are_apart() -> None:
    """Each has messages of its own."""
    desk = Desk()
    served = [("fraud", "1"), ("fraud", "2"), ("churn", "2")]
    desk.look(0, *(reading("warning", model=m, version=v) for m, v in served), served=served)

    assert len({one.key for one in desk.notifications}) == 3
    assert len(desk.memory.open) == 3


def test_thresholds_of_time_are_a_models_own() -> None:
    """As is what else may be set for one model."""
    desk = Desk(MODELS={"fraud": {"ALERT_FOR": 60, "ALERT_REPEAT": 120}})
    served = [(MODEL, VERSION), ("churn", "1")]
    for time in (0, 60, 120, 180):
        churn = reading("warning", time, model="churn", version="1")
        desk.look(time, reading("warning", time), churn, served=served)

    assert [(one.model, one.reason) for one in desk.notifications] == [
        *(("churn", "new"), ("fraud", "new"), ("fraud", "repeated"))
    ]


def test_a_new_version_ends_the_alerts_of_the_old_one() -> None:
    """Whose are those of nobody now."""
    desk = Desk()
    desk.look(0, reading("warning"), drift("warning", 0, "age"))
    decision = desk.look(60, served=[(MODEL, "3")])

    assert {one.why for one in decision.transitions} == {"superseded"}
    assert [one.reason for one in desk.notifications[-2:]] == ["resolved", "resolved"]
    assert desk.memory.series == {}


def test_a_new_version_has_a_grace() -> None:
    """It is told of what lasts longer; the first version ever has none."""
    desk = Desk()
    desk.look(0, reading("warning"))
    assert len(desk.notifications) == 1
    served = [(MODEL, VERSION), (MODEL, "3")]
    new = reading("critical", 60, version="3")
    desk.look(60, new, reading("warning", 60), served=served)
    assert len(desk.notifications) == 1
    assert len(desk.memory.open) == 2
    later = 60 + GRACE_SECONDS
    desk.look(later, reading("critical", later, version="3"), served=served)

    assert (desk.notifications[-1].version, desk.notifications[-1].reason) == ("3", "new")


def test_what_is_not_read_any_more_is_not_known() -> None:
    """When others of its kind are: a feature that left the baseline, a threshold that was unset."""
    desk = Desk()
    desk.look(0, drift("warning", 0, "age"), drift("ok", 0, "income"), reading("warning"))
    for number in range(1, 5):
        desk.look(number * HOUR, drift("ok", number * HOUR, "income"))
    assert [one.state for one in desk.memory.open] == ["unknown", "firing"]
    decision = desk.look(5 * HOUR, drift("ok", 5 * HOUR, "income"))

    assert [one.why for one in decision.transitions] == ["no_data"]
    assert [one.metric for one in desk.memory.open] == ["latency"]


def test_ground_truth_may_be_late() -> None:
    """An alert about the accuracy waits for it, but not for ever."""
    desk = Desk(ALERT_REPEAT="365d")
    desk.look(0, reading("warning", rule="accuracy", span=HOUR))
    for number in range(1, 40):
        desk.look(number * HOUR, drift("ok", number * HOUR, "age"))
    assert len(desk.memory.open) == 1
    decision = desk.look(LATE_SECONDS, drift("ok", LATE_SECONDS, "age"))

    assert [one.why for one in decision.transitions] == ["no_data"]


def test_the_monitor_has_no_version_to_lose() -> None:
    """Its own alerts stay, whichever models are served."""
    desk = Desk()
    desk.look(
        0, reading("warning", rule="lost_records", model=MONITOR, version=NO_VERSION), served=[]
    )
    desk.look(60, served=[])

    assert [one.metric for one in desk.memory.open] == ["lost_records"]
    assert desk.notifications[0].title == "The monitor itself"


def test_a_silence_is_heard() -> None:
    """It holds for what it names, and until it is over."""
    desk = Desk()
    silence = Silence(id="1", until=NOON + HOUR, model=MODEL, feature="age")
    desk.memory = desk.memory._replace(silences=[silence])
    readings = (drift("warning", 0, "age"), drift("warning", 0, "income"))
    desk.look(0, *readings)
    assert [one.feature for one in desk.notifications[0].alerts] == ["income"]
    desk.look(HOUR, *readings)

    assert desk.told == [("data_drift", "new"), ("data_drift", "changed")]
    assert len(desk.notifications[1].alerts) == 2


def test_what_is_known_is_not_repeated() -> None:
    """Until it becomes worse."""
    desk = Desk()
    desk.look(0, reading("warning"))
    known = {key: replace(one, acknowledged=True) for key, one in desk.memory.series.items()}
    desk.memory = desk.memory._replace(series=known)
    desk.look(5 * HOUR, reading("warning", 5 * HOUR))
    assert len(desk.notifications) == 1
    desk.look(6 * HOUR, reading("critical", 6 * HOUR))
    desk.look(10 * HOUR, reading("critical", 10 * HOUR))

    assert [reason for _, reason in desk.told] == ["new", "escalated", "repeated"]


def test_nothing_read_changes_nothing() -> None:
    """A look without news writes nothing."""
    desk = Desk()
    desk.look(0, reading("warning"))
    decision = desk.look(60)

    assert decision.series == {}
    assert decision.groups == {}
    assert decision.notifications == []
