"""What is wrong with a model, and what people are told of it."""

from datetime import datetime
from typing import Literal

import msgspec

Severity = Literal["info", "warning", "critical"]
State = Literal["pending", "firing", "recovering", "resolved", "unknown"]
Reason = Literal["new", "escalated", "changed", "repeated", "flapping", "resolved", "by_hand"]


class Alert(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that is wrong with one model and version: at most one for metric and feature.

    :param id: of this incident; another one of the same metric has another.
    :param metric: the rule's name, such as "latency" or "data_drift".
    :param feature: which feature it is about, if it is about one.
    :param value: the last one that was past the threshold.
    :param threshold: that it was past.
    :param message: one sentence for people.
    :param since: when the incident began, aware.
    """

    id: str
    model: str
    version: str
    metric: str
    severity: Severity
    value: float
    threshold: float
    message: str
    state: State
    since: datetime
    feature: str | None = None


class Notification(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One message about one group of alerts: a rule's, of one model and version.

    :param id: unique; what a receiver tells repetitions by.
    :param key: of the group; the same from the first message to the resolve.
    :param action: whether the group is open or over.
    :param reason: why it is sent now.
    :param family: the rules' name, such as "data_drift": the section of the runbook.
    :param severity: the worst of the alerts.
    :param title: one line.
    :param text: a few sentences.
    :param alerts: those that are open, the worst first, at most ten.
    :param more: how many more are open.
    :param resolved: those that ended since the last message.
    :param time: when it was made, aware.
    :param runbook_url: where the runbook speaks of the worst of the alerts, if that is known.
    """

    id: str
    key: str
    action: Literal["trigger", "resolve"]
    reason: Reason
    family: str
    model: str
    version: str
    severity: Severity
    title: str
    text: str
    time: datetime
    alerts: tuple[Alert, ...] = ()
    more: int = 0
    resolved: tuple[Alert, ...] = ()
    runbook_url: str | None = None
