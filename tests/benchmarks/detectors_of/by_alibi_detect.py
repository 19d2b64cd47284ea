"""alibi-detect: its detector for tables, at the level that is its default."""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import pandas as pd
from alibi_detect.cd import TabularDrift


def _tabular(reference: pd.DataFrame) -> Callable[[pd.DataFrame], list[bool]]:
    categories = {name: sorted(set(reference[name])) for name in reference.select_dtypes("object")}

    def numbered(frame: pd.DataFrame) -> Any:
        coded = frame.copy()
        for name, known in categories.items():
            coded[name] = pd.Categorical(frame[name], known).codes
        return coded.to_numpy(np.float64)

    places = {list(reference).index(name): None for name in categories}
    detector = TabularDrift(numbered(reference), p_val=0.05, categories_per_feature=places)

    def judge(window: pd.DataFrame) -> list[bool]:
        found = detector.predict(numbered(window))["data"]
        return [bool(one) for one in found["p_val"] < found["threshold"]]

    return judge


DISTRIBUTION: Final = "alibi-detect"
DETECTORS: Final = {"TabularDrift": _tabular}
