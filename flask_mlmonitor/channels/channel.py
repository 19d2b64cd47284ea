"""What a channel is."""

from abc import ABC, abstractmethod
from typing import Final

from flask_mlmonitor.alerts.alert import Notification
from flask_mlmonitor.channels.outcome import Outcome

LIMIT_SECONDS: Final = 10.0
"""How long one delivery may take in all, whatever the receiver does."""


class Channel(ABC):
    """Where messages go. Its attributes are private: they hold secrets.

    :ivar spacing: the least time between two messages, in seconds.
    """

    spacing: float = 0.0

    @abstractmethod
    def send(self, notification: Notification, timeout: float) -> Outcome:
        """Try once to deliver a message.

        :param timeout: after how many seconds to end whatever it waits for.
        """


class HttpChannel(Channel):
    """A channel that posts JSON."""

    def _post(
        self,
        url: str,
        body: bytes,
        timeout: float,
        *,
        headers: dict[str, str] | None = None,
        secrets: tuple[str, ...] = (),
    ) -> Outcome:
        # To import it takes as long as a Flask app does; most processes never send anything.
        from flask_mlmonitor.channels.transport import post

        return post(url, body, timeout, headers=headers, secrets=secrets)
