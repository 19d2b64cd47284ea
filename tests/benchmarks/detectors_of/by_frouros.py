"""frouros: a detector for each column, at the customary limits, as it has none of its own."""

from collections.abc import Callable
from typing import Any, Final

import pandas as pd
from frouros.detectors.data_drift import PSI, ChiSquareTest, KSTest


def _tests(reference: pd.DataFrame) -> Callable[[pd.DataFrame], list[bool]]:
    return _judge(reference, KSTest)


def _psi(reference: pd.DataFrame) -> Callable[[pd.DataFrame], list[bool]]:
    return _judge(reference, PSI)


def _judge(reference: pd.DataFrame, of_numbers: Any) -> Callable[[pd.DataFrame], list[bool]]:
    numeric = set(reference.select_dtypes("number"))
    detectors = {name: of_numbers() if name in numeric else ChiSquareTest() for name in reference}
    for name, detector in detectors.items():
        detector.fit(X=reference[name].to_numpy())

    def judge(window: pd.DataFrame) -> list[bool]:
        return [
            _has_drifted(detector.compare(X=window[name].to_numpy())[0])
            for name, detector in detectors.items()
        ]

    return judge


def _has_drifted(found: Any) -> bool:
    return bool(found.p_value < 0.05 if hasattr(found, "p_value") else found.distance > 0.25)


DISTRIBUTION: Final = "frouros"
DETECTORS: Final = {"KS, chi-square, p < 0.05": _tests, "PSI > 0.25, chi-square": _psi}
