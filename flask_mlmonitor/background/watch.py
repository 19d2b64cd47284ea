"""An app's alerts, looked after by one process of all hosts."""

from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from flask_mlmonitor._parsers import MINUTE
from flask_mlmonitor.alerts.alert import Notification
from flask_mlmonitor.alerts.deciding import Decision, Memory, decide
from flask_mlmonitor.alerts.evaluated import window_readings
from flask_mlmonitor.alerts.health import Health, health_readings, truth_reading
from flask_mlmonitor.alerts.live import live_readings, live_since
from flask_mlmonitor.alerts.reading import Reading
from flask_mlmonitor.alerts.reading import Subject as Whom
from flask_mlmonitor.alerts.requests import Requests
from flask_mlmonitor.background.maintenance import Every
from flask_mlmonitor.background.recommending import Recommending
from flask_mlmonitor.background.subjects import Subject, step_of
from flask_mlmonitor.channels.delivery import Delivery
from flask_mlmonitor.clock import Clock, now
from flask_mlmonitor.config import Settings
from flask_mlmonitor.stats.evaluation import Evaluation
from flask_mlmonitor.store.alerting import settle
from flask_mlmonitor.store.database import Database
from flask_mlmonitor.store.leases import Lease
from flask_mlmonitor.store.levels import floor
from flask_mlmonitor.store.outbox import count_dead
from flask_mlmonitor.store.reading import read_truth_times
from flask_mlmonitor.store.results import count_lost, mark_told, read_last_run, read_untold
from flask_mlmonitor.store.windows import read_window

if TYPE_CHECKING:
    from sqlalchemy import Connection

TURN_SECONDS: Final = 1.0
"""How often messages are looked for that are to be sent."""

Post = Callable[[Any, Sequence[Notification], float], None]
"""Adds messages to the outbox, as of a time, in the transaction that decided to send them."""


class Watch:
    """Reads the figures of one app's models, decides upon alerts, and has messages sent.

    Among all processes of all hosts a lease decides who does so. What is decided upon and what is
    told are one transaction.

    :param subjects: returns the app's models.
    :param faults: returns how many faults this host's monitor ever had.
    :param on_decided: called with what has changed, when it is stored.
    """

    def __init__(
        self,
        app: str,
        database: Database,
        subjects: Callable[[], Sequence[Subject]],
        settings: Settings,
        *,
        post: Post,
        delivery: Delivery,
        recommending: Recommending,
        faults: Callable[[], float],
        on_decided: Callable[[Decision], None],
        clock: Clock = now,
    ) -> None:
        self._app = app
        self._database = database
        self._subjects = subjects
        self._settings = settings
        self._post = post
        self.delivery = delivery
        self._recommending = recommending
        self._faults = faults
        self._totals = deque([(clock(), faults())])
        self._on_decided = on_decided
        self._clock = clock
        self._lease = Lease(database, f"alerts of {app}")
        self._looks = Every(settings.evaluation_interval, clock)

    def turn(self) -> None:
        """Look at the figures if that is due, and send what is to be sent.

        :raises StoreError: when the store does not answer.
        """
        if not (self._database.exists() and self._lease.win()):
            return
        if self._looks.due():
            self.look(self._lease)
        self.delivery.turn()

    def look(self, lease: Lease | None = None) -> Decision | None:
        """Read all figures, and decide.

        :param lease: under which; without one, by hand.
        :return: ``None`` when the lease has passed to another process.
        :raises StoreError: when the store does not answer.
        """
        current, subjects = self._clock(), self._subjects()
        served = [(one.model, one.version) for one in subjects]
        untold = read_untold(self._database, served)
        readings = [*_of_windows(untold, subjects, self._settings), *self._figures(current)]

        def deciding(memory: Memory) -> Decision:
            return decide(
                memory,
                readings,
                app=self._app,
                now=current,
                served=served,
                settings=self._settings,
            )

        def post(connection: "Connection", notifications: Sequence[Notification]) -> None:
            mark_told(connection, untold)
            self._post(connection, notifications, current)

        decision = settle(self._database, self._app, deciding, post=post, lease=lease)
        if decision is not None:
            self._on_decided(decision)
            self._recommending.consider(untold, current)
        return decision

    def _figures(self, current: float) -> Iterator[Reading]:
        subjects = self._subjects()
        start, end = live_since(current, self._settings), floor(current, MINUTE) + MINUTE
        recorded = 0
        times = read_truth_times(self._database)
        for one in subjects:
            settings = self._settings.for_model(one.model)
            whom = Whom(one.model, one.version, current)
            window = read_window(
                self._database, one.model, one.version, start, end, blocks=("operations",)
            )
            recorded += window.n
            requests = Requests.of(list(window.rollups.values()))
            yield from live_readings(whom, requests, current - start, settings)
            newest = times.get((one.model, one.version))
            if newest is not None:
                yield truth_reading(whom, newest, settings)
        if subjects:
            health = self._health(start, end, recorded, step_of(subjects[0].windows))
            yield from health_readings(health, current, self._settings)

    def _health(self, start: int, end: int, recorded: int, step: int) -> Health:
        last = read_last_run(self._database)
        return Health(
            recorded=recorded,
            lost=count_lost(self._database, start, end),
            evaluated=None if last is None else last.end,
            step=step,
            given_up=count_dead(self._database, self._app, since=start),
            faults=self._faults_since(start),
        )

    def _faults_since(self, start: float) -> int:
        self._totals.append((self._clock(), self._faults()))
        while len(self._totals) > 2 and self._totals[1][0] <= start:
            self._totals.popleft()
        return max(0, int(self._totals[-1][1] - self._totals[0][1]))


def _of_windows(
    evaluations: Collection[Evaluation], subjects: Sequence[Subject], settings: Settings
) -> Iterator[Reading]:
    """Yield what windows say, those together that ended together."""
    known: Mapping[tuple[str, str], Subject] = {(one.model, one.version): one for one in subjects}

    def ended(one: Evaluation) -> tuple[float, str, str]:
        return one.end.timestamp(), one.model, one.version

    for (_, model, version), together in groupby(sorted(evaluations, key=ended), ended):
        one = known[model, version]
        was = {} if one.baseline is None else one.baseline.performance
        yield from window_readings(list(together), settings.for_model(model), one.limits, was)
