"""What is sent keeps to AWS's limits."""

from urllib.parse import urlencode

import pytest
from botocore.serialize import create_serializer

from flask_mlmonitor.cloudwatch.figures import Datum
from flask_mlmonitor.cloudwatch.payload import (
    LARGEST,
    MOST_BYTES,
    MOST_DATA,
    MOST_VALUES,
    NEWEST,
    OLDEST,
    as_request,
    fitting,
    usable,
)
from flask_mlmonitor.cloudwatch.sender import connect

NOW = 1_772_452_800.0
NAN, INFINITE = float("nan"), float("inf")


def datum(*values: float, time: float = NOW, name: str = "PredictionLatency") -> Datum:
    """Values of a model with the longest names."""
    counts = range(1, len(values) + 1)
    return Datum(name, "m" * 64, "v" * 64, time, "Seconds", values, counts)


@pytest.mark.parametrize(
    ("age", "taken"),
    [(0, True), (OLDEST - 1, True), (OLDEST + 1, False), (1 - NEWEST, True), (-NEWEST - 1, False)],
)
def test_time(age: float, taken: bool) -> None:
    """Two weeks back, two hours ahead."""
    assert bool(list(usable([datum(1.0, time=NOW - age)], NOW))) is taken


def test_numbers() -> None:
    """What is no number is left out with its count; of nothing else nothing is sent."""
    wild = (NAN, 1.0, INFINITE, 2 * LARGEST, -INFINITE, 2.0)
    (one,) = usable([datum(*wild), datum(NAN)], NOW)

    assert (one.values, one.counts) == ((1.0, 2.0), (2, 6))


def test_values() -> None:
    """Too many become several, of which none is lost."""
    values = [float(number) for number in range(2 * MOST_VALUES + 1)]
    parts = list(usable([datum(*values)], NOW))

    assert [len(part.values) for part in parts] == [MOST_VALUES, MOST_VALUES, 1]
    assert [value for part in parts for value in part.values] == values
    assert [count for part in parts for count in part.counts] == list(range(1, len(values) + 1))


def test_data() -> None:
    """A thousand at once, and what is left with the next."""
    data = [datum(1.0)] * (MOST_DATA + 1)

    assert fitting(data) == MOST_DATA
    assert fitting(data[:3]) == 3
    assert fitting([]) == 0


def test_bytes() -> None:
    """In AWS's wordiest protocol the largest requests are below the limit, and no tiny ones."""
    put = connect().meta.service_model.operation_model("PutMetricData")
    for values in (1, 3, MOST_VALUES):
        # There is no longer number, and no longer name of a namespace, all of it escaped.
        data = [datum(*[-1.2345678901234567e-100] * values)] * MOST_DATA
        number = fitting(data)
        request = {"Namespace": "/" * 255, "MetricData": as_request(data[:number])}
        query = create_serializer("query").serialize_to_request(request, put)
        size = len(urlencode(query["body"]))

        assert MOST_BYTES / 2 < size <= MOST_BYTES
        assert number == MOST_DATA or values > 1
