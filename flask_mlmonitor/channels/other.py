"""Any other service, by Apprise."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from flask_mlmonitor.alerts.alert import Notification
from flask_mlmonitor.channels.channel import Channel
from flask_mlmonitor.channels.outcome import Outcome
from flask_mlmonitor.channels.wording import heading, lines, tidy

_TYPES: Final = {"critical": "failure", "warning": "warning", "info": "info"}
_TELLTALES: Final = ("apprise", "urllib3.connectionpool")
"""Loggers that write whole URLs, tokens and all, when a log shows everything."""


class Other(Channel):
    """Sends a text to one of the services that Apprise knows.

    How long it may take is Apprise's to decide: it gives most services 4 seconds to be reached and
    4 to answer.

    :param url: as Apprise writes it, such as ``discord://…``.
    """

    def __init__(self, url: str) -> None:
        self._url = url

    def send(self, notification: Notification, timeout: float) -> Outcome:
        """Send the message."""
        from apprise import Apprise, NotifyFormat

        said = tidy(notification)
        over = said.action == "resolve"
        with _discreet():
            service = Apprise()
            if not service.add(self._url):
                return Outcome("clientError", detail="Apprise does not understand this URL")
            sent = service.notify(
                title=heading(said),
                body="\n".join((f"{said.model} {said.version}: {said.text}", *lines(said))),
                notify_type="success" if over else _TYPES[said.severity],
                body_format=NotifyFormat.TEXT,
            )
        if sent:
            return Outcome("delivered", taken=True)
        return Outcome("serverError", retry=True, detail="Apprise could not send it")


class _Discreet(logging.Filter):
    """Drops what a thread logs while it must say nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.quiet = threading.local()

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether this record may be written."""
        return not getattr(self.quiet, "now", False)


_FILTER: Final = _Discreet()


@contextmanager
def _discreet() -> Iterator[None]:
    for name in _TELLTALES:
        logging.getLogger(name).addFilter(_FILTER)  # once: it is known after that
    _FILTER.quiet.now = True
    try:
        yield
    finally:
        _FILTER.quiet.now = False
