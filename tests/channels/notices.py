"""Messages to send: an ordinary one, and one whose names were chosen by an enemy."""

from datetime import UTC, datetime
from typing import Any

from flask_mlmonitor.alerts.alert import Alert, Notification

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
KEY = "mlmon/production/data_drift/fraud/2"
HOSTILE = (
    "<!channel>",
    "</b><script>alert(1)</script>",
    "first\r\nBcc: everybody@example.com\r\n\r\nsecond",
    "x" * 10_000,
    "\N{PILE OF POO}\N{RIGHT-TO-LEFT OVERRIDE}" * 3000,
    "& &amp; < > \" ' \\ ` * _ ~ {{ .Labels }} %s %(x)d ${HOME}",
    "\x00\x1b[31m\ud800",
)


def alert(**given: Any) -> Alert:
    """An alert on one feature."""
    fields: dict[str, Any] = {
        "id": "a1",
        "model": "fraud",
        "version": "2",
        "metric": "data_drift",
        "feature": "age",
        "severity": "warning",
        "value": 0.3142,
        "threshold": 0.1,
        "message": "The feature age has drifted.",
        "state": "firing",
        "since": NOON,
    }
    return Alert(**fields | given)


def notification(**given: Any) -> Notification:
    """The first message of a group."""
    fields: dict[str, Any] = {
        "id": "n1",
        "key": KEY,
        "action": "trigger",
        "reason": "new",
        "family": "data_drift",
        "model": "fraud",
        "version": "2",
        "severity": "warning",
        "title": "age has drifted",
        "text": "One feature of fraud 2 has drifted.",
        "time": NOON,
        "alerts": (alert(),),
    }
    return Notification(**fields | given)


def resolved(**given: Any) -> Notification:
    """The last message of that group."""
    over = (alert(state="resolved"),)
    last = {"id": "n2", "action": "resolve", "reason": "resolved", "alerts": (), "resolved": over}
    return notification(**last | given)


def hostile(name: str, **given: Any) -> Notification:
    """A message in which every free text is *name*."""
    one = alert(metric=name, feature=name, message=name)
    many = tuple(alert(id=str(number), feature=name, message=name) for number in range(30))
    fields = {"title": name, "text": name, "family": name, "alerts": (one, *many), "more": 7}
    return notification(**fields | given)
