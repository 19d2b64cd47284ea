"""What is evaluated: a model and version, with all that its judgement needs."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from flask_mlmonitor._parsers import Window
from flask_mlmonitor.stats.baselines.baseline import Baseline
from flask_mlmonitor.stats.drift.comparing import level_of
from flask_mlmonitor.stats.performance.truth import TruthLayout
from flask_mlmonitor.stats.verdicts.judging import Judge
from flask_mlmonitor.stats.verdicts.limits import Limits
from flask_mlmonitor.store.levels import DAY, HOUR


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """A model and version to be evaluated.

    :param windows: the shortest first.
    :param alarm_budget: false drift alarms that it may send on a day.
    :param second_reference: with which earlier hours a window is compared besides.
    :param task: as it was declared; else the baseline's, or what the ground truth lets infer.
    """

    model: str
    version: str
    windows: tuple[Window, ...]
    alarm_budget: float
    limits: Limits
    second_reference: Literal["previous", "day", "week"] | None = None
    baseline: Baseline | None = None
    task: str | None = None

    @property
    def longest(self) -> Window:
        """The longest window by time."""
        return max(self.windows, key=lambda window: window.seconds or 0)

    @property
    def judge(self) -> Judge:
        """What its windows are judged by."""
        return Judge(self.baseline, self.limits, self._level)

    @property
    def layout(self) -> TruthLayout:
        """What the sums of its ground truth mean."""
        return TruthLayout.of(self.baseline, self.task)

    @property
    def _level(self) -> float:
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
