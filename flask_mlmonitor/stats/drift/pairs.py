"""Two vectors of counts of the same cells, checked."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from flask_mlmonitor.exceptions import NotEnoughData
from flask_mlmonitor.stats.cells.columns import Floats


class Pair(NamedTuple):
    """Two vectors of counts of the same cells, and their sums."""

    old: Floats
    new: Floats
    n: float
    m: float

    @property
    def spread(self) -> float:
        """What the sizes of both samples contribute to every figure."""
        return 1 / self.n + 1 / self.m

    @property
    def gaps(self) -> Floats:
        """How far the distribution functions are apart at the end of each cell."""
        gaps: Floats = np.cumsum(self.new) / self.m - np.cumsum(self.old) / self.n
        return gaps


def pair_of(
    expected: ArrayLike, observed: ArrayLike, alpha: float, *, ordered: bool = False
) -> Pair:
    """Return both sides, without the cells that are empty in both unless their order matters.

    :param alpha: the level of the test, only checked.
    :raises NotEnoughData: when one side has no rows.
    :raises ValueError: for counts that are none, or that are not of the same cells; or a level
        that is no share.
    """
    if not 0 < alpha <= 1:
        raise ValueError(f"alpha = {alpha!r}: give a share above 0, such as 0.05")
    (old, n), (new, m) = _side("expected", expected), _side("observed", observed)
    if old.shape != new.shape:
        raise ValueError(f"{len(old)} cells expected, {len(new)} observed: count both in the same")
    if not (n and m):
        raise NotEnoughData(0, 1)
    if ordered:
        return Pair(old, new, n, m)
    filled = (old + new) > 0
    return Pair(old[filled], new[filled], n, m)


def _side(name: str, counts: ArrayLike) -> tuple[Floats, float]:
    given = np.asarray(counts)
    if given.ndim != 1 or given.dtype.kind not in "iuf":
        raise ValueError(f"{name} = {counts!r}: give a list of counts")
    side: Floats = given.astype(np.float64)
    total = float(side.sum())
    if not (math.isfinite(total) and side.min(initial=0) >= 0):
        raise ValueError(f"{name} = {counts!r}: give counts of at least 0")
    return side, total
