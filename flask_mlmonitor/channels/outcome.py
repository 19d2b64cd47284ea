"""What becomes of a message that a channel is given."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one try to deliver a message.

    :param reason: one of :data:`~flask_mlmonitor.records.NOTIFICATION_OUTCOMES`.
    :param retry: whether a later try may succeed.
    :param after: how many seconds the receiver asked to wait before it.
    :param taken: whether the receiver may have the message, although it did not say so.
    :param detail: a few words for people; without secrets.
    """

    reason: str
    retry: bool = False
    after: float | None = None
    taken: bool = False
    detail: str = ""

    @property
    def delivered(self) -> bool:
        """Whether the receiver has it."""
        return self.reason == "delivered"
