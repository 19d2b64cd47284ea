"""When people are told of alerts, and of which together: a pure function of both."""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec
from msgspec.structs import replace

from flask_mlmonitor.alerts.alert import Alert, Notification, Reason, Severity
from flask_mlmonitor.alerts.messages import end_text, open_text, title_of
from flask_mlmonitor.alerts.rules import RULE
from flask_mlmonitor.alerts.sections import section_of
from flask_mlmonitor.alerts.states import Transition
from flask_mlmonitor.clock import as_datetime

TOLD: Final = 10
"""How many alerts a message names; of more it says how many."""
GATHER_SECONDS: Final = 300.0
"""How long further alerts wait for each other after a message; after each of these, twice as long.

So where features begin to drift one by one, the first are told of soon, and all are in the end.
"""
LONGEST_KEY: Final = 255
SEVERITIES: Final[tuple[Severity, ...]] = ("info", "warning", "critical")


class Group(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was told of the alerts of a family, of one model and version, since it was opened.

    :param sent: when the last message was made; ``None`` before the first one.
    :param severity: of the worst alert in it.
    :param worst: the worst severity of all messages.
    :param told: the severity of each alert at that time, by id.
    :param resolved: of those told of, the worst that have ended since.
    :param ended: how many have.
    :param joined: how many messages were about further alerts.
    :param flapping: whether people were told that it comes and goes.
    """

    key: str
    family: str
    model: str
    version: str
    sent: float | None = None
    severity: Severity = "info"
    worst: Severity = "info"
    told: Mapping[str, Severity] = {}
    resolved: tuple[Alert, ...] = ()
    ended: int = 0
    joined: int = 0
    flapping: bool = False


class Members(NamedTuple):
    """A group's alerts after a look at their figures.

    :param open: all that have fired and are not over.
    :param silenced: ids of those among them of which nobody wants to be told.
    :param acknowledged: ids of those that somebody knows of.
    :param flapping: ids of those that are held because they come and go.
    :param ended: those that are over.
    """

    open: Sequence[Alert] = ()
    silenced: Collection[str] = ()
    acknowledged: Collection[str] = ()
    flapping: Collection[str] = ()
    ended: Sequence[Transition] = ()

    @property
    def heard(self) -> list[Alert]:
        """Those that people are told of, the worst first."""
        return worst_first(alert for alert in self.open if alert.id not in self.silenced)


def key_of(app: str, family: str, model: str, version: str) -> str:
    """Return what receivers tell groups by: readable, and not too long for any of them.

    >>> key_of("shop", "data_drift", "fraud", "2")
    'mlmonitor/shop/data_drift/fraud/2'
    """
    key = f"mlmonitor/{app}/{family}/{model}/{version}"
    if len(key) <= LONGEST_KEY:
        return key
    return f"mlmonitor/{hashlib.sha256(key.encode()).hexdigest()}"


def tell(
    group: Group, members: Members, now: float, repeat: float, runbook: str | None = None
) -> tuple[Group | None, Notification | None]:
    """Return the group after a look at its alerts, and the message that this is worth, if any.

    :param repeat: after how many seconds an alert that lasts is told again.
    :param runbook: where people read it.
    :return: no group where there is nothing to remember: it is over, or nobody was told of it.
    """
    group, heard = _with_ended(group, members.ended), members.heard
    reason = _reason(group, members, heard, now, repeat)
    if reason == "resolved":
        return None, _end(group, members, now, runbook)
    if reason is None:
        return (None if group.sent is None else group), None
    message = _message(group, reason, heard, now, runbook)
    kept = {alert.id: alert.severity for alert in members.open if alert.id in group.told}
    told = replace(
        group,
        sent=now,
        severity=message.severity,
        worst=max(group.worst, message.severity, key=SEVERITIES.index),
        told=kept | {alert.id: alert.severity for alert in heard},
        resolved=(),
        ended=0,
        joined=group.joined + (reason == "changed"),
        flapping=group.flapping or reason == "flapping",
    )
    return told, message


def worst_first(alerts: Iterable[Alert]) -> list[Alert]:
    """Return alerts by severity, and among equals by how far they are past their threshold."""
    return sorted(alerts, key=lambda one: (-SEVERITIES.index(one.severity), -_excess(one), one.id))


def _excess(alert: Alert) -> float:
    low = RULE[alert.metric].worse == "lower"
    above, below = (alert.threshold, alert.value) if low else (alert.value, alert.threshold)
    return above / below if below else above


def _reason(
    group: Group, members: Members, heard: Sequence[Alert], now: float, repeat: float
) -> Reason | None:
    if group.sent is None:
        return "new" if heard else None
    if not members.open:
        return "resolved"
    if not heard:
        return None
    if SEVERITIES.index(heard[0].severity) > SEVERITIES.index(group.severity):
        return "escalated"
    if not group.flapping and any(alert.id in members.flapping for alert in heard):
        return "flapping"
    waited = now - group.sent
    joined = any(alert.id not in group.told for alert in heard)
    if joined and waited >= min(repeat, GATHER_SECONDS * 2**group.joined):
        return "changed"
    known = all(alert.id in members.acknowledged for alert in heard)
    return "repeated" if waited >= repeat and not known else None


def _with_ended(group: Group, ended: Sequence[Transition]) -> Group:
    """Note what has ended; nothing is told of the end of what nobody was told of."""
    told = [one.alert for one in ended if one.alert.id in group.told]
    resolved = tuple(worst_first([*group.resolved, *told])[:TOLD])
    return replace(group, resolved=resolved, ended=group.ended + len(told))


def _message(
    group: Group, reason: Reason, heard: Sequence[Alert], now: float, runbook: str | None
) -> Notification:
    severity = heard[0].severity
    return Notification(
        id=_id(group, now),
        key=group.key,
        action="trigger",
        reason=reason,
        family=group.family,
        model=group.model,
        version=group.version,
        severity=severity,
        title=title_of(group.family, group.model, group.version, len(heard)),
        text=open_text(reason, group.family, severity, heard, group.ended),
        time=as_datetime(now),
        alerts=tuple(heard[:TOLD]),
        more=max(0, len(heard) - TOLD),
        resolved=group.resolved,
        runbook_url=section_of(runbook, heard[0].metric),
    )


def _end(group: Group, members: Members, now: float, runbook: str | None) -> Notification:
    """Return the last message: as severe as the worst before it, so that it goes the same ways."""
    return Notification(
        id=_id(group, now),
        key=group.key,
        action="resolve",
        reason="resolved",
        family=group.family,
        model=group.model,
        version=group.version,
        severity=group.worst,
        title=title_of(group.family, group.model, group.version),
        text=end_text({one.why for one in members.ended if one.why}, group.ended),
        time=as_datetime(now),
        resolved=group.resolved,
        runbook_url=section_of(runbook, group.resolved[0].metric) if group.resolved else None,
    )


def _id(group: Group, now: float) -> str:
    """Return an id that is the same if the transaction has to be repeated."""
    return hashlib.sha256(f"{group.key} {now!r}".encode()).hexdigest()[:32]
