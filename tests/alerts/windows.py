"""Windows as an evaluator finds them."""

from datetime import timedelta
from typing import Any

from flask_mlmonitor.clock import as_datetime
from flask_mlmonitor.stats.cells.binning import FeatureBins
from flask_mlmonitor.stats.cells.counts import FeatureCounts
from flask_mlmonitor.stats.drift.comparing import FeatureDrift, compare
from flask_mlmonitor.stats.verdicts.evaluation import Evaluation, Verdict
from tests.alerts.making import MODEL, NOON, VERSION

PLANS = FeatureBins("plan", "categorical", categories=("a", "b"))


def drift(share: float, n: int = 10_000) -> FeatureDrift:
    """Compare a window in which *share* are "a" with a baseline in which half are."""
    a = round(share * n)
    rest = (0,) * (len(PLANS.cell_names) - 2)
    baseline = FeatureCounts(PLANS, (5000, 5000, *rest))
    return compare(baseline, FeatureCounts(PLANS, (a, n - a, *rest)), alpha=1e-6)


def window(hours: int = 1, **given: Any) -> Evaluation:
    """Evaluate the hours before noon."""
    end = as_datetime(NOON)
    fields: dict[str, Any] = {
        "model": MODEL,
        "version": VERSION,
        "window": f"{hours}h",
        "start": end - timedelta(hours=hours),
        "end": end,
        "n": 10_000,
        "status": "complete",
        "verdict": Verdict("ok", ""),
    }
    return Evaluation(**fields | given)
