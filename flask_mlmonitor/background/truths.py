"""What is known of a model's windows by their ground truth."""

from functools import cached_property
from typing import Final

import msgspec

from flask_mlmonitor.background.counted import Counted
from flask_mlmonitor.background.subjects import Subject
from flask_mlmonitor.stats.evaluation import Evaluation
from flask_mlmonitor.stats.performance import HELD_OPEN, Truth
from flask_mlmonitor.stats.truth import TruthSums
from flask_mlmonitor.store.database import Database
from flask_mlmonitor.store.levels import DAY, HOUR, floor
from flask_mlmonitor.store.reading import read_totals
from flask_mlmonitor.store.results import WindowKey, read_touched
from flask_mlmonitor.store.truth_hours import changed_hours, refresh_hours
from flask_mlmonitor.store.truth_windows import TruthWindow, read_truth

HISTORY: Final = 7 * DAY
"""How far back the error stream goes."""


class Revision(msgspec.Struct, frozen=True):
    """What became of one model's earlier windows.

    :param changed: the hours whose ground truth changed, each with its token.
    :param evaluations: of all windows with such hours, as they are judged now.
    """

    model: str
    version: str
    changed: dict[int, int]
    evaluations: list[Evaluation]


class Truths:
    """Reads what is known of one model and version by its ground truth."""

    def __init__(self, database: Database, subject: Subject) -> None:
        self._database = database
        self._subject = subject
        self._counted = Counted(database, subject)

    def of(self, start: int, end: int, sampled: float) -> Truth:
        """Return what is known of a window.

        :param sampled: the share of its predictions that are stored.
        """
        return Truth(self._read(start, end).sums, self._usual, self._hours(end, sampled))

    def revise(self) -> Revision:
        """Add up the hours whose ground truth changed, and judge their windows again."""
        one = self._subject
        owner = (self._database, one.model, one.version)
        changed = changed_hours(*owner)
        refresh_hours(*owner, one.layout)
        revised = [
            one.judge.revise(known, self._now_of(known))
            for window in one.windows
            for known in read_touched(
                self._database, WindowKey(one.model, one.version, window.text), changed
            )
        ]
        return Revision(one.model, one.version, changed, revised)

    def _now_of(self, known: Evaluation) -> Truth:
        start, end = int(known.start.timestamp()), int(known.end.timestamp())
        return self.of(start, end, known.stored / max(1, known.n))

    @cached_property
    def _usual(self) -> float | None:
        """The coverage of all that the model ever predicted."""
        key = (self._subject.model, self._subject.version)
        totals = read_totals(self._database)
        return next((one.coverage for one in totals if one[:2] == key), None)

    def _hours(self, end: int, sampled: float) -> list[tuple[int, TruthSums]]:
        """Return the hours before *end* of which no more ground truth is expected."""
        stop = floor(end, HOUR)
        known = self._read(stop - HISTORY, stop).hours
        if not known:
            return []
        rows = self._counted.numbers(known[0][0], stop, HOUR)
        least = HELD_OPEN * (self._usual or 0.0) * sampled
        enough = {row.start: row.n * least for row in rows}
        return [(hour, sums) for hour, sums in known if sums.n >= enough.get(hour, 0)]

    def _read(self, start: int, end: int) -> TruthWindow:
        one = self._subject
        return read_truth(self._database, one.model, one.version, one.layout, start, end)
