"""Prometheus Alertmanager, by its API v2."""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from flask_mlmonitor.alerts.alert import Alert, Notification
from flask_mlmonitor.alerts.sections import section_of
from flask_mlmonitor.channels.channel import HttpChannel
from flask_mlmonitor.channels.outcome import Outcome
from flask_mlmonitor.channels.wording import past, shortened, tidy, tidy_alert, value
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
    :param runbook: where people read it.
    :param resend: after how many seconds alerts that last are posted again.
    """

    def __init__(
        self,
        url: str,
        runbook: str | None = None,
        *,
        resend: float = RESEND_SECONDS,
        clock: Clock = now,
    ) -> None:
        base, question, query = url.partition("?")
        self._url = f"{base.rstrip('/')}/api/v2/alerts{question}{query}"
        self._runbook = runbook
        self._clock = clock
        self.resend = resend

    def send(self, notification: Notification, timeout: float) -> Outcome:
        """Post the alerts of one message."""
        said = tidy(notification)
        # A program's own words may be about a metric that is called like one of ours.
        runbook = None if said.reason == "by_hand" else self._runbook
        batch = [one for alert in said.alerts for one in payload(alert, self._horizon(), runbook)]
        for alert in said.resolved:
            batch += map(over, payload(alert, said.time, runbook))
        return self.post(batch, timeout)

    def lasting(self, alert: Alert) -> Iterator[dict[str, Any]]:
        """Yield an alert that ends by itself unless it is posted again in time."""
        return payload(alert, self._horizon(), self._runbook)

    def post(self, batch: Sequence[dict[str, Any]], timeout: float) -> Outcome:
        """Post alerts; of those that it refuses it keeps the others, so they are not repeated."""
        if not batch:
            return Outcome("delivered", taken=True)
        return self._post(self._url, msgspec.json.encode(batch), timeout)

    def _horizon(self) -> datetime:
        return as_datetime(self._clock() + HORIZON * self.resend)


def payload(alert: Alert, end: datetime, runbook: str | None = None) -> Iterator[dict[str, Any]]:
    """Yield the alert as Alertmanager has it, without its value among the labels.

    Its labels are its identity there. A critical alert stays a warning too: else the warning would
    be told to be resolved when it becomes worse. The rule that inhibits it is in the docs.
    """
    said = tidy_alert(alert)
    annotations = {"summary": said.message, "value": value(said)}
    if (link := section_of(runbook, alert.metric)) is not None:
        annotations["runbook_url"] = link
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
            "annotations": annotations,
            "startsAt": said.since.isoformat(),
            # It refuses what ends before it began.
            "endsAt": max(end, said.since + timedelta(milliseconds=1)).isoformat(),
        }


def over(posted: dict[str, Any]) -> dict[str, Any]:
    """Return an alert as it is posted at its end: its value is not the current one."""
    annotations = posted["annotations"]
    return posted | {"annotations": annotations | {"value": past(annotations["value"])}}


def alert_name(metric: str) -> str:
    """Return the name under which a rule's alerts are known there.

    >>> alert_name("data_drift")
    'MLModelDataDrift'
    """
    words = filter(None, _LETTERS.split(metric))
    return "MLModel" + shortened("".join(word[0].upper() + word[1:] for word in words), 64)
