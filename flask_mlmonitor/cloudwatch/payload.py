"""What CloudWatch takes, and how much of it at once."""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from flask_mlmonitor.clock import as_datetime
from flask_mlmonitor.cloudwatch.figures import Datum

MOST_DATA: Final = 1000
"""How many data one request may have; like the next ones, AWS's limit."""
MOST_VALUES: Final = 150
MOST_BYTES: Final = 1_000_000
OLDEST: Final = 14 * 86_400.0
NEWEST: Final = 2 * 3600.0
LARGEST: Final = 2.0**360

DATUM_BYTES: Final = 600
"""The most that names and time take of a request, in the wordiest of AWS's protocols."""
VALUE_BYTES: Final = 136
"""Likewise, a value with its count."""
NAMESPACE_BYTES: Final = 1000


def usable(data: Iterable[Datum], now: float) -> Iterator[Datum]:
    """Yield what CloudWatch will take: of its time, finite, and no more values than it wants.

    One datum of too many values becomes several, which it adds up.
    """
    for one in data:
        if now - OLDEST < one.time < now + NEWEST:
            pairs = zip(one.values, one.counts, strict=True)
            sound = [pair for pair in pairs if _is_sound(pair[0])]
            for start in range(0, len(sound), MOST_VALUES):
                values, counts = zip(*sound[start : start + MOST_VALUES], strict=True)
                yield one._replace(values=values, counts=counts)


def fitting(data: Sequence[Datum]) -> int:
    """Return how many of the first ones go into one request."""
    left = MOST_BYTES - NAMESPACE_BYTES
    for number, one in enumerate(data[:MOST_DATA]):
        left -= DATUM_BYTES + VALUE_BYTES * len(one.values)
        if left < 0:
            return number
    return min(len(data), MOST_DATA)


def as_request(data: Iterable[Datum]) -> list[dict[str, Any]]:
    """Return them as `PutMetricData` wants them."""
    return [
        {
            "MetricName": one.name,
            "Dimensions": [
                {"Name": "Model", "Value": one.model},
                {"Name": "Version", "Value": one.version},
            ],
            "Timestamp": as_datetime(one.time),
            "Unit": one.unit,
            "Values": [float(value) for value in one.values],
            "Counts": [float(count) for count in one.counts],
        }
        for one in data
    ]


def _is_sound(value: float) -> bool:
    return math.isfinite(value) and abs(value) <= LARGEST
