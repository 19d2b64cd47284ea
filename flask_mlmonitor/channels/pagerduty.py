"""PagerDuty, by its Events API v2."""

from typing import Any, Final

import msgspec

from flask_mlmonitor.alerts.alert import Notification
from flask_mlmonitor.channels.channel import HttpChannel
from flask_mlmonitor.channels.outcome import Outcome
from flask_mlmonitor.channels.wording import heading, lines, moment, shortened, tidy

URL: Final = "https://events.pagerduty.com/v2/enqueue"
LONGEST_KEY: Final = 255
MOST_BYTES: Final = 512_000


class PagerDuty(HttpChannel):
    """Opens an incident for each group of alerts, and closes it.

    :param routing_key: of the service's integration.
    """

    def __init__(self, routing_key: str, *, url: str = URL) -> None:
        self._routing_key = routing_key
        self._url = url

    def send(self, notification: Notification, timeout: float) -> Outcome:
        """Send the event; the group's key makes all of an incident's one."""
        body = msgspec.json.encode(payload(notification, self._routing_key))
        return self._post(self._url, body, timeout, secrets=(self._routing_key,))


def payload(notification: Notification, routing_key: str) -> dict[str, Any]:
    """Return the event; of one that is too large, without its details."""
    said = tidy(notification)
    event: dict[str, Any] = {
        "routing_key": routing_key,
        "event_action": said.action,
        "dedup_key": shortened(said.key, LONGEST_KEY),
    }
    if said.action == "resolve":
        return event
    event["client"] = "flask-mlmonitor"
    if said.runbook_url is not None:
        event["links"] = [{"href": said.runbook_url, "text": "Runbook"}]
    event["payload"] = {
        "summary": heading(said),
        "source": f"{said.model} {said.version}",
        "severity": said.severity,
        "timestamp": said.time.isoformat(),
        "component": said.model,
        "group": said.model,
        "class": said.family,
        "custom_details": _details(said),
    }
    if len(msgspec.json.encode(event)) > MOST_BYTES:
        del event["payload"]["custom_details"]
    return event


def _details(said: Notification) -> dict[str, Any]:
    return {
        "text": said.text,
        "severity": said.severity,
        "reason": said.reason,
        "alerts": list(lines(said)),
        "time": moment(said.time),
    }
