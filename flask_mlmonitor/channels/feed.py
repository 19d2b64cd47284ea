"""What keeps Alertmanager told: every alert that lasts, again and again."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from flask_mlmonitor.alerts.alert import Alert
from flask_mlmonitor.channels.alertmanager import Alertmanager, over
from flask_mlmonitor.channels.channel import LIMIT_SECONDS
from flask_mlmonitor.channels.outcome import Outcome
from flask_mlmonitor.clock import Clock, as_datetime, now

Posted = dict[str, Any]
RESOLVED_SECONDS: Final = 15 * 60.0
"""How long the end of an alert is repeated."""


class Feed:
    """Posts all alerts that last to Alertmanager in each interval, and at once when they change.

    It remembers what it posted, so that it can post the ends. One that is started anew posts no
    end of what ended before: Alertmanager takes alerts for resolved of which it hears no more.
    For the same reason only one process should do so at a time.

    :param active: returns the alerts that last.
    """

    def __init__(
        self,
        alertmanager: Alertmanager,
        active: Callable[[], Sequence[Alert]],
        *,
        clock: Clock = now,
    ) -> None:
        self._alertmanager = alertmanager
        self._active = active
        self._clock = clock
        self._posted_at = -float("inf")
        self._lasting: dict[str, Posted] = {}
        self._ended: dict[str, tuple[Posted, float]] = {}

    def due(self) -> bool:
        """Return whether there is something to post, without posting it.

        :raises StoreError: when the alerts cannot be read.
        """
        return self._is_due(self._now_lasting(), self._clock())

    def turn(self) -> Outcome | None:
        """Post what lasts and what ended if that is due; return what became of it.

        :raises StoreError: when the alerts cannot be read.
        """
        current, lasting = self._clock(), self._now_lasting()
        if not self._is_due(lasting, current):
            return None
        self._end_others(lasting, current)
        self._lasting, self._posted_at = lasting, current
        batch = [*lasting.values(), *(one for one, _ in self._ended.values())]
        return self._alertmanager.post(batch, LIMIT_SECONDS) if batch else None

    def _now_lasting(self) -> dict[str, Posted]:
        posted = (one for alert in self._active() for one in self._alertmanager.lasting(alert))
        return {repr(one["labels"]): one for one in posted}

    def _is_due(self, lasting: Mapping[str, Posted], current: float) -> bool:
        if lasting.keys() != self._lasting.keys():
            return True
        waited = current - self._posted_at
        return not 0 <= waited < self._alertmanager.resend and bool(lasting or self._ended)

    def _end_others(self, lasting: Mapping[str, Posted], current: float) -> None:
        """End what lasted until now, and forget what ended long ago or has begun again."""
        ending = {"endsAt": as_datetime(current).isoformat()}
        for labels, one in self._lasting.items():
            self._ended[labels] = over(one) | ending, current
        self._ended = {
            labels: (one, end)
            for labels, (one, end) in self._ended.items()
            if labels not in lasting and current - end < RESOLVED_SECONDS
        }
