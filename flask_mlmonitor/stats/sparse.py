"""Counts of which most are zero: the keys of the others, ascending, and their counts."""

from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from flask_mlmonitor.stats.columns import Counts

_DENSE = 8
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
        if len(parts) == 1:
            return cls(*parts[0])
        keys = np.concatenate([np.zeros(0, np.int64), *(part.keys for part in parts)])
        return cls.of(keys, np.concatenate([keys[:0], *(part.counts for part in parts)]))

    def pack(self) -> tuple[bytes, bytes]:
        """Return the steps between the keys, and the counts, in the narrowest width for each."""
        return _narrow(np.diff(self.keys, prepend=0)), _narrow(self.counts)

    @classmethod
    def unpack(cls, packed: tuple[bytes, bytes]) -> Self:
        """Read what :meth:`pack` wrote."""
        return cls(np.cumsum(_wide(packed[0])), _wide(packed[1]))


def _narrow(numbers: Counts) -> bytes:
    width = np.min_scalar_type(numbers.max(initial=0)).itemsize
    return bytes((width,)) + numbers.astype(f"<u{width}").tobytes()


def _wide(data: bytes) -> npt.NDArray[np.int64]:
    return np.frombuffer(data, f"<u{data[0]}", offset=1).astype(np.int64)
