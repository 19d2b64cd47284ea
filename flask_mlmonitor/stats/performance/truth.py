"""Predictions whose ground truth is known, as counts and sums that add up.

Hours add to windows, parts of hours to the whole, as long as their layout is the same;
:func:`flask_mlmonitor.stats.performance.measuring.measure` makes figures of them.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, NamedTuple, Self

import msgspec
import numpy as np

from flask_mlmonitor.stats.baselines.numeric import FEW_VALUES
from flask_mlmonitor.stats.cells.binning import FeatureBins
from flask_mlmonitor.stats.cells.columns import ColumnCounter, Counts, Floats, numbers_of
from flask_mlmonitor.stats.cells.counts import FeatureCounts
from flask_mlmonitor.stats.cells.packing import opened, pieces, sealed
from flask_mlmonitor.stats.cells.scores import Places
from flask_mlmonitor.stats.cells.sparse import Sparse
from flask_mlmonitor.stats.measures.errors import ErrorSums
from flask_mlmonitor.stats.measures.losses import LossSums
from flask_mlmonitor.stats.measures.ranking import FINEST, Ranking, scored
from flask_mlmonitor.stats.performance.confusion import Confusion, Labels
from flask_mlmonitor.stats.performance.layout import TruthLayout

__all__ = ["TruthLayout", "TruthRow", "TruthSums"]


class TruthRow(NamedTuple):
    """One prediction whose ground truth is known; values as decoded from JSON.

    :param delay: seconds from the prediction to its ground truth.
    """

    prediction: Any
    probability: Any
    value: Any
    delay: float


class Totals(NamedTuple):
    """How many rows there were.

    :param rows: all.
    :param nameless: whose truth names no class.
    :param numberless: whose truth is no finite number.
    :param pairs: whose truth and prediction both name a class.
    :param numbers: whose truth and prediction both are finite numbers.
    :param fractions: of these, where at least one is not whole.
    """

    rows: int = 0
    nameless: int = 0
    numberless: int = 0
    pairs: int = 0
    numbers: int = 0
    fractions: int = 0


class _Packed(msgspec.Struct, array_like=True):
    totals: Totals
    delays: float
    others: tuple[str, ...] | None
    pairs: tuple[bytes, bytes]
    level: int
    ranks: tuple[bytes, bytes]
    cells: tuple[bytes, bytes] | None
    losses: LossSums
    errors: ErrorSums
    truths: tuple[bytes, bytes]


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(_Packed).decode


@dataclass(frozen=True, slots=True, eq=False)
class TruthSums:
    """The counts and sums of some predictions whose ground truth is known.

    :meth:`of` counts, ``+`` and :meth:`add_up` add, :meth:`pack` and :meth:`unpack` are the way to
    the store and back; everything else reads. The sum of nothing is ``TruthSums.of(layout, ())``.

    >>> layout = TruthLayout()
    >>> sums = TruthSums.of(layout, [TruthRow("yes", None, "no", 60.0)])
    >>> both = sums + TruthSums.of(layout, [TruthRow("yes", None, None, 0.0)])
    >>> both.n, both.unusable, both.delay, dict(both.confusion)
    (1, 1, 30.0, {('no', 'yes'): 1})
    """

    layout: TruthLayout
    totals: Totals
    delays: float
    pairs: Confusion
    ranking: Ranking
    losses: LossSums
    errors: ErrorSums
    truths: Sparse

    @classmethod
    def of(cls, layout: TruthLayout, rows: Iterable[TruthRow], *, exact: bool = False) -> Self:
        """Count rows, whatever values they hold.

        :param exact: rank all probabilities, however many differ; such sums are for measuring at
            once, not for the store.
        """
        rows = list(rows)
        predictions, values = [row.prediction for row in rows], [row.value for row in rows]
        labels = Labels(layout.classes)
        true, predicted = _places(layout, labels, values), _places(layout, labels, predictions)
        named = (true >= 0) & (predicted >= 0)
        x, y = _numbers(layout, predictions), _numbers(layout, values)
        numbers = np.isfinite(x) & np.isfinite(y)
        p, own, hits = scored(layout.binning, [row.probability for row in rows], true, predicted)
        return cls(
            layout,
            Totals(
                rows=len(rows),
                nameless=int((true < 0).sum()),
                numberless=int((~np.isfinite(y)).sum()),
                pairs=int(named.sum()),
                numbers=int(numbers.sum()),
                fractions=int((numbers & ((np.floor(x) != x) | (np.floor(y) != y))).sum()),
            ),
            math.fsum(row.delay for row in rows),
            Confusion.of(labels, layout.classes, true[named], predicted[named]),
            Ranking.of(p, own, hits, exact=exact),
            LossSums.of(p, hits),
            ErrorSums.of(y[numbers], x[numbers]),
            _truths(layout, values),
        )

    @classmethod
    def add_up(cls, layout: TruthLayout, packed: Iterable[bytes]) -> Self:
        """Add up any number of packed sums; :exc:`ValueError` if one is not of this layout."""
        total = cls.sum_of(layout, [])
        for some in pieces(packed):
            total = cls.sum_of(layout, [total, *cls.unpack_all(layout, some)])
        return total

    def __add__(self, other: Self) -> Self:
        return self.sum_of(self.layout, [self, other])

    @classmethod
    def sum_of(cls, layout: TruthLayout, parts: Sequence[Self]) -> Self:
        """Return the sum of any number of sums of this layout."""
        if any(part.layout != layout for part in parts):
            raise ValueError("sums of different layouts do not add")
        return cls(
            layout,
            Totals(*map(sum, zip(Totals(), *(part.totals for part in parts), strict=True))),
            math.fsum(part.delays for part in parts),
            Confusion.add_up(layout.classes, [part.pairs for part in parts]),
            Ranking.add_up(len(layout.scored), [part.ranking for part in parts]),
            LossSums.add_up([part.losses for part in parts]),
            ErrorSums.add_up([part.errors for part in parts]),
            Sparse.add_up([part.truths for part in parts]),
        )

    def pack(self) -> bytes:
        """Return the bytes for the store."""
        cells = self.ranking.by_cell
        data = _encode(
            _Packed(
                self.totals,
                self.delays,
                self.pairs.others,
                self.pairs.pairs.pack(),
                self.ranking.level,
                self.ranking.rows.pack(),
                None if cells is None else cells.rows.pack(),
                self.losses,
                self.errors,
                self.truths.pack(),
            )
        )
        return sealed(data, self.layout.id)

    @classmethod
    def unpack(cls, layout: TruthLayout, data: bytes) -> Self:
        """Read what :meth:`pack` wrote; :exc:`ValueError` if damaged or of another layout."""
        return cls.unpack_all(layout, [data])[0]

    @classmethod
    def unpack_all(
        cls, layout: TruthLayout, packed: Iterable[bytes], *, by_cell: bool = False
    ) -> list[Self]:
        """Read any number of packed sums of this layout, which is quicker than one by one.

        :param by_cell: no finer than score cells where that is less; mistakes need no more.
        """
        read = [_decode(opened(data, layout.id)) for data in packed]
        scored = len(layout.scored)
        pairs = [one.pairs for one in read]
        ranks = [(by_cell and one.cells) or one.ranks for one in read]
        truths = [one.truths for one in read]
        sparse, n = Sparse.unpack([*pairs, *ranks, *truths]), len(read)
        columns = zip(read, sparse[:n], sparse[n : 2 * n], sparse[2 * n :], strict=True)
        return [
            cls(
                layout,
                one.totals,
                one.delays,
                Confusion(layout.classes, one.others, pairs),
                Ranking(scored, FINEST if by_cell and one.cells else one.level, ranks),
                one.losses,
                one.errors,
                truths,
            )
            for one, pairs, ranks, truths in columns
        ]

    @property
    def task(self) -> str:
        """What the figures are of: the layout says, or what most predictions are.

        Numbers are a regression if they are not whole, or of more than 20 values, as a baseline's
        are. One in twenty may have a fraction: a wrong truth must not turn a model's classes into
        numbers.
        """
        if self.layout.task is not None:
            return self.layout.task
        totals = self.totals
        if self.layout.classes or 2 * totals.numbers <= totals.pairs:
            return "classification"
        many = self.pairs.widest > FEW_VALUES
        return "regression" if many or 20 * totals.fractions > totals.numbers else "classification"

    @property
    def n(self) -> int:
        """Rows whose truth and prediction are usable."""
        return self.totals.numbers if self.task == "regression" else self.totals.pairs

    @property
    def unusable(self) -> int:
        """Rows whose truth is null, NaN or nothing that a prediction could be."""
        return self.totals.numberless if self.task == "regression" else self.totals.nameless

    @property
    def delay(self) -> float | None:
        """The mean of the seconds from a prediction to its truth; ``None`` without a row."""
        return self.delays / self.totals.rows if self.totals.rows else None

    @property
    def confusion(self) -> Mapping[tuple[str, str], int]:
        """How often (true label, predicted label) was met; empty for too many labels."""
        table = self.pairs.table()
        if table is None or self.task == "regression":
            return MappingProxyType({})
        names = ([table.labels[place] for place in side] for side in (table.true, table.predicted))
        return MappingProxyType(
            dict(zip(zip(*names, strict=True), table.counts.tolist(), strict=True))
        )

    @property
    def scores(self) -> Mapping[str, Counts]:
        """For each scored class counts by (predicted as it, truly of it, score cell)."""
        return MappingProxyType(
            {name: self.ranking.cells(place) for place, name in enumerate(self.layout.scored)}
        )

    @property
    def target(self) -> FeatureCounts | None:
        """The truths over the cells of the baseline's target; ``None`` without."""
        if self.layout.target is None:
            return None
        cells = np.zeros(self.layout.target.size, np.int64)
        cells[self.truths.keys] = self.truths.counts
        return FeatureCounts(self.layout.target, tuple(cells.tolist()))


def _places(layout: TruthLayout, labels: Labels, values: Sequence[Any]) -> Places:
    if layout.task == "regression":
        return np.full(len(values), -1)
    return labels.places(values)


def _numbers(layout: TruthLayout, values: Sequence[Any]) -> Floats:
    if layout.task == "classification":
        return np.full(len(values), np.nan)
    return numbers_of(values)


def _truths(layout: TruthLayout, values: Sequence[Any]) -> Sparse:
    """Count the cells of the truths."""
    if layout.target is None:
        return Sparse.add_up([])
    counts, _ = _counter(layout.target).count([values], len(values))
    keys = np.flatnonzero(counts)
    return Sparse(keys, counts[keys])


@lru_cache(maxsize=64)
def _counter(target: FeatureBins) -> ColumnCounter:
    return ColumnCounter([target])
