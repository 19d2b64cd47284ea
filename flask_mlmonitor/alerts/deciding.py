"""From all that was read at one time to what is kept, told and sent: a pure function."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from flask_mlmonitor.alerts.alert import Alert, Notification
from flask_mlmonitor.alerts.groups import Group, Members, key_of, tell
from flask_mlmonitor.alerts.reading import Reading, Subject
from flask_mlmonitor.alerts.rule import MONITOR
from flask_mlmonitor.alerts.rules import RULE
from flask_mlmonitor.alerts.series import Series, fingerprint
from flask_mlmonitor.alerts.silences import Silence, grace
from flask_mlmonitor.alerts.states import Policy, Step, Transition, step, supersede
from flask_mlmonitor.config import Settings

LATE_SECONDS: Final = 7 * 86400.0
"""So long an alert waits for ground truth before it says that nothing is known any more."""

Versions = Collection[tuple[str, str]]
"""Models and versions."""


class Memory(NamedTuple):
    """What is known of an app's alerts before a look at their figures.

    :param series: by fingerprint.
    :param groups: by key.
    :param versions: the models and versions ever seen.
    """

    series: Mapping[str, Series] = {}
    groups: Mapping[str, Group] = {}
    silences: Sequence[Silence] = ()
    versions: Versions = ()

    @property
    def open(self) -> list[Alert]:
        """The alerts that have fired and are not over."""
        return [series.alert for series in self.series.values() if series.open]


class Decision(NamedTuple):
    """What has changed, to be stored in one transaction.

    :param time: of the look, in seconds since the epoch.
    :param series: by fingerprint.
    :param groups: by key; ``None`` for one that is over.
    :param silences: those that are new.
    :param versions: those that are new.
    :param transitions: for the history and the signals.
    :param notifications: for the outbox.
    """

    time: float
    series: Mapping[str, Series]
    groups: Mapping[str, Group | None]
    silences: Sequence[Silence]
    versions: Sequence[tuple[str, str]]
    transitions: Sequence[Transition]
    notifications: Sequence[Notification]


def decide(
    memory: Memory,
    readings: Iterable[Reading],
    *,
    app: str,
    now: float,
    served: Versions = (),
    settings: Settings,
    by_hand: bool = False,
) -> Decision:
    """Return what some readings change.

    :param readings: any; a figure that is not among them stays as it is, unless others from the
        same source were read for its model: then nothing is known of it now.
    :param served: the models and versions that the app serves; alerts of others are over. An app
        that never declared any speaks of whom it likes.
    :param by_hand: whether a program asks about these readings: their alerts fire and end at once,
        and all others stay as they are.
    """
    readings = list(readings)
    new = [pair for pair in served if pair not in memory.versions]
    replaced = {model for model, _ in memory.versions}
    silences = [grace(model, version, now) for model, version in new if model in replaced]
    look = _Look(memory, now, settings, at_once=by_hand)
    look.read(readings)
    if not by_hand:
        look.miss(readings)
        if served or memory.versions:
            look.close(served)
    quiet = [silence for silence in (*memory.silences, *silences) if now < silence.until]
    groups, notifications = look.told(app, quiet)
    return Decision(
        time=now,
        series={key: one for key, one in look.series.items() if one != memory.series.get(key)},
        groups=groups,
        silences=silences,
        versions=new,
        transitions=look.transitions,
        notifications=notifications,
    )


class _Look:
    """The alerts at one time, as one after another of their figures is read."""

    def __init__(self, memory: Memory, now: float, settings: Settings, *, at_once: bool) -> None:
        self.series = dict(memory.series)
        self.transitions: list[Transition] = []
        self._groups = memory.groups
        self._now = now
        self._settings = settings
        self._at_once = at_once

    def read(self, readings: Iterable[Reading]) -> None:
        """Take all readings."""
        for reading in readings:
            key = _fingerprint(reading)
            self._take(key, step(self.series.get(key), reading, self._now, self._policy(reading)))

    def miss(self, readings: Collection[Reading]) -> None:
        """Take that nothing is known of what should be among the readings."""
        known = {_fingerprint(reading) for reading in readings}
        sources = {(one.model, one.version, RULE[one.rule].source) for one in readings}
        for key, one in list(self.series.items()):
            if one.state != "ok" and key not in known:
                self._miss(key, one, sources)

    def close(self, served: Versions) -> None:
        """End the alerts of versions that are not served."""
        for key, one in self.series.items():
            if one.model != MONITOR and (one.model, one.version) not in served:
                self._take(key, supersede(one))

    def told(
        self, app: str, silences: Sequence[Silence]
    ) -> tuple[dict[str, Group | None], list[Notification]]:
        """Return the groups that have changed, and the messages."""
        groups: dict[str, Group | None] = {}
        messages = []
        for group, members in self._members(app, silences):
            repeat = self._settings.for_model(group.model).alert_repeat
            runbook = self._settings.runbook_url
            after, message = tell(group, members, self._now, repeat, runbook)
            if after != self._groups.get(group.key):
                groups[group.key] = after
            if message is not None:
                messages.append(message)
        return groups, messages

    def _miss(self, key: str, one: Series, sources: Collection[tuple[str, str, str]]) -> None:
        source, policy = RULE[one.rule].source, self._policy(one)
        if source == "truth":
            if self._now - one.read < LATE_SECONDS:
                return
            policy = policy._replace(unknown=1)
        elif (one.model, one.version, source) not in sources:
            return
        subject = Subject(one.model, one.version, self._now)
        unknown = subject.unknown(RULE[one.rule], feature=one.feature)
        self._take(key, step(one, unknown, self._now, policy))

    def _take(self, key: str, found: Step) -> None:
        self.series[key], transitions = found
        self.transitions += transitions

    def _members(self, app: str, silences: Sequence[Silence]) -> Iterator[tuple[Group, Members]]:
        found: dict[str, list[Series]] = {key: [] for key in self._groups}
        groups = dict(self._groups)
        for one in self.series.values():
            if one.open:
                group = _group_of(app, one.rule, one.model, one.version)
                groups.setdefault(group.key, group)
                found.setdefault(group.key, []).append(one)
        happened: dict[str, list[Transition]] = {}
        for transition in self.transitions:
            alert = transition.alert
            key = _group_of(app, alert.metric, alert.model, alert.version).key
            happened.setdefault(key, []).append(transition)
        for key, own in found.items():
            yield groups[key], _members(own, happened.get(key, ()), silences, self._now)

    def _policy(self, one: Reading | Series) -> Policy:
        policy = Policy.of(self._settings.for_model(one.model))
        return policy._replace(wait=0.0) if self._at_once else policy


def _fingerprint(reading: Reading) -> str:
    return fingerprint(reading.rule, reading.model, reading.version, reading.feature)


def _members(
    own: Sequence[Series],
    happened: Sequence[Transition],
    silences: Sequence[Silence],
    now: float,
) -> Members:
    alerts = [one.alert for one in own]
    return Members(
        open=alerts,
        silenced={alert.id for alert in alerts if any(one.covers(alert, now) for one in silences)},
        acknowledged={one.id for one in own if one.acknowledged},
        flapping={one.id for one in own if one.flapping},
        ended=[one for one in happened if one.event == "resolved"],
    )


def _group_of(app: str, rule: str, model: str, version: str) -> Group:
    family = RULE[rule].family
    key = key_of(app, family, model, version)
    return Group(key=key, family=family, model=model, version=version)
