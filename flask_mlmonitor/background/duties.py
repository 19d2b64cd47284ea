"""What the elected process does for one app."""

from collections.abc import Callable
from typing import NamedTuple

from flask_mlmonitor.background.cloudwatch import CloudWatch
from flask_mlmonitor.background.schedule import Schedule
from flask_mlmonitor.background.watch import Watch


class Duties(NamedTuple):
    """An app's evaluations, its alerts, and its figures for CloudWatch.

    :param cloudwatch: where figures are put there.
    :param wanted: returns whether the app still exists.
    """

    schedule: Schedule
    watch: Watch
    wanted: Callable[[], bool]
    cloudwatch: CloudWatch | None = None

    def look(self) -> None:
        """Look after alerts; who does so puts the figures to CloudWatch too.

        :raises StoreError: when the store does not answer.
        """
        self.watch.turn()
        if self.cloudwatch is not None and self.watch.lease.holds():
            self.cloudwatch.turn(self.watch.lease.epoch)

    def resign(self) -> None:
        """Give back what this process alone does, so that no other has to wait for its turn.

        :raises StoreError: when the store does not answer.
        """
        self.watch.lease.resign()
        self.schedule.lease.resign()
