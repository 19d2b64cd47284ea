"""A thread that works again and again, and backs off while its work fails."""

import random
import threading
import time
from collections.abc import Callable
from typing import Final

from flask_mlmonitor.counters.faults import LOGGER, Faults
from flask_mlmonitor.exceptions import StoreError

LONGEST_PAUSE: Final = 30.0


class Loop:
    """Calls *turn* again and again, in a daemon thread or in the caller's.

    A turn that fails is repeated after ever longer pauses, of at most :data:`LONGEST_PAUSE`. They
    are drawn by lot, so that many hosts do not meet a recovering store in one moment. The log
    says when the trouble begins, and when it is over.

    :param turn: works for a while and returns whether more waits to be done.
    :param task: what it is about, for the thread's name and the log.
    :param rest: seconds between two turns while nothing waits.
    :param duty: the share of the time that may be spent while more waits; in a process that
        answers requests, the rest is left to them.
    :ivar trouble: what the last turn failed of.
    """

    def __init__(
        self,
        turn: Callable[[], bool],
        faults: Faults,
        *,
        task: str,
        rest: float,
        duty: float = 1.0,
    ) -> None:
        self.duty = duty
        self.trouble: Exception | None = None
        self._turn = turn
        self._faults = faults
        self._task = task
        self._rest = rest
        self.running = False
        """Whether the thread runs: nothing that is raised in a turn ends it, but what is no
        ``Exception`` does, and a process may be refused one more thread."""
        self._starting = threading.Lock()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._pause = rest
        self._failed_at = 0.0
        self._lots = random.Random()  # an app may seed the shared one alike in all its workers

    def start(self) -> None:
        """Start the thread, unless it runs or was stopped.

        :raises RuntimeError: when this process can have no more threads.
        """
        with self._starting:
            if not self.running and not self._stopping.is_set():
                name = f"mlmonitor-{self._task}"
                self._thread = threading.Thread(target=self._live, name=name, daemon=True)
                self.running = True
                try:
                    self._thread.start()
                except BaseException:
                    self._thread, self.running = None, False
                    raise

    def run(self) -> None:
        """Work until :meth:`stop` is called."""
        pause = self._rest
        while not self._stopping.wait(pause):
            pause = self._step()

    def stop(self, timeout: float) -> None:
        """End the loop, waiting at most *timeout* seconds for a turn that is under way."""
        self._stopping.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout)

    def _live(self) -> None:
        try:
            self.run()
        finally:
            self.running = False

    def _step(self) -> float:
        began = time.monotonic()
        try:
            more = self._turn()
        except Exception as error:  # noqa: BLE001  the boundary of the thread
            return self._fail(error)
        self._recover()
        spent = time.monotonic() - began
        return spent * (1 / self.duty - 1) if more else self._rest

    def _fail(self, error: Exception) -> float:
        if not isinstance(error, StoreError):
            self._faults.happened("background", error)
        elif self.trouble is None:
            LOGGER.warning(
                "The store cannot be used: %s. Predictions wait in the journal; the %s tries "
                "again, at least every %.0f s.",
                error, self._task, LONGEST_PAUSE,
            )  # fmt: skip
        if self.trouble is None:
            self._failed_at = time.monotonic()
        self.trouble = error
        self._pause = min(2 * self._pause, LONGEST_PAUSE)
        return self._pause * self._lots.uniform(0.5, 1)

    def _recover(self) -> None:
        if self.trouble is not None:
            self.trouble = None
            self._pause = self._rest
            LOGGER.warning(
                "The %s works again, after %.0f s.", self._task, time.monotonic() - self._failed_at
            )
