"""Alerts in the app's log."""

import logging
from typing import Final

from flask_mlmonitor.alerts.alert import Notification
from flask_mlmonitor.channels.channel import Channel
from flask_mlmonitor.channels.outcome import Outcome
from flask_mlmonitor.channels.wording import heading, lines, link_line, tidy

LOGGER: Final = logging.getLogger("flask_mlmonitor.alerts")
_LEVELS: Final = {
    "critical": logging.CRITICAL,
    "warning": logging.WARNING,
    "info": logging.INFO,
}


class Log(Channel):
    """Writes a line to the logger ``flask_mlmonitor.alerts``."""

    def send(self, notification: Notification, timeout: float) -> Outcome:
        """Log the message; who read that something began reads that it is over."""
        level = _LEVELS[notification.severity]
        if notification.action == "resolve":
            level = min(level, logging.WARNING)
        LOGGER.log(level, "%s", line(notification))
        return Outcome("delivered", taken=True)


def line(notification: Notification) -> str:
    """Return the message as one line."""
    said = tidy(notification)
    listed = lines(said, sentences=False)
    return " | ".join((heading(said), said.text, *listed, *link_line(said)))
