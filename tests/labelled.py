"""Predictions whose truth is known to the test: what a model says, and what customers do."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from flask_mlmonitor import Baseline
from tests.web.truths import URL

if TYPE_CHECKING:
    from tests.conftest import Service


def customers(
    rng: np.random.Generator,
    n: int,
    *,
    age: float = 45.0,
    leaving: float = 1.0,
    changed: float = 0.0,
) -> pd.DataFrame:
    """Return customers: what is known of them, how probable it is that they leave, and the truth.

    :param age: their mean, of which nothing follows.
    :param leaving: by how much the odds grew that a customer leaves.
    :param changed: the share of which the opposite came true.
    """
    chances = rng.beta(0.5, 0.5, 8 * n)
    left = rng.random(8 * n) < chances
    kept = np.flatnonzero(left | (rng.random(8 * n) < 1 / leaving))[:n]
    chances, left = chances[kept], left[kept] ^ (rng.random(n) < changed)
    said = chances > 0.5
    return pd.DataFrame(
        {"age": rng.normal(age, 10, n), "chance": chances, "said": said, "left": left}
    )


def baseline_of(some: pd.DataFrame) -> Baseline:
    """Return a baseline of customers that the model had not seen."""
    return Baseline.from_dataframe(
        some[["age"]],
        target=some["left"],
        predictions=some["said"],
        probabilities=some["chance"].to_numpy(),
    )


def predict(
    service: "Service", some: pd.DataFrame, time: datetime, *, version: str = "1"
) -> list[str]:
    """Record what the model said at a time; return the predictions' ids."""
    with service.app.app_context():
        return [
            service.monitor.record_prediction(
                "churn",
                {"age": one.age},
                one.said,
                version=version,
                probability=one.chance,
                time=time,
            )
            for one in some.itertuples()
        ]


def tell(service: "Service", keys: Sequence[str], values: Iterable[Any], time: datetime) -> None:
    """Report the truth of predictions, known at a time."""
    service.flush()
    known = [
        {"prediction_id": key, "value": value, "time": time.isoformat()}
        for key, value in zip(keys, values, strict=True)
    ]
    answer = service.client.post(URL, json=known)
    assert answer.get_json()["accepted"] == len(keys), answer.text
