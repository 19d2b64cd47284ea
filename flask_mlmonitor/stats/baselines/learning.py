"""A baseline from what production predicted, where the training data is out of reach."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from flask_mlmonitor.exceptions import NotEnoughData
from flask_mlmonitor.stats.baselines.baseline import Baseline
from flask_mlmonitor.stats.drift.comparing import MIN_SAMPLES


class Example(NamedTuple):
    """One prediction: its features, and the value that it has."""

    features: Mapping[str, Any]
    prediction: Any


def learned(examples: Iterable[Example], *, rows: int) -> Baseline:
    """Return the baseline of the first *rows* predictions.

    >>> examples = [Example({"age": n % 50}, n % 3 == 0) for n in range(1000)]
    >>> learned(examples, rows=500)
    <Baseline: 1 features, 500 rows, classification>

    :raises NotEnoughData: when there are not so many, or fewer than 200 are asked for.
    :raises BaselineError: when the values are such as no baseline can be made of.
    """
    import pandas as pd

    needed = max(rows, MIN_SAMPLES)  # else chance would be called a drift
    first = [example for example, _ in zip(examples, range(needed), strict=False)]
    if len(first) < needed:
        raise NotEnoughData(len(first), needed)
    frame = pd.DataFrame([dict(example.features) for example in first], dtype=object)
    for name in frame.columns:
        frame[name] = frame[name].where(frame[name].notna(), None)
    return Baseline.from_dataframe(frame, predictions=[one.prediction for one in first])
