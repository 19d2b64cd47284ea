"""What the elected process does for one app."""

from collections.abc import Callable
from typing import NamedTuple

from flask_mlmonitor.background.schedule import Schedule
from flask_mlmonitor.background.watch import Watch


class Duties(NamedTuple):
    """An app's evaluations, and its alerts.

    :param wanted: returns whether the app still exists.
    """

    schedule: Schedule
    watch: Watch
    wanted: Callable[[], bool]

    def resign(self) -> None:
        """Give back what this process alone does, so that no other has to wait for its turn.

        :raises StoreError: when the store does not answer.
        """
        self.watch.lease.resign()
        self.schedule.lease.resign()
