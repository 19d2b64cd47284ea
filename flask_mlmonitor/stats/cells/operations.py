"""What happened to requests: statuses, errors, fallbacks and latencies as one vector of counts."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from flask_mlmonitor.records import ERROR_TYPES, FALLBACK_REASONS, STATUSES, Served
from flask_mlmonitor.stats.cells.columns import Counts

ANSWERED: Final = frozenset({STATUSES.index("success"), STATUSES.index("fallback")})
"""The statuses of requests that the model or its fallback answered, as indices."""

_FIXED: Final = 1 + len(STATUSES) + len(ERROR_TYPES) + len(FALLBACK_REASONS) + 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Operations:
    """Requests and their rows, added up.

    :param requests: how many requests; a batch is one.
    :param rows: rows per status; an unreadable request counts as one row.
    :param errors: requests per error type.
    :param fallbacks: requests per reason for a fallback.
    :param truncated: rows whose features were too large to be kept.
    :param extra: rows with fields that the baseline does not know.
    :param stored: rows with a value that are in the sample: ground truth can be joined to those.
    :param latencies: requests per latency bucket; the last one is open.
    :param latency_sum: seconds.
    """

    requests: int
    rows: Mapping[str, int]
    errors: Mapping[str, int]
    fallbacks: Mapping[str, int]
    truncated: int
    extra: int
    stored: int
    latencies: tuple[int, ...]
    latency_sum: float

    @classmethod
    def of(cls, counts: Counts, latency_sum: float) -> Self:
        """Name the numbers of :func:`count_operations`."""
        numbers = iter(counts.tolist())
        return cls(
            requests=next(numbers),
            rows={status: next(numbers) for status in STATUSES},
            errors={error: next(numbers) for error in ERROR_TYPES},
            fallbacks={reason: next(numbers) for reason in FALLBACK_REASONS},
            truncated=next(numbers),
            extra=next(numbers),
            stored=next(numbers),
            latencies=tuple(numbers),
            latency_sum=latency_sum,
        )


def operation_cells(bounds: Sequence[float]) -> int:
    """Return the length of the vector for these latency bounds."""
    return _FIXED + len(bounds) + 1


def count_operations(served: Sequence[Served], bounds: Sequence[float]) -> tuple[Counts, float]:
    """Return the counts, in the order of :class:`Operations`, and the sum of the latencies.

    A latency equal to a bound lies below it, as in Prometheus.
    """
    rows: Counter[int] = Counter()
    for request in served:
        rows[request.status] += len(request.rows) or 1
    requests = [request for request in served if not request.first]  # the parts of one are one
    errors = Counter(request.error for request in requests)
    reasons = Counter(request.reason for request in requests)
    latencies = [request.latency for request in requests if request.latency is not None]
    buckets = np.bincount(np.searchsorted(bounds, latencies), minlength=len(bounds) + 1)
    counts = [
        len(requests),
        *(rows[status] for status in range(len(STATUSES))),
        *(errors[error] for error in range(len(ERROR_TYPES))),
        *(reasons[reason] for reason in range(len(FALLBACK_REASONS))),
        sum(len(request.rows) for request in served if request.truncated),
        sum(1 for request in served for row in request.rows if row.extra is not None),
        sum(
            row.prediction is not None
            for request in served
            if request.stored and request.status in ANSWERED
            for row in request.rows
        ),
        *buckets.tolist(),
    ]
    return np.array(counts, np.int64), float(sum(latencies))
