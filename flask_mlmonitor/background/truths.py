"""What is known of a model's windows by their ground truth."""

import time
from collections.abc import Sequence
from functools import cached_property, lru_cache
from typing import Final

from flask_mlmonitor.background.days import Days
from flask_mlmonitor.background.subjects import Subject
from flask_mlmonitor.stats.performance.truth import TruthSums
from flask_mlmonitor.stats.verdicts.evaluation import Evaluation
from flask_mlmonitor.stats.verdicts.performance import HELD_OPEN, Truth
from flask_mlmonitor.store.database import Database
from flask_mlmonitor.store.due import Due, Revision, find_due, make_due, read_due
from flask_mlmonitor.store.levels import DAY, HOUR, ceil, floor
from flask_mlmonitor.store.reading import read_totals
from flask_mlmonitor.store.snapshots import Snapshots
from flask_mlmonitor.store.truth_hours import refresh_hours

HISTORY: Final = 7 * DAY
"""How far back the error stream goes."""
_REMEMBERED: Final = 8
"""Histories; windows that end together have one."""


def prepare(database: Database, one: Subject) -> None:
    """Add up the hours whose ground truth changed, and let their evaluations be due."""
    make_due(database, one.model, one.version)
    refresh_hours(database, one.model, one.version, one.layout)


class Truths:
    """Reads what is known of one model and version by its ground truth; for one run."""

    def __init__(self, reads: Snapshots, subject: Subject) -> None:
        self._reads = reads
        self._subject = subject
        self._days = Days(reads, subject)
        self._history = lru_cache(_REMEMBERED)(self._hours)

    def of(self, start: int, end: int, sampled: float) -> Truth:
        """Return what is known of a window.

        :param sampled: the share of its predictions that are stored.
        """
        return Truth(self._sums(start, end), self._usual, self._history(floor(end, HOUR), sampled))

    def due(self) -> list[Due]:
        """Return which evaluations are to be made again."""
        return find_due(self._reads, self._subject.model, self._subject.version)

    def revise(self, due: Sequence[Due], seconds: float) -> list[Revision]:
        """Make these evaluations again, the first ones first, for so long; one at least.

        :param due: as :meth:`due` told it when the first truth was read here.
        """
        one, deadline = self._subject, time.monotonic() + seconds
        made: list[Revision] = []
        for which in due:
            with self._reads.together():
                known = read_due(self._reads, one.model, one.version, which)
                if known is not None:
                    again = one.judge.revise(known, self._now_of(known))
                    made.append(Revision(again, which.number))
            if time.monotonic() > deadline:
                break
        return made

    def _now_of(self, known: Evaluation) -> Truth:
        start, end = int(known.start.timestamp()), int(known.end.timestamp())
        return self.of(start, end, known.stored / max(1, known.n))

    @cached_property
    def _usual(self) -> float | None:
        """The coverage of all that the model ever predicted."""
        key = (self._subject.model, self._subject.version)
        totals = read_totals(self._reads)
        return next((one.coverage for one in totals if one[:2] == key), None)

    def _sums(self, start: int, end: int) -> TruthSums:
        """Return the sums of a window: of its whole days, and of the rest before and after."""
        first, last = ceil(start, DAY), floor(end, DAY)
        if first >= last:
            return self._days.read(start, end).sums
        whole = [day.sums for day in self._days.between(first, last)]
        for begin, stop in ((start, first), (last, end)):
            if begin < stop:
                whole.append(self._days.read(begin, stop).sums)
        return TruthSums.sum_of(self._subject.layout, whole)

    def _hours(self, stop: int, sampled: float) -> tuple[tuple[int, TruthSums], ...]:
        """Return the hours before *stop* of which no more ground truth is expected.

        Of long ago, when nobody knows any more how many predictions an hour had, these are all.
        """
        least = HELD_OPEN * (self._usual or 0.0) * sampled
        bounds = floor(stop - HISTORY, DAY), ceil(stop, DAY)
        numbers = self._days.numbers(*bounds)
        return tuple(
            (hour, sums)
            for day in self._days.between(*bounds)
            for hour, sums in day.hours
            if stop - HISTORY <= hour < stop and sums.n >= least * numbers.get(hour, 0)
        )
