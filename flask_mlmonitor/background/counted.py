"""What was counted in a model's windows."""

from typing import Final

from flask_mlmonitor._parsers import MINUTE, Window
from flask_mlmonitor.background.subjects import Subject
from flask_mlmonitor.clock import now
from flask_mlmonitor.stats.cells.rollup import Rollup
from flask_mlmonitor.stats.verdicts.judging import WindowCounts
from flask_mlmonitor.store.database import Readable
from flask_mlmonitor.store.levels import DAY, HOUR, finest, floor
from flask_mlmonitor.store.windows import WindowRollups, read_window, read_windows

LONGEST: Final = 30 * DAY
"""How far a window by count, or one with too few predictions, may reach back."""

_BLOCKS: Final = ("operations", "counts", "predictions")
_REACHES: Final = ((MINUTE, 2 * HOUR), (HOUR, 2 * DAY), (DAY, LONGEST))


class Counted:
    """Reads what was counted of one model and version."""

    def __init__(self, reads: Readable, subject: Subject) -> None:
        self._reads = reads
        self._subject = subject

    def find(self, window: Window, end: int) -> WindowRollups:
        """Return what a window holds; the longest one reaches back until it holds enough."""
        if window.count is not None:
            return self.read(self._start_of_last(end, window.count), end)
        start = end - int(window.seconds or 0)
        found, enough = self.read(start, end), self._subject.limits.min_samples
        if window == self._subject.longest and found.n < enough:
            earlier = self._start_of_last(end, enough)
            return found if earlier >= start else self.read(earlier, end)
        return found

    def second(self, window: WindowRollups) -> WindowCounts | None:
        """Return what was counted in the hours that the second reference names."""
        kind = self._subject.second_reference
        if kind is None:
            return None
        ago = {"previous": window.end - window.start, "day": DAY, "week": 7 * DAY}[kind]
        return self.counts(self.read(window.start - ago, window.end - ago))

    def counts(self, window: WindowRollups) -> WindowCounts:
        """Return the counts over the baseline's cells; those of another one cannot be told."""
        stored = sum(one.operations.stored for one in window.rollups.values())
        return WindowCounts.of(window.n, self._alike(window), stored=stored)

    def _alike(self, window: WindowRollups) -> list[Rollup]:
        baseline = self._subject.baseline
        if baseline is None:
            return []
        own = baseline.binning()
        return [
            rollup
            for rollup in window.rollups.values()
            if rollup.binning.features == own.features
            and rollup.binning.prediction == own.prediction
            and rollup.binning.scored == own.scored
        ]

    def _start_of_last(self, end: int, count: int) -> int:
        """Return where the last minutes, hours or days begin that hold at least *count* rows."""
        for step, reach in _REACHES:
            if step < finest(end, now()):
                continue
            rows = 0
            for window in reversed(self.numbers(floor(end - reach, step), end, step)):
                rows += window.n
                if rows >= count:
                    return window.start
        return end - LONGEST

    def numbers(self, start: int, end: int, step: int) -> list[WindowRollups]:
        """Return the rows of each *step* seconds, and of the rest, without any counts."""
        one = self._subject
        bounds = [*range(start, end, step), end]
        return read_windows(self._reads, one.model, one.version, bounds, blocks=())

    def read(self, start: int, end: int) -> WindowRollups:
        """Return what was counted in [start, end), in seconds since the epoch."""
        one = self._subject
        return read_window(self._reads, one.model, one.version, start, end, blocks=_BLOCKS)
