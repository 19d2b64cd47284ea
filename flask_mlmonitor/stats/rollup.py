"""What happened in one minute of one model and version, as counts that add up.

Minutes add to hours and days, parts of hosts to the whole, as long as their binning is the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Self

import msgspec
import numpy as np

from flask_mlmonitor.records import STATUSES, Served
from flask_mlmonitor.stats.binning import Binning
from flask_mlmonitor.stats.columns import (
    MOMENTS,
    ColumnCounter,
    Counts,
    Floats,
    merged,
    transposed,
)
from flask_mlmonitor.stats.counts import FeatureCounts, Moments
from flask_mlmonitor.stats.operations import Operations, count_operations, operation_cells
from flask_mlmonitor.stats.packing import pack, unpack
from flask_mlmonitor.stats.scores import SUMS, Scores, count_scores, score_cells

_ANSWERED: Final = frozenset({STATUSES.index("success"), STATUSES.index("fallback")})


class PackedRollup(msgspec.Struct, frozen=True):
    """A rollup as the store keeps it; each block as :mod:`~flask_mlmonitor.stats.packing` says.

    :param n: rows of every status.
    :param operations: counts in the order of :class:`Operations`; the sum of the latencies.
    :param counts: the cells of all features, end to end.
    :param moments: no counts; for n, sum, sum of squares, minimum and maximum in turn, one number
        per numeric feature.
    :param predictions: the cells of the prediction, unscored rows, then per scored class the
        score cells of the rows not predicted and predicted as it; the sums of each scored class;
        of a regression the moments.
    """

    n: int
    operations: bytes
    counts: bytes
    moments: bytes
    predictions: bytes


class _Layout:
    """The column counters and block sizes of a binning."""

    def __init__(self, binning: Binning) -> None:
        self.features = ColumnCounter(binning.features)
        self.places = {bins.name: place for place, bins in enumerate(binning.features)}
        self.prediction = ColumnCounter([binning.prediction] if binning.prediction else [])
        self.operations = operation_cells(binning.latency_bounds)
        self.scores = score_cells(binning)
        self.classes = len(binning.scored)


_layout = lru_cache(maxsize=64)(_Layout)


@dataclass(frozen=True, slots=True, eq=False)
class Rollup:
    """The counts of some requests to one model and version.

    :meth:`of` counts, ``+`` adds, :meth:`pack` and :meth:`unpack` are the way to the store and
    back; everything else reads. The sum of nothing is ``Rollup.of(binning, ())``.
    """

    binning: Binning
    _operations: Counts
    _latency_sum: float
    _cells: Counts
    _moments: Floats
    _prediction_cells: Counts
    _prediction_moments: Floats
    _score_cells: Counts
    _score_sums: Floats

    @classmethod
    def of(cls, binning: Binning, served: Sequence[Served]) -> Self:
        """Count requests, whatever values they hold.

        Rows of every status count as input, unless their features were too large to be kept;
        predictions and probabilities only where the model or its fallback answered.
        """
        layout = _layout(binning)
        rows = [row for request in served if not request.truncated for row in request.rows]
        answered = [
            row for request in served if request.status in _ANSWERED for row in request.rows
        ]
        columns = transposed(rows, len(binning.features))
        predictions = [[row.prediction for row in answered]] if binning.prediction else []
        return cls(
            binning,
            *count_operations(served, binning.latency_bounds),
            *layout.features.count(columns, len(rows)),
            *layout.prediction.count(predictions, len(answered)),
            *count_scores(binning, answered),
        )

    def __add__(self, other: Self) -> Self:
        if self.binning != other.binning:
            raise ValueError("rollups over different bins do not add")
        return type(self)(
            self.binning,
            self._operations + other._operations,
            self._latency_sum + other._latency_sum,
            self._cells + other._cells,
            merged(self._moments, other._moments),
            self._prediction_cells + other._prediction_cells,
            merged(self._prediction_moments, other._prediction_moments),
            self._score_cells + other._score_cells,
            self._score_sums + other._score_sums,
        )

    def pack(self) -> PackedRollup:
        """Return the blocks for the store."""
        none = np.zeros(0, np.int64)
        counts = np.concatenate([self._prediction_cells, self._score_cells])
        sums = np.concatenate([self._score_sums.ravel(), self._prediction_moments.ravel()])
        return PackedRollup(
            self.n,
            pack(self._operations, np.array([self._latency_sum])),
            pack(self._cells, np.zeros(0)),
            pack(none, self._moments.ravel()),
            pack(counts, sums),
        )

    @classmethod
    def unpack(cls, binning: Binning, packed: PackedRollup) -> Self:
        """Read the blocks of a rollup; :exc:`ValueError` if they are not of this binning."""
        layout = _layout(binning)
        numeric, regression = len(layout.features.numeric), len(layout.prediction.numeric)
        score_sums = layout.classes * SUMS
        operations, (latency_sum,) = unpack(packed.operations, layout.operations, 1)
        cells, _ = unpack(packed.counts, layout.features.size, 0)
        _, moments = unpack(packed.moments, 0, MOMENTS * numeric)
        counts, sums = unpack(
            packed.predictions,
            layout.prediction.size + layout.scores,
            score_sums + MOMENTS * regression,
        )
        return cls(
            binning,
            operations,
            float(latency_sum),
            cells,
            moments.reshape(MOMENTS, numeric),
            counts[: layout.prediction.size],
            sums[score_sums:].reshape(MOMENTS, regression),
            counts[layout.prediction.size :],
            sums[:score_sums].reshape(layout.classes, SUMS),
        )

    @property
    def n(self) -> int:
        """The rows of every status; an unreadable request counts as one."""
        return sum(self.operations.rows.values())

    @property
    def operations(self) -> Operations:
        """Requests, statuses, errors, fallbacks and latencies."""
        return Operations.of(self._operations, self._latency_sum)

    def feature(self, name: str) -> FeatureCounts:
        """Return the counts of a feature; :exc:`KeyError` if the binning has none such."""
        features = _layout(self.binning).features
        place = _layout(self.binning).places[name]
        cells = self._cells[features.starts[place] : features.starts[place + 1]]
        return FeatureCounts(features.features[place], tuple(cells.tolist()))

    def moments(self, name: str) -> Moments:
        """Return the moments of a numeric feature; :exc:`ValueError` if it is another kind."""
        layout = _layout(self.binning)
        column = layout.features.numeric.index(layout.places[name])
        return Moments.of(self._moments[:, column].tolist(), layout.features.means[column])

    @property
    def predictions(self) -> FeatureCounts | None:
        """The counts of the predictions; ``None`` without a baseline for them."""
        bins = self.binning.prediction
        if bins is None:
            return None
        return FeatureCounts(bins, tuple(self._prediction_cells.tolist()))

    @property
    def prediction_moments(self) -> Moments | None:
        """The moments of a regression's predictions."""
        means = _layout(self.binning).prediction.means
        if not len(means):
            return None
        return Moments.of(self._prediction_moments[:, 0].tolist(), means[0])

    @property
    def unscored(self) -> int:
        """Rows with a probability that could not be used."""
        return int(self._score_cells[0])

    @property
    def scores(self) -> dict[str, Scores]:
        """The probabilities of each scored class."""
        cells = self._score_cells[1:].reshape(-1, 2, Binning.SCORE_CELLS).tolist()
        parts = zip(self.binning.scored, cells, self._score_sums.tolist(), strict=True)
        return {
            name: Scores(tuple(others), tuple(own), *sums) for name, (others, own), sums in parts
        }
