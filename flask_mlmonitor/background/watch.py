"""An app's alerts, looked after by one process of all hosts."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from flask_mlmonitor.alerts.alert import Notification
from flask_mlmonitor.alerts.deciding import Decision, Memory, decide
from flask_mlmonitor.alerts.evaluated import window_readings
from flask_mlmonitor.alerts.reading import Reading
from flask_mlmonitor.background.figures import Figures, Moment
from flask_mlmonitor.background.maintenance import Every
from flask_mlmonitor.background.recommending import Recommending
from flask_mlmonitor.background.subjects import Subject
from flask_mlmonitor.channels.delivery import Delivery
from flask_mlmonitor.clock import Clock, now
from flask_mlmonitor.config import Settings
from flask_mlmonitor.exceptions import StoreError
from flask_mlmonitor.stats.verdicts.evaluation import Evaluation
from flask_mlmonitor.store.alerting import Post, settle
from flask_mlmonitor.store.database import Database
from flask_mlmonitor.store.leases import TTL_SECONDS, Lease
from flask_mlmonitor.store.results import Untold, mark_told, read_untold

if TYPE_CHECKING:
    from sqlalchemy import Connection

TURN_SECONDS: Final = 1.0
"""How often messages are looked for that are to be sent."""
TTL_LOOKS: Final = 1.5
"""For how many looks the lease holds, where that is less than usual: a successor misses one."""

T = TypeVar("T")
Posting = Callable[[float], Post]
"""Returns what adds messages to the outbox as of a time."""


class Watch:
    """Reads the figures of one app's models, decides upon alerts, and has messages sent.

    Among all processes of all hosts a lease decides who does so. What is decided upon and what is
    told are one transaction. What cannot be read of one model is a fault, and in nobody's way.

    :param subjects: returns the app's models.
    :param on_fault: called with what was wrong with a figure.
    :param on_decided: called with what has changed, when it is stored.
    """

    def __init__(
        self,
        app: str,
        database: Database,
        subjects: Callable[[], Sequence[Subject]],
        settings: Settings,
        *,
        figures: Figures,
        posting: Posting,
        delivery: Delivery,
        recommending: Recommending,
        on_fault: Callable[[Exception], object],
        on_decided: Callable[[Decision], None],
        clock: Clock = now,
    ) -> None:
        self._app = app
        self._database = database
        self._subjects = subjects
        self._settings = settings
        self._figures = figures
        self._posting = posting
        self.delivery = delivery
        self._recommending = recommending
        self._on_fault = on_fault
        self._on_decided = on_decided
        self._clock = clock
        self._began = clock()
        ttl = min(TTL_SECONDS, TTL_LOOKS * settings.evaluation_interval)
        self.lease = Lease(database, f"alerts of {app}", ttl=ttl, renewal=ttl / 2)
        self._looks = Every(settings.evaluation_interval, clock)

    def turn(self) -> None:
        """Look at the figures if that is due, and send what is to be sent.

        :raises StoreError: when the store does not answer.
        """
        if not (self._database.exists() and self.lease.win()):
            return
        try:
            if self._looks.due():
                self.look(self.lease)
        finally:
            self.delivery.turn()

    def look(self, lease: Lease | None = None) -> Decision | None:
        """Read all figures, and decide.

        :param lease: under which; without one, by hand.
        :return: ``None`` when the lease has passed to another process.
        :raises StoreError: when the store does not answer.
        """
        current, subjects = self._clock(), self._subjects()
        moment = Moment.of(current, lease.since if lease else self._began, self._settings)
        served = [(one.model, one.version) for one in subjects]
        untold = read_untold(self._database, served)
        evaluations = [one for text in untold if (one := self._decoded(text)) is not None]
        readings = self._windows(evaluations, subjects) + self._now(subjects, moment)

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
            self._posting(current)(connection, notifications)

        decision = settle(
            self._database,
            self._app,
            deciding,
            post=post,
            on_damage=self._on_fault,
            lease=lease,
        )
        if decision is not None:
            self._on_decided(decision)
            self._guarded(partial(self._recommending.consider, evaluations, current), None)
        return decision

    def _decoded(self, untold: Untold) -> Evaluation | None:
        try:
            return untold.evaluation
        except msgspec.DecodeError as error:
            self._on_fault(error)
            return None

    def _windows(
        self, evaluations: Iterable[Evaluation], subjects: Sequence[Subject]
    ) -> list[Reading]:
        """Return what windows say, those of a model together that ended together."""
        known = {(one.model, one.version): one for one in subjects}
        ended = attrgetter("end", "model", "version")
        return [
            reading
            for _, together in groupby(sorted(evaluations, key=ended), ended)
            for reading in self._said(partial(self._of_windows, list(together), known))
        ]

    def _of_windows(
        self, together: Sequence[Evaluation], known: Mapping[tuple[str, str], Subject]
    ) -> list[Reading]:
        one = known[together[0].model, together[0].version]
        was = {} if one.baseline is None else one.baseline.performance
        return window_readings(together, self._settings.for_model(one.model), one.limits, was)

    def _now(self, subjects: Sequence[Subject], moment: Moment) -> list[Reading]:
        """Return what the requests of the last minutes say, and the monitor of itself."""
        readings, recorded = [], 0
        for one in subjects:
            counted = self._guarded(partial(self._figures.counted, one, moment), None)
            if counted is not None:
                recorded += counted.n
                readings += self._said(partial(self._figures.of_model, one, counted, moment))
        if subjects:
            readings += self._said(partial(self._figures.of_monitor, subjects, recorded, moment))
        return readings

    def _said(self, say: Callable[[], Iterable[Reading]]) -> list[Reading]:
        return self._guarded(lambda: list(say()), [])

    def _guarded(self, work: Callable[[], T], otherwise: T) -> T:
        try:
            return work()
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001  one model is not in the way of others
            self._on_fault(error)
            return otherwise
