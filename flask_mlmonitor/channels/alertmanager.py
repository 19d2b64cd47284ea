"""Prometheus Alertmanager, by its API v2."""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from flask_mlmonitor.alerts.alert import Alert, Notification
from flask_mlmonitor.channels.channel import HttpChannel
from flask_mlmonitor.channels.outcome import Outcome
from flask_mlmonitor.channels.wording import shortened, tidy, tidy_alert, value
from flask_mlmonitor.clock import Clock, as_datetime, now

RESEND_SECONDS: Final = 60.0
HORIZON: Final = 4.0
"""After so many intervals without a word of an alert, Alertmanager takes it for resolved."""
_LETTERS: Final = re.compile(r"[^A-Za-z0-9]+")


class Alertmanager(HttpChannel):
    """Posts alerts; Alertmanager groups them, and tells people.

    A message is posted like to any other channel. That its alerts do not end by themselves is the
    work of a :class:`~flask_mlmonitor.channels.feed.Feed`.

    :param url: of Alertmanager itself, without a path of its API.
    :param resend: after how many seconds alerts that last are posted again.
    """

    def __init__(self, url: str, *, resend: float = RESEND_SECONDS, clock: Clock = now) -> None:
        base, question, query = url.partition("?")
        self._url = f"{base.rstrip('/')}/api/v2/alerts{question}{query}"
        self._clock = clock
        self.resend = resend

    def send(self, notification: Notification, timeout: float) -> Outcome:
        """Post the alerts of one message."""
        said = tidy(notification)
        batch = [posted for alert in said.alerts for posted in self.lasting(alert)]
        for alert in said.resolved:
            batch += payload(alert, said.time)
        return self.post(batch, timeout)

    def lasting(self, alert: Alert) -> Iterator[dict[str, Any]]:
        """Yield an alert that ends by itself unless it is posted again in time."""
        return payload(alert, as_datetime(self._clock() + HORIZON * self.resend))

    def post(self, batch: Sequence[dict[str, Any]], timeout: float) -> Outcome:
        """Post alerts; of those that it refuses it keeps the others, so they are not repeated."""
        if not batch:
            return Outcome("delivered", taken=True)
        return self._post(self._url, msgspec.json.encode(batch), timeout)


def payload(alert: Alert, end: datetime) -> Iterator[dict[str, Any]]:
    """Yield the alert as Alertmanager has it, without its value among the labels.

    Its labels are its identity there. A critical alert stays a warning too: else the warning would
    be told to be resolved when it becomes worse. The rule that inhibits it is in the docs.
    """
    said = tidy_alert(alert)
    severities = ("critical", "warning") if said.severity == "critical" else (said.severity,)
    for severity in severities:
        labels = {
            "alertname": alert_name(said.metric),
            "model": said.model,
            "version": said.version,
            "severity": severity,
        }
        if said.feature is not None:
            labels["feature"] = said.feature
        yield {
            "labels": labels,
            "annotations": {"summary": said.message, "value": value(said)},
            "startsAt": said.since.isoformat(),
            # It refuses what ends before it began.
            "endsAt": max(end, said.since + timedelta(milliseconds=1)).isoformat(),
        }


def alert_name(metric: str) -> str:
    """Return the name under which a rule's alerts are known there.

    >>> alert_name("data_drift")
    'MLModelDataDrift'
    """
    words = filter(None, _LETTERS.split(metric))
    return "MLModel" + shortened("".join(word[0].upper() + word[1:] for word in words), 64)
