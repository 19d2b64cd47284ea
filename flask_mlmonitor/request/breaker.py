"""The circuit breaker of a model: when its view is not asked, and the fallback answers at once."""

import contextlib
import threading
import time
from collections.abc import Callable
from typing import Any, Final, NoReturn

from pybreaker import STATE_CLOSED, STATE_HALF_OPEN, CircuitBreaker, CircuitBreakerListener

from flask_mlmonitor._app import AppState
from flask_mlmonitor.counters.cells import Owner
from flask_mlmonitor.counters.faults import LOGGER
from flask_mlmonitor.counters.requests import CircuitCounters

REFUSED: Final = 0


class Breaker(CircuitBreakerListener):
    """Counts a model's failures in a row, and says whether its view is to be asked.

    pybreaker keeps the state. Its own ``call`` holds a lock while the function runs, so that one
    request would wait for another; here it is only told how each call ended.

    A call is known by the number of the state in which it was admitted: how it ended says nothing
    of a later state.

    :ivar clock: monotonic seconds, so that a step of the system's clock keeps no circuit open.
    :ivar error: as what the last failure counted, one of
        :data:`~flask_mlmonitor.records.ERROR_TYPES`.
    """

    def __init__(self, state: AppState, owner: Owner) -> None:
        settings = state.settings.for_model(owner.model)
        self.clock: Callable[[], float] = time.monotonic
        self.error = "model_error"
        self._owner = owner
        self._faults = state.runtime.faults
        self._counters = CircuitCounters(state.runtime.slot, owner)
        self._reset = settings.breaker_reset
        self._lock = threading.Lock()
        self._number = 1
        self._retry = 0.0
        self._is_closed = True
        self._circuit = CircuitBreaker(
            fail_max=settings.breaker_failures,
            reset_timeout=settings.breaker_reset,
            listeners=[self],
            throw_new_error_on_trip=False,
        )

    def admit(self) -> int:
        """Return the number under which a call is admitted, or :data:`REFUSED`.

        While the circuit is open, one call is tried in each reset time.
        """
        if self._is_closed:
            return self._number
        with self._lock:
            if self._circuit.current_state == STATE_CLOSED:
                return self._number
            if self.clock() < self._retry:
                return REFUSED
            # Also the end of a trial's turn: one that hangs must not be the last.
            self._retry = self.clock() + self._reset
            self._circuit.half_open()
            return self._number

    def succeeded(self, number: int) -> None:
        """Take note that a call went well."""
        if number == self._number and not (self._is_closed and not self._circuit.fail_counter):
            self._end(number, _succeed)

    def failed(self, number: int, error: str) -> None:
        """Take note that a call failed."""
        self.error = error
        self._end(number, _fail)

    def undecided(self, number: int) -> None:
        """Take note that a call said nothing of the model: if it was a trial, try the next."""
        with self._lock:
            if number == self._number and not self._is_closed:
                self._retry = self.clock()

    def state_change(self, cb: CircuitBreaker, old_state: Any, new_state: Any) -> None:
        """Go on with the next number; tell when the circuit opened and when it closed again."""
        self._number += 1
        if new_state.name == STATE_HALF_OPEN:
            return
        was_closed, self._is_closed = self._is_closed, new_state.name == STATE_CLOSED
        if self._is_closed:
            LOGGER.warning("The circuit of %s %s closed: the model answers again.", *self._owner)
        else:
            self._retry = self.clock() + self._reset
            if was_closed:
                LOGGER.warning(
                    "The circuit of %s %s opened after %d failures in a row, the last one a "
                    "%s: its fallback answers, and the model is tried again every %g s.",
                    *self._owner, cb.fail_counter, self.error, self._reset,
                )  # fmt: skip
        with self._faults.guard("counters"):
            self._counters.add("circuit_open", amount=was_closed - self._is_closed)

    def _end(self, number: int, how: Callable[[], object]) -> None:
        with self._lock, contextlib.suppress(_Failed):
            if number == self._number:
                self._circuit.call(how)


class _Failed(Exception):
    """What pybreaker is told of a failure."""


def _succeed() -> None:
    return None


def _fail() -> NoReturn:
    raise _Failed
