"""When an app's models are evaluated, and by whom."""

import time
from collections.abc import Callable, Sequence
from typing import Final

from flask_mlmonitor.background.child import Job, evaluate_in_child
from flask_mlmonitor.background.evaluator import keep
from flask_mlmonitor.background.subjects import Subject, step_of
from flask_mlmonitor.clock import Clock, now
from flask_mlmonitor.stats.verdicts.evaluation import Evaluation
from flask_mlmonitor.store.database import Database
from flask_mlmonitor.store.leases import Lease
from flask_mlmonitor.store.levels import floor
from flask_mlmonitor.store.results import last_end

SETTLE_SECONDS: Final = 5.0
"""How long after its end a window is judged: what was predicted in it is stored by then."""
LONGEST_WAIT: Final = 900.0
"""How long a window waits for what this host has not stored yet."""


class Schedule:
    """One app's evaluations: each window once, on the boundaries of the shortest one.

    Among all processes of all hosts a lease decides who evaluates; that each window is stored once
    does not rest on it.

    :param subjects: returns the app's models.
    :param waits: returns whether this host has predictions of before a moment to store.
    :param on_finished: called with the evaluations that are stored now.
    """

    def __init__(
        self,
        app: str,
        database: Database,
        store_url: str,
        subjects: Callable[[], Sequence[Subject]],
        *,
        waits: Callable[[float], bool],
        on_finished: Callable[[Sequence[Evaluation]], None],
        clock: Clock = now,
    ) -> None:
        self._database = database
        self._store_url = store_url
        self._subjects = subjects
        self._waits = waits
        self._on_finished = on_finished
        self._clock = clock
        self.lease = Lease(database, f"evaluator of {app}")
        self._done = 0.0

    def turn(self) -> None:
        """Evaluate if that is due and nobody else does.

        :raises StoreError: when the store does not answer.
        :raises EvaluationFailed: when the evaluation failed.
        """
        subjects = self._subjects()
        if not subjects:
            return
        current = self._clock()
        end = floor(current - SETTLE_SECONDS, step_of(subjects[0].windows))
        late = current - end > LONGEST_WAIT
        if end <= self._done or (self._waits(end) and not late) or not self.lease.win():
            return
        if last_end(self._database, [(one.model, one.version) for one in subjects]) < end:
            began = time.monotonic()
            found = evaluate_in_child(Job(self._store_url, end, tuple(subjects)))
            seconds = time.monotonic() - began
            epoch = self.lease.epoch
            self._on_finished(keep(self._database, found, epoch=epoch, seconds=seconds))
        self._done = end
