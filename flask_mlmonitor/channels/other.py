"""Any other service, by Apprise."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from flask_mlmonitor.alerts.alert import Notification
from flask_mlmonitor.channels.channel import Channel
from flask_mlmonitor.channels.outcome import Outcome
from flask_mlmonitor.channels.wording import heading, lines, link_line, tidy

_TYPES: Final = {"critical": "failure", "warning": "warning", "info": "info"}
_TELLTALES: Final = ("apprise", "urllib3.connectionpool")
"""Loggers that write whole URLs, tokens and all, when a log shows everything."""


class Other(Channel):
    """Sends a text to one of the services that Apprise knows.

    :param url: as Apprise writes it, such as ``discord://…``.
    """

    def __init__(self, url: str) -> None:
        self._url = url

    def send(self, notification: Notification, timeout: float) -> Outcome:
        """Send the message."""
        from apprise import Apprise, NotifyFormat

        said = tidy(notification)
        over = said.action == "resolve"
        rows = (f"{said.model} {said.version}: {said.text}", *lines(said), *link_line(said))
        with _discretion():
            service = Apprise()
            if not service.add(self._url):
                return Outcome("clientError", detail="Apprise does not understand this URL")
            sent = service.notify(
                title=heading(said),
                body="\n".join(rows),
                notify_type="success" if over else _TYPES[said.severity],
                body_format=NotifyFormat.TEXT,
                timeout=timeout,
            )
        if sent:
            return Outcome("delivered", taken=True)
        return Outcome("serverError", retry=True, detail="Apprise could not send it")


_discreet: Final = ContextVar("mlmonitor_discreet", default=False)


def _may_be_logged(_: logging.LogRecord) -> bool:
    return not _discreet.get()


@contextmanager
def _discretion() -> Iterator[None]:
    """Keep quiet about what happens in this context; Apprise takes it along to its threads."""
    for name in _TELLTALES:
        logging.getLogger(name).addFilter(_may_be_logged)  # once: it is known after that
    token = _discreet.set(True)
    try:
        yield
    finally:
        _discreet.reset(token)
