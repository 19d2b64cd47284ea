"""What happened in one minute of one model and version, as counts that add up.

Minutes add to hours and days, parts of hosts to the whole, as long as their binning is the same.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Self

import msgspec
import numpy as np

from flask_mlmonitor.records import Served
from flask_mlmonitor.stats.cells.binning import Binning
from flask_mlmonitor.stats.cells.columns import MOMENTS, ColumnCounter, Counts, transposed
from flask_mlmonitor.stats.cells.counts import FeatureCounts, Moments
from flask_mlmonitor.stats.cells.operations import (
    ANSWERED,
    Operations,
    count_operations,
    operation_cells,
)
from flask_mlmonitor.stats.cells.packing import Block, Shape, add_up, added, pack
from flask_mlmonitor.stats.cells.scores import Scores, count_scores, score_cells


class PackedRollup(msgspec.Struct, frozen=True):
    """A rollup as the store keeps it.

    Each block is as :mod:`~flask_mlmonitor.stats.cells.packing` says.

    :param n: rows of every status.
    :param operations: counts in the order of :class:`Operations`; the sum of the latencies.
    :param predictions: the cells of the prediction, unscored rows, then per scored class the
        score cells of the rows not predicted and predicted as it; of a regression the moments.
    :param counts: the cells of all features, end to end.
    :param moments: no counts; for n, sum, sum of squares, minimum and maximum in turn, one number
        per numeric feature.
    """

    n: int
    operations: bytes
    predictions: bytes
    counts: bytes
    moments: bytes


BLOCKS: Final = PackedRollup.__struct_fields__[1:]


class _Layout:
    """The column counters and block sizes of a binning."""

    def __init__(self, binning: Binning) -> None:
        self.features = ColumnCounter(binning.features)
        self.places = {bins.name: place for place, bins in enumerate(binning.features)}
        self.prediction = ColumnCounter([binning.prediction] if binning.prediction else [])
        numeric, regression = len(self.features.numeric), len(self.prediction.numeric)
        self.shapes = {
            "operations": Shape(operation_cells(binning.latency_bounds), sums=1),
            "predictions": Shape(
                self.prediction.size + score_cells(binning),
                sums=(MOMENTS - 2) * regression,
                extremes=regression,
            ),
            "counts": Shape(self.features.size),
            "moments": Shape(0, sums=(MOMENTS - 2) * numeric, extremes=numeric),
        }


_layout = lru_cache(maxsize=64)(_Layout)


@dataclass(frozen=True, slots=True, eq=False)
class Rollup:
    """The counts of some requests to one model and version.

    :meth:`of` counts, ``+`` adds, :meth:`pack` and :meth:`unpack` are the way to the store and
    back; everything else reads. The sum of nothing is ``Rollup.of(binning, ())``. What needs a
    block that :meth:`add_up` was not given raises :exc:`ValueError`.
    """

    binning: Binning
    _blocks: Mapping[str, Block]

    @classmethod
    def of(cls, binning: Binning, served: Sequence[Served]) -> Self:
        """Count requests, whatever values they hold.

        Rows of every status count as input, unless their features were too large to be kept;
        predictions and probabilities only where the model or its fallback answered.
        """
        layout = _layout(binning)
        rows = [row for request in served if not request.truncated for row in request.rows]
        answered = [row for request in served if request.status in ANSWERED for row in request.rows]
        columns = transposed(rows, len(binning.features))
        predictions = [[row.prediction for row in answered]] if binning.prediction else []
        operations, latency_sum = count_operations(served, binning.latency_bounds)
        counts, moments = layout.features.count(columns, len(rows))
        cells, of_predictions = layout.prediction.count(predictions, len(answered))
        scores = count_scores(binning, answered)
        blocks = {
            "operations": Block(operations, np.array([latency_sum])),
            "predictions": Block(np.concatenate([cells, scores]), of_predictions.ravel()),
            "counts": Block(counts, np.zeros(0)),
            "moments": Block(np.zeros(0, np.int64), moments.ravel()),
        }
        return cls(binning, blocks)

    @classmethod
    def add_up(cls, binning: Binning, packed: Mapping[str, Iterable[bytes]]) -> Self:
        """Add up the blocks of any number of packed rollups, those of :data:`BLOCKS` given.

        :raises ValueError: if one is not of this binning.
        """
        shapes = _layout(binning).shapes
        return cls(binning, {name: add_up(shapes[name], parts) for name, parts in packed.items()})

    def __add__(self, other: Self) -> Self:
        if self.binning != other.binning:
            raise ValueError("rollups over different bins do not add")
        shapes = _layout(self.binning).shapes
        blocks = {
            name: added(block, other._block(name), shapes[name])
            for name, block in self._blocks.items()
        }
        return type(self)(self.binning, blocks)

    def pack(self) -> PackedRollup:
        """Return the blocks for the store."""
        return PackedRollup(self.n, *(pack(self._block(name)) for name in BLOCKS))

    @classmethod
    def unpack(cls, binning: Binning, packed: PackedRollup) -> Self:
        """Read the blocks of a rollup; :exc:`ValueError` if they are not of this binning."""
        return cls.add_up(binning, {name: [getattr(packed, name)] for name in BLOCKS})

    def _block(self, name: str) -> Block:
        if name not in self._blocks:
            raise ValueError(f"this rollup was read without its {name}: ask for that block too")
        return self._blocks[name]

    @property
    def n(self) -> int:
        """The rows of every status; an unreadable request counts as one."""
        return sum(self.operations.rows.values())

    @property
    def operations(self) -> Operations:
        """Requests, statuses, errors, fallbacks and latencies."""
        counts, (latency_sum,) = self._block("operations")
        return Operations.of(counts, float(latency_sum))

    def feature(self, name: str) -> FeatureCounts:
        """Return the counts of a feature; :exc:`KeyError` if the binning has none such."""
        features = _layout(self.binning).features
        place = _layout(self.binning).places[name]
        counts = self._block("counts").counts
        cells = counts[features.starts[place] : features.starts[place + 1]]
        return FeatureCounts(features.features[place], tuple(cells.tolist()))

    def moments(self, name: str) -> Moments:
        """Return the moments of a numeric feature; :exc:`ValueError` if it is another kind."""
        layout = _layout(self.binning)
        column = layout.features.numeric.index(layout.places[name])
        moments = self._block("moments").floats.reshape(MOMENTS, -1)
        return Moments.of(moments[:, column].tolist(), layout.features.means[column])

    @property
    def predictions(self) -> FeatureCounts | None:
        """The counts of the predictions; ``None`` without a baseline for them."""
        bins = self.binning.prediction
        if bins is None:
            return None
        cells = self._block("predictions").counts[: _layout(self.binning).prediction.size]
        return FeatureCounts(bins, tuple(cells.tolist()))

    @property
    def prediction_moments(self) -> Moments | None:
        """The moments of a regression's predictions."""
        layout = _layout(self.binning)
        if not len(layout.prediction.means):
            return None
        moments = self._block("predictions").floats
        return Moments.of(moments.tolist(), layout.prediction.means[0])

    @property
    def unscored(self) -> int:
        """Rows with a probability that could not be used."""
        return int(self._score_cells[0])

    @property
    def scores(self) -> dict[str, Scores]:
        """The probabilities of each scored class."""
        classes = len(self.binning.scored)
        cells = self._score_cells[1:].reshape(classes, 2, Binning.SCORE_CELLS).tolist()
        parts = zip(self.binning.scored, cells, strict=True)
        return {name: Scores(tuple(others), tuple(own)) for name, (others, own) in parts}

    @property
    def _score_cells(self) -> Counts:
        return self._block("predictions").counts[_layout(self.binning).prediction.size :]
