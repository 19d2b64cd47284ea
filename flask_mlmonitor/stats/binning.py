"""How values become counts: the cells of every feature, of the predictions and of their scores.

The cells of a numeric feature lie between *edges*; cell ``i`` holds ``edges[i-1] <= x < edges[i]``,
the outer ones are open. Every boundary that anybody asks about (quantiles, the range, mean and
three standard deviations, the fences of the outliers) is an edge, so each answer is a sum of cells.
The cells of a categorical or boolean feature are its categories, then *other* and *unseen*.
Behind both stand *missing*, *absent* and *invalid*. The order of the cells is part of the format:
whoever changes it, or an edge's formula, must raise the version in :class:`Binning`.
"""

import hashlib
import math
import sys
from bisect import bisect_right
from collections.abc import Sequence
from functools import cached_property
from itertools import pairwise
from typing import Any, ClassVar, Final, Literal, Self

import msgspec

from flask_mlmonitor.stats.labels import ABSENT, Cell, label, number, spellings, type_of

Kind = Literal["numeric", "categorical", "boolean"]

ROUNDING: Final = 1e-6
"""How far, relatively, a number may be from one of few known values and still be it."""

_LARGEST: Final = sys.float_info.max


def _after(value: float) -> float:
    return math.nextafter(value, math.inf)


def _cuts(points: Sequence[float]) -> set[float]:
    """Return the points; a repeated one is a value of its own weight, so its end is cut too."""
    return {*points, *(_after(low) for low, high in pairwise(points) if low == high)}


def _gap(low: float, high: float) -> set[float]:
    """Return the ends of what lies between two values and is not one of them, rounded."""
    room = high / 4 - low / 4
    start = low + min(ROUNDING * abs(low), room)
    end = high - min(ROUNDING * abs(high), room)
    return {_after(start), end}


class FeatureBins(msgspec.Struct, frozen=True, omit_defaults=True, dict=True):
    """All that counting one feature needs, without a count in it.

    :param quantiles: continuous numbers: the ``2 * bins - 1`` inner quantiles of the baseline,
        ascending, equal ones repeated; every second one separates the bins of the PSI.
    :param values: few-valued numbers: the values themselves, ascending; each has a group, and so
        has what lies between two of them.
    :param low: the smallest finite value of the baseline, ``None`` if it had none.
    :param high: the largest.
    :param mean: of the finite values.
    :param std: of the finite values.
    :param fences: below the first and above the second lie the outliers by quartiles.
    :param categories: those with a cell, by falling frequency; booleans: "False", "True".
    :param other: known to the baseline but too rare for a cell; they share one.
    :param accepts: what types a categorical's values have: "text", "number", "boolean";
        empty means text.
    :param missing: whether the baseline had missing values.
    """

    name: str
    kind: Kind
    quantiles: tuple[float, ...] = ()
    values: tuple[float, ...] = ()
    low: float | None = None
    high: float | None = None
    mean: float | None = None
    std: float | None = None
    fences: tuple[float, float] | None = None
    categories: tuple[str, ...] = ()
    other: tuple[str, ...] = ()
    accepts: tuple[str, ...] = ()
    missing: bool = False

    def __post_init__(self) -> None:
        if list(self.quantiles) != sorted(self.quantiles):
            raise ValueError(f"the quantiles of {self.name!r} do not ascend")
        if list(self.values) != sorted(set(self.values)):
            raise ValueError(f"the values of {self.name!r} do not ascend")
        if len({*self.categories, *self.other}) < len(self.categories) + len(self.other):
            raise ValueError(f"a category of {self.name!r} stands twice")

    @property
    def discrete(self) -> bool:
        """Whether this is a number of few values, compared like a category."""
        return bool(self.values)

    @property
    def span(self) -> tuple[float, float] | None:
        """The range of the baseline."""
        return None if self.low is None or self.high is None else (self.low, self.high)

    @property
    def z_limits(self) -> tuple[float, float] | None:
        """Mean and three standard deviations; none of a few known values is an outlier."""
        if self.mean is None or self.std is None:
            return None
        low = max(self.mean - 3 * self.std, -_LARGEST)
        high = min(self.mean + 3 * self.std, _LARGEST)  # no cell begins behind infinity
        if self.values and self.span:
            return min(low, self.span[0]), max(high, self.span[1])
        return low, high

    @cached_property
    def edges(self) -> tuple[float, ...]:
        """What separates the cells of a numeric feature, ascending."""
        edges = self._group_edges | _cuts(self.quantiles)
        for limits in (self.span, self.z_limits, self.fences):
            if limits is not None:
                edges |= {limits[0], _after(limits[1])}
        return tuple(sorted(edges))

    @cached_property
    def _group_edges(self) -> set[float]:
        if self.span is None or not self.values:
            return _cuts(self.quantiles[1::2])
        gaps = (_gap(low, high) for low, high in pairwise(self.values))
        return {self.span[0], _after(self.span[1])}.union(*gaps)

    @cached_property
    def value_cells(self) -> int:
        """How many cells hold values; *missing*, *absent* and *invalid* follow."""
        return len(self.edges) + 1 if self.kind == "numeric" else len(self.categories) + 2

    @property
    def size(self) -> int:
        """The number of all cells."""
        return self.value_cells + 3

    @property
    def missing_cell(self) -> int:
        """The cell of null and NaN."""
        return self.value_cells

    @property
    def absent_cell(self) -> int:
        """The cell of fields that were not sent."""
        return self.value_cells + 1

    @property
    def invalid_cell(self) -> int:
        """The cell of values of a wrong type."""
        return self.value_cells + 2

    @property
    def other_cell(self) -> int | None:
        """The cell of the rare categories; numbers have none."""
        return None if self.kind == "numeric" else len(self.categories)

    @property
    def unseen_cell(self) -> int | None:
        """The cell of categories that the baseline does not know; numbers have none."""
        return None if self.kind == "numeric" else len(self.categories) + 1

    @cached_property
    def groups(self) -> tuple[range, ...]:
        """The cells of each bin of the PSI: quantile bins, few values, or categories."""
        if self.kind != "numeric":
            return tuple(range(cell, cell + 1) for cell in range(self.value_cells))
        stops = [bisect_right(self.edges, edge) for edge in sorted(self._group_edges)]
        return tuple(range(*pair) for pair in pairwise([0, *stops, self.value_cells]))

    def outside(self, limits: tuple[float, float] | None) -> tuple[range, range]:
        """Return the cells below and above :attr:`span`, :attr:`z_limits` or :attr:`fences`."""
        if limits is None:
            return range(0), range(0)
        below = bisect_right(self.edges, limits[0])
        above = bisect_right(self.edges, _after(limits[1]))
        return range(below), range(above, self.value_cells)

    @cached_property
    def positions(self) -> tuple[float, ...]:
        """The number that stands for each value cell: its middle, of an outer cell its edge."""
        middles = (low / 2 + high / 2 for low, high in pairwise(self.edges))
        return (*self.edges[:1], *middles, *self.edges[-1:])

    @property
    def cell_names(self) -> tuple[str, ...]:
        """What each cell holds, for people."""
        if self.kind != "numeric":
            names = [*self.categories, "other", "unseen"]
        else:
            texts = [format(edge, ".6g") for edge in self.edges]
            inner = [f"{low} to {high}" for low, high in pairwise(texts)]
            names = [f"below {texts[0]}", *inner, f"from {texts[-1]}"] if texts else ["any"]
        return (*names, "missing", "absent", "invalid")

    def cell_of(self, value: Any) -> int:
        """Return the cell of one value, whatever it is.

        Not a number is missing; a number is invalid in a category of texts, and a text, a boolean
        or a container in a numeric feature.

        >>> age = FeatureBins("age", "numeric", quantiles=(30.0, 40.0, 50.0), low=18, high=70)
        >>> [age.cell_names[age.cell_of(x)] for x in (17, 40, 10**400, "40", None, ABSENT)]
        ['below 18', '40 to 50', 'from 70', 'invalid', 'missing', 'absent']
        """
        if value is None or (isinstance(value, float) and math.isnan(value)):
            return self.missing_cell
        if value is ABSENT:
            return self.absent_cell
        if type(value) is Cell:
            return value.number
        if self.kind == "numeric":
            known = number(value)
            return self.invalid_cell if known is None else bisect_right(self.edges, known)
        if type_of(value) not in self._types:
            return self.invalid_cell
        return self._places.get(label(value), len(self.categories) + 1)

    @cached_property
    def _types(self) -> tuple[str, ...]:
        return ("boolean",) if self.kind == "boolean" else self.accepts or ("text",)

    @cached_property
    def _places(self) -> dict[str, int]:
        names = self.categories
        loose = "boolean" in self._types and "number" in self._types
        places = spellings(names) if loose else {name: cell for cell, name in enumerate(names)}
        return dict.fromkeys(self.other, len(names)) | places


class Binning(
    msgspec.Struct,
    frozen=True,
    omit_defaults=True,
    dict=True,
    eq=False,
    tag_field="version",
    tag=2,
):
    """The cells of one model's features, predictions and latencies; counts of equal ones add.

    Fields at their default are not encoded: a later version may add one without a new id.

    :param prediction: categorical over the classes, numeric for regression, or unknown.
    :param classes: in the order that a list of probabilities follows.
    :param positive: the class whose probability a single number means.
    :param task: "classification", "regression" or unknown.
    :param latency_bounds: upper bounds, ascending, in seconds.
    """

    SCORE_CELLS: ClassVar[int] = 200
    SCORED_CLASSES: ClassVar[int] = 50

    features: tuple[FeatureBins, ...] = ()
    prediction: FeatureBins | None = None
    classes: tuple[str, ...] = ()
    positive: str | None = None
    task: str | None = None
    latency_bounds: tuple[float, ...] = ()

    def encode(self) -> bytes:
        """Return what :meth:`decode` reads."""
        # Twice: a bound given as 1 is read back as 1.0, and the id must not tell them apart.
        read = msgspec.msgpack.decode(msgspec.msgpack.encode(self), type=Binning)
        return msgspec.msgpack.encode(read)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read an encoded binning; :exc:`ValueError` if it is damaged or of a later version."""
        try:
            return msgspec.msgpack.decode(data, type=cls)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ValueError(f"no binning of version 2: {error}") from error

    @cached_property
    def id(self) -> str:
        """The name of these cells: equal for equal binnings, in every process."""
        return hashlib.blake2s(self.encode(), digest_size=8).hexdigest()

    def __eq__(self, other: object) -> bool:
        return self.id == other.id if isinstance(other, Binning) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.id)

    @cached_property
    def scored(self) -> tuple[str, ...]:
        """The classes whose probabilities are counted: of two the positive one, else all."""
        if len(self.classes) == 2:
            return (self.positive or self.classes[1],)
        return self.classes if 2 < len(self.classes) <= self.SCORED_CLASSES else ()

    def class_of(self, value: Any) -> str | None:
        """Return the class that a prediction, a ground truth or a probability's key names.

        >>> Binning(classes=("0", "1")).class_of(True)
        '1'
        """
        if type_of(value) is None:
            return None
        place = self._class_places.get(label(value))
        return None if place is None else self.classes[place]

    @cached_property
    def _class_places(self) -> dict[str, int]:
        return spellings(self.classes)
