"""Slack, by its incoming webhooks."""

from typing import Any, Final

import msgspec

from flask_mlmonitor.alerts.alert import Notification
from flask_mlmonitor.channels.channel import HttpChannel
from flask_mlmonitor.channels.outcome import Outcome
from flask_mlmonitor.channels.wording import (
    color,
    cut,
    heading,
    lines,
    link_line,
    moment,
    past,
    subject,
    tidy,
    value,
)

_ESCAPES: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_FIELD: Final = 390
"""Characters of a field: of Slack's 2,000, one may take five when it is escaped."""


class Slack(HttpChannel):
    """Posts to one channel of Slack, which takes a message a second."""

    spacing = 1.0

    def __init__(self, url: str) -> None:
        self._url = url

    def send(self, notification: Notification, timeout: float) -> Outcome:
        """Post the message."""
        return self._post(self._url, msgspec.json.encode(payload(notification)), timeout)


def payload(notification: Notification) -> dict[str, Any]:
    """Return the message: its title, and below it blocks beside a coloured bar."""
    said = tidy(notification)
    title = heading(said)
    rows = [escaped(line) for line in (*lines(said), *link_line(said))]
    blocks = [
        {"type": "section", "fields": [_text(field) for field in _fields(said)]},
        *({"type": "context", "elements": [_text(row)]} for row in rows),
        {"type": "context", "elements": [_text(f"{said.model} {said.version}")]},
    ]
    attachment = {"color": color(said), "fallback": escaped(title), "blocks": blocks}
    return {"text": escaped(title), "attachments": [attachment]}


def escaped(text: str) -> str:
    """Return *text* so that Slack shows it as it is, and mentions nobody.

    >>> escaped("<!channel>")
    '&lt;!channel&gt;'
    """
    return text.translate(_ESCAPES)


def _fields(said: Notification) -> list[str]:
    metric, figure = _first(said)
    found = {
        "Metric": metric,
        "Value": figure,
        "Message": cut(said.text or said.title, _FIELD),
        "Time": moment(said.time),
    }
    return [f"*{name}*\n{escaped(text)}" for name, text in found.items()]


def _first(said: Notification) -> tuple[str, str]:
    """Return what the message is about in the first place, and its value."""
    if said.alerts:
        return subject(said.alerts[0]), value(said.alerts[0])
    if said.resolved:
        return subject(said.resolved[0]), past(value(said.resolved[0]))
    return said.family, "–"


def _text(text: str) -> dict[str, str]:
    return {"type": "mrkdwn", "text": text}
