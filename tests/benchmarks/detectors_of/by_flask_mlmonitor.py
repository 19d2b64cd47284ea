"""flask-mlmonitor: the comparison with a baseline, under the default budget of false alarms."""

from collections.abc import Callable
from typing import Final

import pandas as pd

from flask_mlmonitor import Baseline


def _baseline(reference: pd.DataFrame) -> Callable[[pd.DataFrame], list[bool]]:
    baseline = Baseline.from_dataframe(reference)

    def judge(window: pd.DataFrame) -> list[bool]:
        drifts = baseline.drift(window).values()
        return [drift.status in ("moderate", "significant") for drift in drifts]

    return judge


DISTRIBUTION: Final = "flask-mlmonitor"
DETECTORS: Final = {"Baseline.drift": _baseline}
