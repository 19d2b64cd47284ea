"""What is known of a model's windows by their ground truth."""

from collections.abc import Iterator
from functools import cached_property
from typing import Final

from flask_mlmonitor.background.counted import Counted
from flask_mlmonitor.background.subjects import Subject
from flask_mlmonitor.stats.counts import FeatureCounts
from flask_mlmonitor.stats.evaluation import Evaluation
from flask_mlmonitor.stats.performance import HELD_OPEN, Truth
from flask_mlmonitor.stats.truth import TruthSums
from flask_mlmonitor.store.database import Database
from flask_mlmonitor.store.levels import DAY, HOUR, ceil, floor
from flask_mlmonitor.store.performance import read_truth, refresh_hours
from flask_mlmonitor.store.reading import read_totals
from flask_mlmonitor.store.results import WindowKey, read_touched
from flask_mlmonitor.store.windows import WindowRollups

HISTORY: Final = 7 * DAY
"""How far back the error stream goes."""


class Truths:
    """Reads what is known of one model and version by its ground truth."""

    def __init__(self, database: Database, subject: Subject) -> None:
        self._database = database
        self._subject = subject

    def of(self, window: WindowRollups, answered: FeatureCounts | None) -> Truth:
        """Return what is known of a window.

        :param answered: the predictions that it counted.
        """
        stored = sum(one.operations.stored for one in window.rollups.values())
        return Truth(
            self._sums(window.start, window.end),
            stored,
            answered,
            self._usual,
            self._hours(window.end, stored / max(1, window.n)),
        )

    def revise(self) -> Iterator[Evaluation]:
        """Bring the hours up to date whose ground truth changed; yield their windows anew."""
        one = self._subject
        hours = refresh_hours(self._database, one.model, one.version, one.layout)
        counted = Counted(self._database, one)
        for window in one.windows:
            key = WindowKey(one.model, one.version, window.text)
            for known in read_touched(self._database, key, hours):
                found = self._window(known)
                truth = self.of(found, counted.counts(found).predictions)
                yield one.judge.revise(known, truth)

    @cached_property
    def _usual(self) -> float | None:
        """The coverage of all that the model ever predicted."""
        key = (self._subject.model, self._subject.version)
        totals = read_totals(self._database)
        return next((one.coverage for one in totals if one[:2] == key), None)

    def _hours(self, end: int, sampled: float) -> list[tuple[int, TruthSums]]:
        """Return the hours before *end* of which no more ground truth is expected."""
        start, stop = ceil(end - HISTORY, HOUR), floor(end, HOUR)
        one = self._subject
        known = read_truth(self._database, one.model, one.version, one.layout, start, stop).hours
        if not known:
            return []
        rows = Counted(self._database, one).numbers(known[0][0], stop, HOUR)
        least = HELD_OPEN * (self._usual or 0.0) * sampled
        enough = {row.start: row.n * least for row in rows}
        return [(hour, sums) for hour, sums in known if sums.n >= enough.get(hour, 0)]
