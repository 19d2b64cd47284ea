"""Compaction and retention, a short step at a time."""

from collections import deque
from collections.abc import Callable
from typing import Final

from flask_mlmonitor.clock import Clock, now
from flask_mlmonitor.exceptions import StoreError
from flask_mlmonitor.store.compaction import find_fresh, find_late
from flask_mlmonitor.store.database import Database
from flask_mlmonitor.store.leases import Lease
from flask_mlmonitor.store.levels import DAY
from flask_mlmonitor.store.pruning import outlived, worn_out

COMPACT_SECONDS: Final = 60.0
PRUNE_SECONDS: Final = 3600.0
LEASE_SECONDS: Final = 150.0
"""How long a host that is gone keeps the others from it; it is asked for once a minute."""

Step = Callable[[Database], bool | None]
"""One short transaction; returns whether the same step has more to do."""


class Every:
    """Says that something is due: at first, and when *seconds* have passed since it said so."""

    def __init__(self, seconds: float, clock: Clock) -> None:
        self._seconds = seconds
        self._clock = clock
        self._last: float | None = None

    def due(self) -> bool:
        """Return whether it is due now; then it is not for a while."""
        current = self._clock()
        # A clock that was put back must not let it wait until it has caught up.
        if self._last is not None and 0 <= current - self._last < self._seconds:
            return False
        self._last = current
        return True


class Maintenance:
    """Keeps the store small: every minute the rollups, every hour what is too old.

    Of several hosts one does so, by a lease. It is for economy: several may be at work at once,
    for each step claims what it changes.

    :param retention_days: how long rows are kept.
    :param on_fault: called with what a step failed of, unless the store cannot be used; the other
        steps go on.
    """

    def __init__(
        self,
        database: Database,
        *,
        retention_days: int,
        on_fault: Callable[[Exception], object],
        clock: Clock = now,
    ) -> None:
        self.retention_days = retention_days
        self._database = database
        self._on_fault = on_fault
        self._clock = clock
        self._compact = Every(COMPACT_SECONDS, clock)
        self._prune = Every(PRUNE_SECONDS, clock)
        self._lease = Lease(database, "maintenance", ttl=LEASE_SECONDS, renewal=COMPACT_SECONDS / 2)
        self._steps: deque[Step] = deque()

    def run_once(self) -> bool:
        """Take one step of what is due; return whether more waits.

        :raises StoreError: when the store cannot be used; the step is repeated later.
        """
        if not self._steps:
            self._look()
        if self._steps:
            step = self._steps.popleft()
            if self._take(step):
                self._steps.appendleft(step)
        return bool(self._steps)

    def _look(self) -> None:
        if self._compact.due():
            self._steps.append(self._find_fresh)
        if self._prune.due():
            self._steps.append(self._find_old)

    def _find_fresh(self, database: Database) -> None:
        if self._lease.win():
            self._steps += (step.run for step in find_fresh(database, self._clock()))

    def _find_old(self, database: Database) -> None:
        if not self._lease.win():
            return
        current = self._clock()
        late = find_late(database, current)
        old = outlived(database, current - self.retention_days * DAY)
        self._steps += (step.run for step in (*late, *worn_out(current), *old))

    def _take(self, step: Step) -> bool:
        try:
            return bool(step(self._database))
        except StoreError:
            self._steps.appendleft(step)
            raise
        except Exception as error:  # noqa: BLE001  one damaged rollup is not in the way of others
            self._on_fault(error)
            return False
