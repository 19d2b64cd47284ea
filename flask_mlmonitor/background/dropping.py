"""What the log says of predictions that cannot be recorded: that it began, and that it ended."""

import threading
from collections import Counter
from typing import Final

from flask_mlmonitor.counters.faults import LOGGER
from flask_mlmonitor.journal.writer import Journal

_NO_OUTAGE: Final = "record_too_large"
"""Has no end: each record is judged alone."""


class DropLog:
    """Says once that predictions are dropped, and once that they are recorded again."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._lock = threading.Lock()
        self._dropped: Counter[str] = Counter()
        self._told: set[str] = set()

    def tell(self, reason: str, number: int) -> None:
        """Note that predictions were dropped, and say so if it is news."""
        with self._lock:
            known = reason in self._told
            self._told.add(reason)
            if reason != _NO_OUTAGE:
                self._dropped[reason] += number
        if not known:
            LOGGER.error(
                "Predictions cannot be recorded (%s); they are counted in "
                "mlmonitor_records_dropped_total, and the app goes on.",
                reason,
                exc_info=self._journal.error,
            )

    def tell_end(self) -> None:
        """Say that predictions are recorded again, if they are."""
        if not self._dropped or self._journal.error is not None:
            return
        with self._lock:
            self._told &= {_NO_OUTAGE}
            dropped, self._dropped = self._dropped, Counter()
        counts = ", ".join(f"{number} {reason}" for reason, number in dropped.items())
        LOGGER.warning("Predictions are recorded again; not recorded meanwhile: %s.", counts)
