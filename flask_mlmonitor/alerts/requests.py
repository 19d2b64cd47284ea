"""The requests of the last minutes, added up over whatever they were counted in."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple, Self

from flask_mlmonitor.records import STATUSES
from flask_mlmonitor.stats.cells.rollup import Rollup


class Requests(NamedTuple):
    """What became of some requests.

    :param number: of requests; a batch is one.
    :param rows: their rows per status.
    :param latencies: requests per bucket; the last one is open.
    :param bounds: of the buckets, each the highest latency in it.
    """

    number: int
    rows: Mapping[str, int]
    latencies: Sequence[int]
    bounds: Sequence[float]

    @classmethod
    def of(cls, rollups: Sequence[Rollup]) -> Self:
        """Add them up, their latencies over the bounds that all of them have."""
        found = [(one.operations, one.binning.latency_bounds) for one in rollups]
        bounds = sorted(set.intersection(*(set(bounds) for _, bounds in found))) if found else []
        latencies = [_within(one.latencies, own, bounds) for one, own in found]
        return cls(
            number=sum(one.requests for one, _ in found),
            rows={name: sum(one.rows[name] for one, _ in found) for name in STATUSES},
            latencies=[sum(counts) for counts in zip(*latencies, strict=True)],
            bounds=bounds,
        )

    def slower(self, limit: float) -> int:
        """Return how many took longer than *limit*, one of the bounds."""
        return sum(self.latencies[bisect_left(self.bounds, limit) + 1 :])

    def quantile(self, share: float) -> float:
        """Return a latency, linear between the bounds as in Prometheus; above all, the highest.

        >>> Requests(100, {}, [90, 10, 0], [1.0, 2.0]).quantile(0.95)
        1.5
        """
        rank = share * sum(self.latencies)
        lows = [0.0, *self.bounds]
        below = [0, *accumulate(self.latencies)]
        for place, high in enumerate(self.bounds):
            if below[place + 1] >= rank:
                inside = (rank - below[place]) / max(1, self.latencies[place])
                return lows[place] + (high - lows[place]) * inside
        return lows[-1]


def _within(
    counts: Sequence[int], bounds: Sequence[float], wanted: Sequence[float]
) -> Sequence[int]:
    """Return counts over fewer bounds, all of them among the old ones."""
    below = [0, *accumulate(counts)]
    ends = [0, *(below[bisect_left(bounds, bound) + 1] for bound in wanted), below[-1]]
    return [end - start for start, end in pairwise(ends)]
