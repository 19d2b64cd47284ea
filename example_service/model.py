"""The model as a web worker holds it: one table of weights per feature, and no pickle."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

LATE: Final = "late"
ON_TIME: Final = "on time"
NUMBERS: Final = (
    *("dep_delay", "sched_minutes", "distance", "hour", "weekday"),
    *("temp", "wind_speed", "precip", "visib", "pressure"),
)
CATEGORIES: Final = ("carrier", "origin", "dest")
FEATURES: Final = (*NUMBERS, *CATEGORIES)

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Curve:
    """A piecewise linear function of one number.

    :param knots: where the slope changes; beyond the outer ones the weight stays.
    :param missing: the weight where the number is unknown.
    """

    knots: Sequence[float]
    weights: Sequence[float]
    missing: float

    def __call__(self, values: Sequence[Any]) -> np.ndarray:
        """Return a weight for each of the *values*, of which some may be ``None``."""
        numbers = np.array(values, dtype=float)
        weights = np.interp(numbers, self.knots, self.weights)
        return np.where(np.isnan(numbers), self.missing, weights)


@dataclass(frozen=True, slots=True)
class LateArrivals:
    """A logistic model that adds one weight per feature.

    :param numbers: the curve of each numeric feature.
    :param categories: the weights of each categorical feature's values; others weigh 0.
    """

    intercept: float
    numbers: Mapping[str, Curve]
    categories: Mapping[str, Mapping[str, float]]

    def probabilities(self, rows: Sequence[Row]) -> list[float]:
        """Return the probability of a late arrival for each flight."""
        score = np.full(len(rows), self.intercept)
        for name, curve in self.numbers.items():
            score += curve([row.get(name) for row in rows])
        for name, weights in self.categories.items():
            score += [weights.get(row.get(name), 0.0) for row in rows]  # type: ignore[arg-type]
        chances: list[float] = (1 / (1 + np.exp(-score))).round(6).tolist()
        return chances

    def save(self, path: Path) -> None:
        """Write the model as JSON."""
        path.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> "LateArrivals":
        """Read what :meth:`save` wrote."""
        saved = json.loads(path.read_text(encoding="utf-8"))
        numbers = {name: Curve(**curve) for name, curve in saved["numbers"].items()}
        return cls(saved["intercept"], numbers, saved["categories"])


def label(probability: float) -> str:
    """Name the likelier outcome."""
    return LATE if probability > 0.5 else ON_TIME


class DelayRule:
    """What a dispatcher would say without a model: who leaves late arrives late.

    :param position: where the departure delay stands in a row.
    """

    def __init__(self, position: int, *, tolerance: float = 15.0) -> None:
        self.position = position
        self.tolerance = tolerance

    def predict(self, rows: Sequence[Sequence[Any]]) -> list[str]:
        """Return an outcome for each row, on time where the delay is not a number."""
        delays = [row[self.position] for row in rows]
        return [LATE if self._is_long(delay) else ON_TIME for delay in delays]

    def _is_long(self, delay: object) -> bool:
        return isinstance(delay, int | float) and delay > self.tolerance
