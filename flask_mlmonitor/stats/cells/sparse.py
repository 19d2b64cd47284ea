"""Counts of which most are zero: the keys of the others, ascending, and their counts."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from flask_mlmonitor.stats.cells.columns import Counts

Packed = tuple[bytes, bytes]

_WIDTHS: Final = {width: np.dtype(f"<u{width}") for width in (1, 2, 4, 8)}
_DENSE: Final = 8
"""Keys are counted by place if the places are at most so many times the keys."""


class Sparse(NamedTuple):
    """Keys, ascending, and the positive count of each.

    >>> one = Sparse.of(np.array([7, 3, 7]))
    >>> one.keys.tolist(), one.counts.tolist()
    ([3, 7], [1, 2])
    >>> Sparse.add_up([one, one]).counts.tolist()
    [2, 4]
    """

    keys: Counts
    counts: Counts

    @classmethod
    def of(cls, keys: Counts, counts: Counts | None = None) -> Self:
        """Count keys, or add up the counts of equal keys."""
        if not len(keys):
            return cls(np.zeros(0, np.int64), np.zeros(0, np.int64))
        low, span = keys.min(), int(keys.max()) - int(keys.min()) + 1
        if span <= _DENSE * len(keys):
            # As floats, which bincount adds: exact up to 2**53.
            dense = np.bincount(keys - low, counts, minlength=span)
            found = np.flatnonzero(dense)
            return cls(found + low, dense[found].astype(np.int64))
        distinct, places = np.unique(keys, return_inverse=True)
        return cls(distinct, np.bincount(places, counts).astype(np.int64))

    @classmethod
    def add_up(cls, parts: Sequence["Sparse"]) -> Self:
        """Return the sum of any number of them."""
        return cls(*parts[0]) if len(parts) == 1 else cls.of(*end_to_end(parts))

    def pack(self) -> Packed:
        """Return the steps between the keys, and the counts, in the narrowest width for each."""
        return _narrow(np.diff(self.keys, prepend=0)), _narrow(self.counts)

    @classmethod
    def unpack(cls, packed: Sequence[Packed]) -> list[Self]:
        """Read any number of what :meth:`pack` wrote."""
        steps = [_wide(one) for one, _ in packed]
        stops = np.cumsum([len(one) for one in steps])
        keys = np.cumsum(_joined(steps))
        counts = _joined([_wide(one) for _, one in packed])
        start, found, before = 0, [], 0
        for stop in stops.tolist():
            found.append(cls(keys[start:stop] - before, counts[start:stop]))
            start, before = stop, keys[stop - 1] if stop else 0
        return found


def end_to_end(parts: Sequence[Sparse]) -> Sparse:
    """Return the keys and counts of all parts; the keys do not ascend."""
    return Sparse(_joined([part.keys for part in parts]), _joined([part.counts for part in parts]))


def _joined(parts: Sequence[npt.NDArray[Any]]) -> Counts:
    return np.concatenate([np.zeros(0, np.int64), *parts], dtype=np.int64, casting="unsafe")


def _narrow(numbers: Counts) -> bytes:
    width = np.min_scalar_type(numbers.max(initial=0)).itemsize
    return bytes((width,)) + numbers.astype(f"<u{width}").tobytes()


def _wide(data: bytes) -> npt.NDArray[Any]:
    return np.frombuffer(data, _WIDTHS[data[0]], offset=1)
