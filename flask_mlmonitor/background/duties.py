"""What the elected process does for one app."""

from typing import NamedTuple

from flask_mlmonitor.background.schedule import Schedule
from flask_mlmonitor.background.watch import Watch


class Duties(NamedTuple):
    """An app's evaluations, and its alerts."""

    schedule: Schedule
    watch: Watch
