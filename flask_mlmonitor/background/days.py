"""Whole days of a model: their ground truth and their numbers, each read once in a run."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from flask_mlmonitor.background.counted import Counted
from flask_mlmonitor.background.subjects import Subject
from flask_mlmonitor.clock import now
from flask_mlmonitor.stats.performance.truth import TruthSums
from flask_mlmonitor.store.database import Readable
from flask_mlmonitor.store.levels import DAY, HOUR, finest, floor
from flask_mlmonitor.store.truth_windows import TruthWindow, read_truth


@dataclass(frozen=True)
class Day:
    """The ground truth of a day."""

    truth: TruthWindow

    @property
    def sums(self) -> TruthSums:
        """All of it."""
        return self.truth.sums

    @cached_property
    def hours(self) -> tuple[tuple[int, TruthSums], ...]:
        """Hour by hour."""
        return self.truth.hours


class Days:
    """Reads the days of one model and version; what a run needs lies side by side."""

    def __init__(self, reads: Readable, subject: Subject) -> None:
        self._reads = reads
        self._subject = subject
        self._counted = Counted(reads, subject)
        self._truth: dict[int, Day] = {}
        self._numbers: dict[int, int] = {}

    def between(self, first: int, last: int) -> list[Day]:
        """Return the days from *first* to before *last*."""
        days = range(first, last, DAY)
        unknown = [day for day in days if day not in self._truth]
        if unknown:
            found = self.read(unknown[0], unknown[-1] + DAY)
            packed = defaultdict(list)
            for hour, sums in found.packed:
                packed[floor(hour, DAY)].append((hour, sums))
            for day in unknown:
                own = replace(found, start=day, end=day + DAY, packed=tuple(packed[day]))
                self._truth[day] = Day(own)
        return [self._truth[day] for day in days]

    def numbers(self, first: int, last: int) -> Mapping[int, int]:
        """Return the predictions of each hour, of these days at least.

        Of long ago, of which only days are left, there are none.
        """
        unknown = self._unknown(range(first, last, DAY))
        if unknown:
            found = self._counted.numbers(unknown[0], unknown[-1] + DAY, HOUR)
            self._numbers |= {one.start: one.n for one in found}
        return self._numbers

    def read(self, start: int, end: int) -> TruthWindow:
        """Return the ground truth of any window."""
        one = self._subject
        return read_truth(self._reads, one.model, one.version, one.layout, start, end)

    def _unknown(self, days: Sequence[int]) -> list[int]:
        current = now()
        return [day for day in days if day not in self._numbers and finest(day, current) <= HOUR]
