"""From the store's rollups to evaluations: what one run does, in whichever process it runs."""

from collections.abc import Iterator, Sequence
from typing import Final, Literal

import msgspec

from flask_mlmonitor._parsers import MINUTE, Window
from flask_mlmonitor.clock import as_datetime, now
from flask_mlmonitor.stats.baseline import Baseline
from flask_mlmonitor.stats.comparing import level_of
from flask_mlmonitor.stats.evaluation import Evaluation
from flask_mlmonitor.stats.judging import Limits, Span, WindowCounts, judge, unjudged
from flask_mlmonitor.store.database import Database
from flask_mlmonitor.store.levels import DAY, HOUR, ceil, finest, floor
from flask_mlmonitor.store.results import WindowKey, count_lost, read_before
from flask_mlmonitor.store.windows import WindowRollups, read_window, read_windows

LONGEST: Final = 30 * DAY
"""How far a window by count, or one with too few predictions, may reach back."""

_BLOCKS: Final = ("operations", "counts", "predictions")
_REACHES: Final = ((MINUTE, 2 * HOUR), (HOUR, 2 * DAY), (DAY, LONGEST))


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """A model and version to be evaluated, with all that its judgement needs.

    :param windows: the shortest first.
    :param alarm_budget: false drift alarms that it may send on a day.
    :param second_reference: with which earlier hours a window is compared besides.
    """

    model: str
    version: str
    windows: tuple[Window, ...]
    alarm_budget: float
    limits: Limits
    second_reference: Literal["previous", "day", "week"] | None = None
    baseline: Baseline | None = None

    @property
    def longest(self) -> Window:
        """The longest window by time."""
        return max(self.windows, key=lambda window: window.seconds or 0)

    @property
    def level(self) -> float:
        """The probability of a false alarm that one test may have."""
        features = 0 if self.baseline is None else len(self.baseline.columns)
        return level_of(
            self.alarm_budget,
            features=features + 1,  # and the predictions
            decisions=DAY / step_of(self.windows),
            windows=len(self.windows),
        )


def step_of(windows: Sequence[Window]) -> int:
    """Return how many seconds lie between two decisions.

    >>> step_of([Window("6h", seconds=21600.0), Window("1h", seconds=3600.0)])
    3600
    """
    lengths = [int(window.seconds) for window in windows if window.seconds is not None]
    return min(lengths, default=HOUR)


def evaluate(database: Database, subjects: Sequence[Subject], at: float) -> list[Evaluation]:
    """Evaluate every window of the subjects as of a moment; nothing is stored.

    :param at: seconds since the epoch; the minute that it lies in counts too.
    :raises StoreUnavailable: when the store does not answer.
    """
    return [one for subject in subjects for one in _evaluate(database, subject, at)]


def _evaluate(database: Database, subject: Subject, at: float) -> Iterator[Evaluation]:
    # Of long ago only hours or days are left.
    level = finest(ceil(at, MINUTE), now())
    end = ceil(at, MINUTE) if level == MINUTE else floor(at, level)
    for window in subject.windows:
        if window.seconds is not None and window.seconds < level:
            span = _span(subject, window, end - int(window.seconds), end)
            yield unjudged(span, 0, "Of this time only the counts of longer spans are left.")
            continue
        found = _found(database, subject, window, end)
        span = _span(subject, window, found.start, found.end)
        yield judge(
            span._replace(lost=count_lost(database, found.start, found.end)),
            _counts(subject, found),
            subject.baseline,
            subject.limits,
            level=subject.level,
            second=_second(database, subject, found),
            before=read_before(database, WindowKey(*span[:3]), found.end),
        )


def _span(subject: Subject, window: Window, start: int, end: int) -> Span:
    return Span(subject.model, subject.version, window.text, as_datetime(start), as_datetime(end))


def _second(database: Database, subject: Subject, window: WindowRollups) -> WindowCounts | None:
    """Return what was counted in the hours that the second reference names."""
    kind = subject.second_reference
    if kind is None:
        return None
    ago = {"previous": window.end - window.start, "day": DAY, "week": 7 * DAY}[kind]
    return _counts(subject, _read(database, subject, window.start - ago, window.end - ago))


def _found(database: Database, subject: Subject, window: Window, end: int) -> WindowRollups:
    """Return what a window holds; the longest one reaches back until it holds enough."""
    if window.count is not None:
        start = _start_of_last(database, subject, end, window.count)
        return _read(database, subject, start, end)
    start = end - int(window.seconds or 0)
    found, enough = _read(database, subject, start, end), subject.limits.min_samples
    if window == subject.longest and found.n < enough:
        earlier = _start_of_last(database, subject, end, enough)
        return found if earlier >= start else _read(database, subject, earlier, end)
    return found


def _start_of_last(database: Database, subject: Subject, end: int, count: int) -> int:
    """Return where the last minutes, hours or days begin that hold at least *count* rows."""
    for step, reach in _REACHES:
        if step < finest(end, now()):
            continue
        bounds = [*range(floor(end - reach, step), end, step), end]
        rows = 0
        for window in reversed(
            read_windows(database, subject.model, subject.version, bounds, blocks=())
        ):
            rows += window.n
            if rows >= count:
                return window.start
    return end - LONGEST


def _read(database: Database, subject: Subject, start: int, end: int) -> WindowRollups:
    return read_window(database, subject.model, subject.version, start, end, blocks=_BLOCKS)


def _counts(subject: Subject, window: WindowRollups) -> WindowCounts:
    """Return the counts over the baseline's cells; others, of another baseline, cannot be told."""
    if subject.baseline is None:
        return WindowCounts(window.n)
    own = subject.baseline.binning()
    alike = [
        rollup
        for rollup in window.rollups.values()
        if rollup.binning.features == own.features and rollup.binning.prediction == own.prediction
    ]
    return WindowCounts.of(window.n, alike)
