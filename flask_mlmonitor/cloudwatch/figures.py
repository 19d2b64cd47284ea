"""What CloudWatch is told of a model: requests by the minute, and the last evaluation."""

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from flask_mlmonitor.alerts.requests import Requests
from flask_mlmonitor.stats.cells.rollup import Rollup
from flask_mlmonitor.stats.verdicts.evaluation import Evaluation, longest

NO_UNIT: Final = "None"
"""As CloudWatch calls it."""


class Datum(NamedTuple):
    """A figure of a model, at one moment or of the minute that begins then.

    :param time: seconds since the epoch.
    :param counts: how often each of the values came.
    """

    name: str
    model: str
    version: str
    time: float
    unit: str
    values: Sequence[float]
    counts: Sequence[int] = (1,)


class Whose(NamedTuple):
    """Whose figures they are, and of when."""

    model: str
    version: str
    time: float

    def datum(self, name: str, unit: str, value: float) -> Datum:
        """Return one value."""
        return Datum(name, *self, unit, (value,))


def request_figures(whose: Whose, rollups: Sequence[Rollup]) -> Iterator[Datum]:
    """Yield what became of the requests of a minute; of none there is no latency."""
    requests = Requests.of(rollups)
    yield whose.datum("Predictions", "Count", sum(requests.rows.values()))
    yield whose.datum("Errors", "Count", requests.rows["error"])
    if any(requests.latencies):
        total = math.fsum(one.operations.latency_sum for one in rollups)
        values = representatives(requests.latencies, requests.bounds, total)
        pairs = [pair for pair in zip(values, requests.latencies, strict=True) if pair[1]]
        yield Datum("PredictionLatency", *whose, "Seconds", *zip(*pairs, strict=True))


def evaluation_figures(
    whose: Whose, evaluations: Sequence[Evaluation], measured: Sequence[Evaluation]
) -> Iterator[Datum]:
    """Yield accuracy and drift, as far as they are known, of the longest windows.

    :param evaluations: the last one of each window.
    :param measured: the last one of each window of whose predictions enough got ground truth.
    """
    known = longest(measured)
    if known is not None and "accuracy" in known.performance:
        yield whose.datum("ModelAccuracy", NO_UNIT, known.performance["accuracy"])
    judged = longest(evaluations)
    drift = [] if judged is None else judged.drift.values()
    if scores := [one.psi.score for one in drift if one.psi is not None]:
        yield whose.datum("DataDriftPSI", NO_UNIT, max(scores))


def representatives(
    counts: Sequence[int], bounds: Sequence[float], total: float
) -> tuple[float, ...]:
    """Return a latency for each bucket so that together they make *total*.

    All lie equally far into their buckets. The open bucket counts as reaching from the highest
    bound to twice that; what is slower makes a sum that is too small.

    >>> representatives([2, 2, 0], [1.0, 2.0], 5.0)
    (0.75, 1.75, 3.5)
    """
    edges = [0.0, *bounds, 2 * (bounds[-1] if bounds else total / max(1, sum(counts)))]
    widths = [high - low for low, high in pairwise(edges)]
    least = sum(count * low for count, low in zip(counts, edges, strict=False))
    room = sum(count * width for count, width in zip(counts, widths, strict=True))
    share = min(1.0, max(0.0, (total - least) / room)) if room else 0.0
    return tuple(low + share * width for low, width in zip(edges, widths, strict=False))
