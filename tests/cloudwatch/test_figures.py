"""What CloudWatch is told of a model."""

import math
import random
from itertools import pairwise

import pytest

from flask_mlmonitor.cloudwatch.figures import (
    Whose,
    evaluation_figures,
    representatives,
    request_figures,
)
from flask_mlmonitor.records import STATUSES, Row, Served
from flask_mlmonitor.stats.cells.binning import Binning
from flask_mlmonitor.stats.cells.rollup import Rollup
from tests.alerts.making import MODEL, NOON, VERSION
from tests.alerts.windows import drift, window

WHOSE = Whose(MODEL, VERSION, NOON)
COARSE = Binning(features=(), latency_bounds=(0.1, 2.0))
FINE = Binning(features=(), latency_bounds=(0.1, 0.5, 2.0))


def rollup(binning: Binning, status: str, *latencies: float) -> Rollup:
    """A minute in which requests of a status took so long."""
    number = STATUSES.index(status)
    rows = [Row([])]
    return Rollup.of(binning, [Served(0, "id", NOON, number, x, False, rows) for x in latencies])


def test_requests() -> None:
    """Of all statuses, over whatever bins: numbers and latencies, in seconds."""
    rollups = [rollup(COARSE, "success", 0.05, 0.05), rollup(FINE, "error", 1.0)]
    found = {one.name: one for one in request_figures(WHOSE, rollups)}

    assert {name: one.unit for name, one in found.items()} == {
        "Predictions": "Count",
        "Errors": "Count",
        "PredictionLatency": "Seconds",
    }
    assert [*found["Predictions"].values, *found["Errors"].values] == [3, 1]
    latency = found["PredictionLatency"]
    assert latency.counts == (2, 1)
    total = sum(v * n for v, n in zip(latency.values, latency.counts, strict=True))
    assert total == pytest.approx(1.1)
    assert {(one.model, one.version, one.time) for one in found.values()} == {WHOSE}


def test_an_idle_minute() -> None:
    """Nobody asked, which is a number; nobody waited, which is none."""
    found = {one.name: one.values for one in request_figures(WHOSE, [])}

    assert found == {"Predictions": (0,), "Errors": (0,)}


def test_latencies_make_their_sum() -> None:
    """Whatever they are, each stays in its bucket."""
    lots = random.Random(1)
    for _ in range(200):
        bounds = sorted({round(lots.uniform(0.01, 5), 3) for _ in range(lots.randint(1, 6))})
        seen = [lots.uniform(0, 2 * bounds[-1]) for _ in range(lots.randint(1, 40))]
        edges = [0.0, *bounds, 2 * bounds[-1]]
        counts = [sum(low < x <= high for x in seen) for low, high in pairwise(edges)]
        values = representatives(counts, bounds, math.fsum(seen))

        mean = sum(v * n for v, n in zip(values, counts, strict=True))
        assert mean == pytest.approx(math.fsum(seen))
        assert all(
            low <= value <= high for low, value, high in zip(edges, values, edges[1:], strict=False)
        )


def test_without_bounds() -> None:
    """All are in the open bucket, and their mean is known."""
    assert representatives([4], [], 8.0)[0] == pytest.approx(2.0)


def test_evaluations() -> None:
    """Of the longest window that was judged; the furthest feature; no unit."""
    far, near = drift(0.7), drift(0.55)
    latest = [
        window(1, drift={"plan": near}),
        window(6, drift={"plan": far, "age": near}),
        window(24, drift={"plan": drift(0.9)}, status="not_enough_data"),
    ]
    measured = [window(6, performance={"accuracy": 0.91, "f1": 0.5}, measured=True)]
    found = list(evaluation_figures(WHOSE, latest, measured))

    assert far.psi is not None
    assert [(one.name, one.unit, one.values) for one in found] == [
        ("ModelAccuracy", "None", (0.91,)),
        ("DataDriftPSI", "None", (far.psi.score,)),
    ]


def test_what_is_not_known() -> None:
    """A regression has no accuracy, a model without a baseline no drift."""
    measured = [window(6, performance={"rmse": 3.0}, measured=True)]

    assert list(evaluation_figures(WHOSE, [window(6)], measured)) == []
    assert list(evaluation_figures(WHOSE, [], [])) == []
