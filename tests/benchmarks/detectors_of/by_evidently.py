"""Evidently: what its preset says of each column."""

from collections.abc import Callable
from typing import Final

import pandas as pd
from evidently import DataDefinition, Dataset, Report
from evidently.presets import DataDriftPreset


def _preset(reference: pd.DataFrame) -> Callable[[pd.DataFrame], list[bool]]:
    kinds = DataDefinition(
        numerical_columns=list(reference.select_dtypes("number")),
        categorical_columns=list(reference.select_dtypes("object")),
    )
    known = Dataset.from_pandas(reference, data_definition=kinds)
    report = Report([DataDriftPreset()], include_tests=True)

    def judge(window: pd.DataFrame) -> list[bool]:
        found = report.run(Dataset.from_pandas(window, data_definition=kinds), known).dict()
        status = {
            test["metric_config"]["params"].get("column"): test["status"].value
            for test in found["tests"]
        }
        return [status[name] == "FAIL" for name in window]

    return judge


DISTRIBUTION: Final = "evidently"
DETECTORS: Final = {"DataDriftPreset": _preset}
