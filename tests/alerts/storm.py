"""Many features, a day of decisions, and a desk that tells people."""

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Final

import numpy as np

from flask_mlmonitor.alerts.alert import Notification
from flask_mlmonitor.alerts.deciding import Memory, decide
from flask_mlmonitor.alerts.evaluated import window_readings
from flask_mlmonitor.clock import as_datetime
from flask_mlmonitor.stats.cells.binning import FeatureBins
from flask_mlmonitor.stats.cells.counts import FeatureCounts
from flask_mlmonitor.stats.drift.comparing import FeatureDrift, compare, level_of
from flask_mlmonitor.stats.verdicts.evaluation import Evaluation, Verdict
from tests.alerts.making import MODEL, NOON, VERSION, limits, settings

SETTINGS: Final = settings()
LIMITS: Final = limits(SETTINGS)
STEP: Final = 300.0
DECISIONS: Final = 288
"""A day of them."""
ROWS: Final = 500
"""Predictions in each window."""
STABLE: Final = (0.2,) * 5
NEAR: Final = (0.28, 0.23, 0.2, 0.17, 0.12)
"""Its PSI is 0.08."""
MOVED: Final = (0.35, 0.25, 0.2, 0.15, 0.05)
"""Its PSI is 0.32."""
Shares = Callable[[int, int], tuple[float, ...]]
"""Returns the true shares of a feature at a decision, both by number."""

_PLANS: Final = FeatureBins("plan", "categorical", categories=("a", "b", "c", "d", "e"))
_BASELINE: Final = FeatureCounts(_PLANS, (1000,) * 5 + (0,) * (len(_PLANS.cell_names) - 5))


class Desk:
    """An app's alerts, and what people were told of them; kept as the store would."""

    def __init__(self) -> None:
        self.memory = Memory()
        self.messages: list[Notification] = []

    def look(self, evaluation: Evaluation) -> None:
        """Look at a window, five seconds after its end."""
        decision = decide(
            self.memory,
            window_readings([evaluation], SETTINGS, LIMITS, {}),
            app="shop",
            now=evaluation.end.timestamp() + 5,
            served={(MODEL, VERSION)},
            settings=SETTINGS,
        )
        series = {**self.memory.series, **decision.series}
        groups = {**self.memory.groups, **decision.groups}
        self.memory = Memory(
            {key: one for key, one in series.items() if not one.idle},
            {key: group for key, group in groups.items() if group is not None},
            versions={*self.memory.versions, *decision.versions},
        )
        self.messages += decision.notifications


def evaluations(features: int, shares: Shares, decisions: int) -> Iterator[Evaluation]:
    """Yield what an evaluator finds in windows of five minutes that follow each other."""
    rng = np.random.default_rng(7)
    level = level_of(1 / 30, features=features + 1, decisions=DECISIONS)
    for decision in range(decisions):
        found: Mapping[str, FeatureDrift] = {
            f"x{feature}": _drift(rng.multinomial(ROWS, shares(feature, decision)).tolist(), level)
            for feature in range(features)
        }
        end = as_datetime(NOON) + decision * timedelta(seconds=STEP)
        yield Evaluation(
            model=MODEL,
            version=VERSION,
            window="5m",
            start=end - timedelta(seconds=STEP),
            end=end,
            n=ROWS,
            status="complete",
            verdict=Verdict("ok", ""),
            drift=found,
        )


def _drift(values: list[int], level: float) -> FeatureDrift:
    cells = (*values, *(0,) * (len(_PLANS.cell_names) - len(values)))
    return compare(_BASELINE, FeatureCounts(_PLANS, cells), alpha=level)
