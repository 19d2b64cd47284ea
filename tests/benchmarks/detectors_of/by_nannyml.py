"""NannyML: univariate drift, each window a chunk."""

from collections.abc import Callable
from typing import Any, Final

import pandas as pd
from nannyml import UnivariateDriftCalculator
from nannyml.chunk import SizeBasedChunker

AN_HOUR: Final = 200


def _default(reference: pd.DataFrame) -> Callable[[pd.DataFrame], list[bool]]:
    calculator = UnivariateDriftCalculator(list(reference)).fit(reference)
    # The limits are those of its ten chunks of the reference; a window is still one chunk, not ten.
    calculator.chunker = SizeBasedChunker(AN_HOUR)
    return _judge(calculator)


def _alike(reference: pd.DataFrame) -> Callable[[pd.DataFrame], list[bool]]:
    return _judge(UnivariateDriftCalculator(list(reference), chunk_size=AN_HOUR).fit(reference))


def _judge(calculator: Any) -> Callable[[pd.DataFrame], list[bool]]:
    def judge(window: pd.DataFrame) -> list[bool]:
        found = calculator.calculate(window).filter(period="analysis").to_df()
        return [bool(found[name, "jensen_shannon", "alert"].item()) for name in window]

    return judge


DISTRIBUTION: Final = "nannyml"
DETECTORS: Final = {"ten reference chunks": _default, "chunks of 200": _alike}
