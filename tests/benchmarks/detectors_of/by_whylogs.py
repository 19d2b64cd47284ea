"""whylogs: its verdicts on the profiles of a window and of the reference."""

from collections.abc import Callable
from typing import Final

import pandas as pd
import whylogs
from whylogs.viz.drift.column_drift_algorithms import calculate_drift_scores


def _profiles(reference: pd.DataFrame) -> Callable[[pd.DataFrame], list[bool]]:
    known = whylogs.log(reference).view()

    def judge(window: pd.DataFrame) -> list[bool]:
        seen = whylogs.log(window).view()
        found = calculate_drift_scores(seen, known, with_thresholds=True)
        return [found[name]["drift_category"] == "DRIFT" for name in window]

    return judge


DISTRIBUTION: Final = "whylogs"
DETECTORS: Final = {"drift scores": _profiles}
