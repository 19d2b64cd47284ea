"""A process that looks after alerts, with a clock of its own and figures put into its store."""

import time
from collections.abc import Sequence
from datetime import timedelta
from itertools import count
from typing import Any

from flask_mlmonitor._parsers import windows
from flask_mlmonitor.alerts.alert import Alert, Notification
from flask_mlmonitor.alerts.retraining import Recommendation
from flask_mlmonitor.alerts.states import Transition
from flask_mlmonitor.background.figures import Figures
from flask_mlmonitor.background.recommending import Recommending
from flask_mlmonitor.background.subjects import Subject
from flask_mlmonitor.background.watch import Watch
from flask_mlmonitor.channels.channel import Channel
from flask_mlmonitor.channels.delivery import Delivery
from flask_mlmonitor.channels.outcome import Outcome
from flask_mlmonitor.clock import as_datetime
from flask_mlmonitor.records import STATUSES, Gap, Row, Served
from flask_mlmonitor.stats.cells.binning import Binning
from flask_mlmonitor.stats.cells.rollup import Rollup
from flask_mlmonitor.stats.verdicts.evaluation import Evaluation
from flask_mlmonitor.store.alerting import Post, read_alerts
from flask_mlmonitor.store.levels import MINUTE, floor
from flask_mlmonitor.store.outbox import add_messages
from flask_mlmonitor.store.recording import Batch, RollupKey, Span, apply
from flask_mlmonitor.store.results import add_evaluations
from flask_mlmonitor.store.totals import Added, add_totals
from flask_mlmonitor.store.urls import open_store
from tests.alerts.making import MODEL, VERSION, settings
from tests.alerts.windows import window
from tests.limits import LIMITS

APP = "shop"
LOOK = 60.0
BINNING = Binning(features=(), latency_bounds=(0.1, 0.5, 2.0, 5.0))
_segments = count()


def subject(model: str = MODEL, version: str = VERSION) -> Subject:
    """A model without a baseline."""
    return Subject(
        model=model, version=version, windows=windows("1h,6h"), alarm_budget=1 / 30, limits=LIMITS
    )


class Kept(Channel):
    """A channel that keeps what it is given."""

    def __init__(self) -> None:
        self.told: list[Notification] = []

    def send(self, notification: Notification, timeout: float) -> Outcome:
        """Keep a message."""
        self.told.append(notification)
        return Outcome("delivered", taken=True)


class Station:
    """A process whose host is elected.

    :ivar time: what its clock shows; it begins now.
    :ivar ever: how many faults its monitor ever had.
    :ivar faults: what it found wrong itself.
    :ivar events: what listeners heard.
    """

    def __init__(self, url: str, *subjects: Subject, began: float | None = None, **keys: Any):
        self.time = time.time() if began is None else began
        self.ever = 0.0
        self.faults: list[Exception] = []
        self.events: list[Transition] = []
        self.recommended: list[Recommendation] = []
        self.subjects: Sequence[Subject] = subjects or (subject(),)
        self.settings = settings(**keys)
        self.database = open_store(url)
        self.channel = Kept()
        self.watch = self._watch()

    def _watch(self) -> Watch:
        clock = lambda: self.time  # noqa: E731
        return Watch(
            APP,
            self.database,
            lambda: self.subjects,
            self.settings,
            figures=Figures(APP, self.database, self.settings, faults=lambda: self.ever),
            posting=self._posting,
            delivery=Delivery(
                APP,
                self.database,
                {"log": self.channel},
                count=lambda channel, outcome: None,
                on_fault=self.faults.append,
                clock=clock,
            ),
            recommending=Recommending(
                APP,
                self.database,
                self.settings,
                post=lambda connection, found: None,
                on_recommended=self.recommended.append,
            ),
            on_fault=self.faults.append,
            on_decided=lambda decision: self.events.extend(decision.transitions),
            clock=clock,
        )

    def _posting(self, created: float) -> Post:
        def post(connection: Any, notifications: Sequence[Notification]) -> None:
            messages = [(one, ["log"]) for one in notifications]
            add_messages(connection, APP, messages, created=created)

        return post

    @property
    def told(self) -> list[tuple[str, str]]:
        """Family and reason of each message."""
        return [(one.family, one.reason) for one in self.channel.told]

    @property
    def active(self) -> list[Alert]:
        """The alerts that have fired and are not over."""
        return read_alerts(self.database, APP)

    def look(self, times: int = 1, every: float = LOOK) -> None:
        """Look so many times, and send; some time passes before each look."""
        for _ in range(times):
            self.time += every
            assert self.watch.lease.win()
            assert self.watch.look(self.watch.lease) is not None
            self.watch.delivery.run()

    def serve(
        self, model: str = MODEL, latency: float = 0.05, at: float | None = None, **rows: int
    ) -> None:
        """Let requests of these statuses be in the store, of now or another moment."""
        moment = self.time if at is None else at
        served = [
            Served(0, "id", moment, STATUSES.index(status), latency, False, [Row([])])
            for status, number in rows.items()
            for _ in range(number)
        ]
        key = RollupKey(model, VERSION, BINNING.id, floor(moment, MINUTE))
        rollups = {key: Rollup.of(BINNING, served).pack()}
        totals = {(model, VERSION): (len(served), len(served))}
        batch = Batch([], totals, rollups, {BINNING.id: BINNING.encode()})
        apply(self.database, Span(f"s{next(_segments)}", 0, 1), batch)

    def lose(self, number: int) -> None:
        """Let so many predictions be lost now."""
        gap = Gap(self.time, self.time, number, "journal_full")
        apply(self.database, Span(f"s{next(_segments)}", 0, 1), Batch([], {}, {}, {}, [gap]))

    def learn(self, at: float) -> None:
        """Let some ground truth have come at a moment."""
        with self.database.writing() as connection:
            add_totals(connection, {(MODEL, VERSION): Added(ground_truth=1)}, clock=lambda: at)

    def evaluated(self, *evaluations: Evaluation) -> None:
        """Let evaluations be in the store, as the evaluator leaves them."""
        add_evaluations(self.database, evaluations, epoch=1)

    def hour(self, back: float = 0, **given: Any) -> Evaluation:
        """Evaluate the hour that ended last, or one before it."""
        end = as_datetime(floor(self.time, 3600) - 3600 * back)
        return window(1, **{"end": end, "start": end - timedelta(hours=1), **given})

    def close(self) -> None:
        """Close the store."""
        self.database.close()
