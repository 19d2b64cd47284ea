"""Predictions whose ground truth is known, as counts and sums that add up.

Hours add to windows, parts of hours to the whole, as long as their layout is the same;
:func:`flask_mlmonitor.stats.measuring.measure` makes figures of them.
"""

import hashlib
import math
import struct
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from types import MappingProxyType
from typing import Any, Final, NamedTuple, Self

import msgspec
import numpy as np

from flask_mlmonitor.stats.baseline import Baseline
from flask_mlmonitor.stats.binning import Binning, FeatureBins
from flask_mlmonitor.stats.columns import ColumnCounter, Counts, Floats, numbers_of
from flask_mlmonitor.stats.confusion import Confusion, Labels
from flask_mlmonitor.stats.counts import FeatureCounts
from flask_mlmonitor.stats.errors import ErrorSums
from flask_mlmonitor.stats.losses import LossSums
from flask_mlmonitor.stats.numeric import FEW_VALUES
from flask_mlmonitor.stats.ranking import Ranking, scored
from flask_mlmonitor.stats.scores import Places
from flask_mlmonitor.stats.sparse import Sparse


class TruthRow(NamedTuple):
    """One prediction whose ground truth is known; values as decoded from JSON.

    :param delay: seconds from the prediction to its ground truth.
    """

    prediction: Any
    probability: Any
    value: Any
    delay: float


class TruthLayout(msgspec.Struct, frozen=True, omit_defaults=True, dict=True):
    """What the sums mean: those of different layouts never add.

    :param classes: in the order that a list of probabilities follows.
    :param positive: the class whose probability a single number means.
    :param target: the cells of the ground truth.
    :param task: "classification", "regression", or ``None``: then the values say.
    """

    classes: tuple[str, ...] = ()
    positive: str | None = None
    target: FeatureBins | None = None
    task: str | None = None

    @classmethod
    def of(cls, baseline: Baseline | None, task: str | None) -> Self:
        """Return the layout of a model.

        :param task: as declared; the baseline's goes first.

        >>> TruthLayout.of(None, "regression").scored
        ()
        """
        if baseline is None:
            return cls(task=task)
        target = None if baseline.target is None else baseline.target.bins
        return cls(baseline.classes, baseline.positive, target, baseline.task or task)

    @cached_property
    def id(self) -> str:
        """The name of this meaning: equal for equal layouts, in every process."""
        encoded = msgspec.msgpack.encode([self, Binning.SCORE_CELLS])
        # Twice: a bound given as 1 is read back as 1.0, and the id must not tell them apart.
        read = msgspec.msgpack.decode(encoded, type=tuple[TruthLayout, int])
        return hashlib.blake2s(msgspec.msgpack.encode(read), digest_size=8).hexdigest()

    @cached_property
    def binning(self) -> Binning:
        """The classes as predictions are counted in them."""
        return Binning(classes=self.classes, positive=self.positive)

    @property
    def scored(self) -> tuple[str, ...]:
        """The classes whose probabilities are counted."""
        return self.binning.scored


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
    losses: LossSums
    errors: ErrorSums
    truths: tuple[bytes, bytes]


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(_Packed).decode
_HEADER: Final = struct.Struct("<BI")
VERSION: Final = 1


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
        return cls._sum(layout, [cls.unpack(layout, data) for data in packed])

    def __add__(self, other: Self) -> Self:
        if self.layout != other.layout:
            raise ValueError("sums of different layouts do not add")
        return self._sum(self.layout, [self, other])

    @classmethod
    def _sum(cls, layout: TruthLayout, parts: Sequence[Self]) -> Self:
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
        """Return the bytes for the store: version, checksum over layout and data, data."""
        data = _encode(
            _Packed(
                self.totals,
                self.delays,
                self.pairs.others,
                self.pairs.pairs.pack(),
                self.ranking.level,
                self.ranking.rows.pack(),
                self.losses,
                self.errors,
                self.truths.pack(),
            )
        )
        return _HEADER.pack(VERSION, _checksum(self.layout, data)) + data

    @classmethod
    def unpack(cls, layout: TruthLayout, data: bytes) -> Self:
        """Read what :meth:`pack` wrote; :exc:`ValueError` if damaged or of another layout."""
        found = _HEADER.unpack_from(data) if len(data) >= _HEADER.size else (0, 0)
        body = memoryview(data)[_HEADER.size :]
        if found != (VERSION, _checksum(layout, body)):
            raise ValueError(
                f"no sums of version {VERSION} and layout {layout.id}, or damaged: {data[:8].hex()}"
            )
        one = _decode(body)
        return cls(
            layout,
            one.totals,
            one.delays,
            Confusion(layout.classes, one.others, Sparse.unpack(one.pairs)),
            Ranking(len(layout.scored), one.level, Sparse.unpack(one.ranks)),
            one.losses,
            one.errors,
            Sparse.unpack(one.truths),
        )

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


def _checksum(layout: TruthLayout, data: bytes | memoryview) -> int:
    return zlib.crc32(data, zlib.crc32(layout.id.encode()))
