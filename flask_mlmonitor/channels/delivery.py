"""From the outbox to the receivers: each channel at its own pace, none in another's way."""

import random
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Final

from flask_mlmonitor.channels.channel import LIMIT_SECONDS, Channel
from flask_mlmonitor.channels.feed import Feed
from flask_mlmonitor.channels.log import LOGGER
from flask_mlmonitor.channels.outcome import Outcome
from flask_mlmonitor.clock import Clock, now
from flask_mlmonitor.counters.faults import Withheld
from flask_mlmonitor.exceptions import StoreError
from flask_mlmonitor.store.database import Database
from flask_mlmonitor.store.outbox import Message, Result, claim, due_channels, finish

QUICK_SECONDS: Final = 0.3
"""Before the second try within one delivery, which rides out a receiver that is restarted."""
LONGEST_PAUSE: Final = 300.0
LONGEST_WAIT: Final = 3600.0
"""How long at most a receiver that asks for it is spared."""
GIVEN_UP_SECONDS: Final = 86400.0

Count = Callable[[str, str], None]
"""Counts an outcome of a channel."""


class Delivery:
    """Sends what waits in an app's outbox.

    Any number of processes may do so: each message is claimed by one of them. What was sent when
    its sender died is sent again, under the same id.

    :param count: called with the channel and each of its outcomes.
    :param on_fault: called with what a channel failed of without saying how; it shows no secret.
    :param feed: what keeps Alertmanager told, where there is one.
    """

    def __init__(
        self,
        app: str,
        database: Database,
        channels: Mapping[str, Channel],
        *,
        count: Count,
        on_fault: Callable[[Exception], object],
        feed: Feed | None = None,
        clock: Clock = now,
    ) -> None:
        self._app = app
        self._database = database
        self._channels = channels
        self._count = count
        self._on_fault = on_fault
        self._feed = feed
        self._clock = clock
        self._lots = random.Random()  # an app may seed the shared one alike in all its workers
        self._threads: dict[str, threading.Thread] = {}

    def turn(self) -> None:
        """Begin to send what is due, in a thread for each channel that has none at work.

        It waits for no receiver. The threads end when nothing is due any more.

        :raises StoreError: when the store does not answer.
        """
        for name, work in self._due():
            thread = self._threads.get(name)
            if thread is None or not thread.is_alive():
                thread = threading.Thread(target=work, name=f"mlmonitor-{name}", daemon=True)
                thread.start()
                self._threads[name] = thread

    def run(self) -> None:
        """Send what is due, one channel after the other, and wait for it.

        :raises StoreError: when the store does not answer.
        """
        for _, work in self._due():
            work()

    def wait(self, timeout: float) -> bool:
        """Wait for the threads to end; return whether they did."""
        ends = time.monotonic() + timeout
        for thread in self._threads.values():
            thread.join(max(0.0, ends - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads.values())

    def _due(self) -> Iterator[tuple[str, Callable[[], None]]]:
        if not self._database.exists():
            return
        due = due_channels(self._database, self._app, self._clock())
        for name in sorted(due & self._channels.keys()):
            yield name, partial(self._guarded, partial(self._send_all, name))
        if self._feed is not None and self._feed.due():
            yield "alertmanager-feed", partial(self._guarded, partial(self._post_all, self._feed))

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except StoreError:
            return  # the drain tells of it; what was sent may be sent again when it is back
        except Exception as error:  # noqa: BLE001  the boundary of the thread
            self._tell(error)

    def _post_all(self, feed: Feed) -> None:
        outcome = feed.turn()
        if outcome is not None:
            self._count("alertmanager", outcome.reason)

    def _send_all(self, name: str) -> None:
        channel = self._channels[name]
        while message := self._claimed(name, channel.spacing):
            outcome = self._send(channel, message)
            result = self._result(message, outcome)
            finish(self._database, message, result)
            self._tell_of(message, result)
            if outcome.reason == "noAnswer":
                return  # who does not answer one, does not answer the next

    def _claimed(self, name: str, spacing: float) -> Message | None:
        return claim(
            self._database,
            self._app,
            name,
            holder=secrets.token_hex(8),
            now=self._clock(),
            spacing=spacing,
        )

    def _send(self, channel: Channel, message: Message) -> Outcome:
        """Send a message; try twice where the receiver surely does not have it."""
        ends = time.monotonic() + LIMIT_SECONDS
        try:
            outcome = channel.send(message.notification, LIMIT_SECONDS)
            if outcome.retry and not outcome.taken and outcome.after is None:
                time.sleep(QUICK_SECONDS)
                left = ends - time.monotonic()
                return channel.send(message.notification, left) if left > 0 else outcome
        except Exception as error:  # noqa: BLE001  one channel is not in the way of others
            self._tell(error)
            return Outcome("clientError", retry=True, detail=type(error).__name__)
        return outcome

    def _result(self, message: Message, outcome: Outcome) -> Result:
        current = self._clock()
        known = message.known or outcome.taken
        result = Result("waiting", outcome.reason, outcome.detail, known=known)
        if outcome.delivered:
            return result._replace(state="delivered")
        if not outcome.retry or current - message.created >= GIVEN_UP_SECONDS:
            return result._replace(state="dead")
        usual = min(2.0 ** min(message.attempts - 1, 20), LONGEST_PAUSE)
        pause = usual * self._lots.uniform(0.75, 1.25)
        if outcome.after is None:
            return result._replace(due=current + pause)
        hold = current + min(outcome.after, LONGEST_WAIT)
        return result._replace(due=max(hold, current + pause), hold=hold)

    def _tell_of(self, message: Message, result: Result) -> None:
        self._count(message.channel, result.outcome)
        if result.state == "dead":
            self._count(message.channel, "dead")
            LOGGER.error(
                "A message for the channel %s is given up after %d tries: %s (%s).",
                message.channel, message.attempts, result.outcome, result.detail,
            )  # fmt: skip
        elif result.state == "delivered" and result.detail:
            LOGGER.warning("The channel %s: %s.", message.channel, result.detail)

    def _tell(self, error: Exception) -> None:
        # Its message may hold what a URL or a header held.
        shown = Withheld(type(error).__name__).with_traceback(error.__traceback__)
        self._on_fault(shown)
