"""The thread that drains, in whichever process is elected."""

import threading
import time
from collections.abc import Callable
from typing import Final

from flask_mlmonitor.counters.faults import LOGGER, Faults
from flask_mlmonitor.exceptions import StoreError

POLL_SECONDS: Final = 0.25
LONGEST_PAUSE: Final = 30.0


class Loop:
    """Calls *turn* again and again, in a daemon thread or in the caller's.

    :param turn: works for a while and returns whether more waits to be done.
    :param duty: the share of the time that may be spent while more waits; in a process that
        answers requests, the rest is left to them.
    """

    def __init__(self, turn: Callable[[], bool], faults: Faults, *, duty: float) -> None:
        self.duty = duty
        self._turn = turn
        self._faults = faults
        self.running = False
        """Whether the thread runs: nothing that is raised in a turn ends it, but what is no
        ``Exception`` does, and a process may be refused one more thread."""
        self._starting = threading.Lock()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._pause = POLL_SECONDS

    def start(self) -> None:
        """Start the thread, unless it runs or was stopped.

        :raises RuntimeError: when this process can have no more threads.
        """
        with self._starting:
            if not self.running and not self._stopping.is_set():
                self._thread = threading.Thread(target=self._live, name="mlmonitor", daemon=True)
                self.running = True
                try:
                    self._thread.start()
                except BaseException:
                    self._thread, self.running = None, False
                    raise

    def run(self) -> None:
        """Work until :meth:`stop` is called."""
        while not self._stopping.wait(self._pause):
            with self._faults.guard("background"):
                self._pause = self._step()

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
        except StoreError as error:
            pause = min(max(self._pause, POLL_SECONDS) * 2, LONGEST_PAUSE)
            LOGGER.warning("The store cannot be used (%s); next try in %.1f s.", error, pause)
            return pause
        except Exception:
            self._pause = min(max(self._pause, POLL_SECONDS) * 2, LONGEST_PAUSE)
            raise
        spent = time.monotonic() - began
        return spent * (1 / self.duty - 1) if more else POLL_SECONDS
