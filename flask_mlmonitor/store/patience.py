"""How long the store is waited for, and by whom."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from flask_mlmonitor.exceptions import StoreUnavailable

REQUEST_SECONDS: Final = 2.0
"""How long a request waits: the caller is told to come again, and the thread is free."""

STATEMENT_SECONDS: Final = 30.0
"""How long everybody else waits for one statement."""

SLOW_SECONDS: Final = 0.5
"""A failure that took less is no reason not to try again at once."""

_seconds: Final = ContextVar("seconds", default=STATEMENT_SECONDS)


def patience() -> float:
    """Return how many seconds the current caller waits for one statement."""
    return _seconds.get()


@contextmanager
def in_a_request() -> Iterator[None]:
    """Wait no longer than a request may."""
    token = _seconds.set(REQUEST_SECONDS)
    try:
        yield
    finally:
        _seconds.reset(token)


class Disappointment:
    """Remembers that somebody waited in vain, for as long as that one waited.

    So a store that answers nobody takes at most half of a caller's time, and the requests that
    come one after the other do not all wait for it.
    """

    def __init__(self, timer: Callable[[], float] = time.monotonic) -> None:
        self._timer = timer
        self._until = 0.0
        self._reason = ""

    @contextmanager
    def spared(self) -> Iterator[None]:
        """Run the block, or refuse at once what has just failed slowly.

        :raises StoreUnavailable: with the words of the one who waited.
        """
        began = self._timer()
        if began < self._until:
            raise StoreUnavailable(self._reason)
        try:
            yield
        except StoreUnavailable as error:
            ended = self._timer()
            if ended - began >= SLOW_SECONDS:
                self._until, self._reason = 2 * ended - began, str(error)
            raise

    def forget(self) -> None:
        """Let the next one try."""
        self._until = 0.0
