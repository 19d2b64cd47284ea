"""The monitor's own faults: counted, logged once, and never let out."""

import contextlib
import logging
from types import TracebackType
from typing import Final

from flask_mlmonitor.counters.requests import WHERES, MonitorCounters

LOGGER: Final = logging.getLogger("flask_mlmonitor")


class Guard:
    """A block whose exceptions never leave it; it may be used by any number of threads."""

    def __init__(self, faults: "Faults", where: str) -> None:
        self._faults = faults
        self._where = where

    def __enter__(self) -> None:
        return None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        if not isinstance(error, Exception):
            return False
        self._faults.happened(self._where, error)
        return True


class Withheld(Exception):
    """Stands in the log for an exception whose message may hold a private value."""


class Faults:
    """Counts every fault of the monitor, and logs each kind once in a process.

    :param discreet: log where and of what class a fault was, without its message.
    """

    def __init__(self, counters: MonitorCounters, *, discreet: bool = False) -> None:
        self._counters = counters
        self._discreet = discreet
        self._logged: set[tuple[str, str]] = set()
        self._guards = {where: Guard(self, where) for where in WHERES}

    def guard(self, where: str) -> Guard:
        """Return the guard of one part of the monitor, one of :data:`WHERES`."""
        return self._guards[where]

    def happened(self, where: str, error: Exception) -> None:
        """Count a fault; log it with its traceback if it is the first of its kind here."""
        with contextlib.suppress(Exception):  # it happens after the runtime was closed, too
            self._counters.add("internal_errors", where)
        kind = (where, f"{type(error).__name__}: {error}"[:80])
        if kind not in self._logged and len(self._logged) < 100:
            self._logged.add(kind)
            LOGGER.error(
                "A fault of the monitor (%s); the request was not affected. "
                "Counted in mlmonitor_internal_errors_total, logged once.",
                where,
                exc_info=self.shown(error),
            )

    def shown(self, error: BaseException) -> BaseException:
        """Return what the log may show of an exception."""
        if not self._discreet:
            return error
        return Withheld(type(error).__name__).with_traceback(error.__traceback__)
