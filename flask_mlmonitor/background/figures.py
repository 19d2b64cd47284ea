"""What is read of an app's models, and of its monitor, whenever alerts are decided upon."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, Self

from flask_mlmonitor.alerts.health import Health, health_readings, truth_reading
from flask_mlmonitor.alerts.live import MINUTE, live_readings, live_since
from flask_mlmonitor.alerts.reading import Reading
from flask_mlmonitor.alerts.reading import Subject as Whom
from flask_mlmonitor.alerts.requests import Requests
from flask_mlmonitor.background.subjects import Subject, step_of
from flask_mlmonitor.config import Settings
from flask_mlmonitor.store.database import Database
from flask_mlmonitor.store.levels import HOUR, floor
from flask_mlmonitor.store.outbox import count_dead
from flask_mlmonitor.store.reading import first_after, read_truth_times
from flask_mlmonitor.store.results import count_lost, last_end
from flask_mlmonitor.store.windows import WindowRollups, read_window


class Moment(NamedTuple):
    """When the figures are read.

    :param current: now; times are seconds since the epoch.
    :param since: from when on they have been, without a long break.
    :param start: of the last minutes.
    """

    current: float
    since: float
    start: int

    @classmethod
    def of(cls, current: float, since: float, settings: Settings) -> Self:
        """Return what holds now."""
        return cls(current, since, live_since(current, settings))


class Figures:
    """Reads the figures of one app that are not those of windows.

    :param faults: returns how many faults the monitor of this host ever had.
    """

    def __init__(
        self,
        app: str,
        database: Database,
        settings: Settings,
        *,
        faults: Callable[[], float],
    ) -> None:
        self._app = app
        self._database = database
        self._settings = settings
        self._faults = RecentFaults(faults)

    def counted(self, subject: Subject, moment: Moment) -> WindowRollups:
        """Return what was counted of a model in the last minutes.

        :raises StoreError: when the store does not answer.
        """
        return read_window(
            self._database,
            subject.model,
            subject.version,
            moment.start,
            floor(moment.current, MINUTE) + MINUTE,
            blocks=("operations",),
        )

    def of_model(
        self, subject: Subject, counted: WindowRollups, moment: Moment
    ) -> Iterator[Reading]:
        """Yield what the requests of the last minutes say, and the ground truth that is late.

        :raises StoreError: when the store does not answer.
        """
        settings = self._settings.for_model(subject.model)
        whom = Whom(subject.model, subject.version, moment.current)
        requests = Requests.of(list(counted.rollups.values()))
        seconds = moment.current - moment.start
        watched = moment.current - moment.since
        yield from live_readings(whom, requests, seconds, settings, watched=watched)
        if watched >= min(HOUR, settings.ground_truth_stale):  # what waits comes when all is up
            yield from self._truth(whom, settings)

    def of_monitor(
        self, subjects: Sequence[Subject], recorded: int, moment: Moment
    ) -> Iterator[Reading]:
        """Yield what the monitor says of itself.

        :param recorded: predictions of the last minutes.
        :raises StoreError: when the store does not answer.
        """
        models = [(one.model, one.version) for one in subjects]
        health = Health(
            recorded=recorded,
            lost=count_lost(self._database, moment.start, moment.current),
            evaluated=max(moment.since, last_end(self._database, models)),
            step=step_of(subjects[0].windows),
            given_up=count_dead(self._database, self._app, since=moment.start),
            faults=self._faults.since(moment.start, moment.current),
        )
        yield from health_readings(health, moment.current, self._settings)

    def _truth(self, whom: Whom, settings: Settings) -> Iterator[Reading]:
        newest = read_truth_times(self._database).get((whom.model, whom.version))
        if newest is None:
            return
        if whom.time - newest > settings.ground_truth_stale:
            # Where nothing was predicted, nothing is to come.
            first = first_after(self._database, whom.model, whom.version, newest)
            newest = whom.time if first is None else first
        yield truth_reading(whom, newest, settings)


class RecentFaults:
    """How many faults there were lately, of all that ever were.

    :param total: returns these.
    """

    def __init__(self, total: Callable[[], float]) -> None:
        self._total = total
        self._seen: deque[tuple[float, float]] = deque()

    def since(self, start: float, current: float) -> int:
        """Return how many are known to have happened since *start*; to be asked now and then."""
        self._seen.append((current, self._total()))
        while self._seen[0][0] < start and len(self._seen) > 1:
            self._seen.popleft()
        return max(0, int(self._seen[-1][1] - self._seen[0][1]))
