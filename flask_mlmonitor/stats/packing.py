"""Counts and sums as the bytes of a database column.

A block is one byte of version, one byte with the width of a count (1, 2, 4 or 8), the counts as
unsigned integers of this width, and the sums as float64; all little-endian, not compressed.
"""

from typing import Final

import numpy as np

from flask_mlmonitor.stats.columns import Counts, Floats

VERSION: Final = 1
_HEADER: Final = 2


def pack(counts: Counts, sums: Floats) -> bytes:
    """Return the block of the counts, in the narrowest width that holds them, and the sums.

    >>> pack(np.array([1, 300]), np.array([0.5])).hex()
    '010201002c01000000000000e03f'
    """
    width = np.min_scalar_type(counts.max(initial=0)).itemsize
    header = bytes((VERSION, width))
    return header + counts.astype(f"<u{width}").tobytes() + sums.astype("<f8").tobytes()


def unpack(block: bytes, counts: int, sums: int) -> tuple[Counts, Floats]:
    """Return so many counts and sums; :exc:`ValueError` if the block does not hold just these."""
    version, width = block[:_HEADER] if len(block) >= _HEADER else (0, 0)
    if version != VERSION or width not in (1, 2, 4, 8):
        raise ValueError(f"no block of version {VERSION}: {block[:8].hex()}")
    if len(block) != _HEADER + counts * width + sums * 8:
        raise ValueError(f"a block of {len(block)} bytes does not hold {counts} counts of {width}")
    numbers = np.frombuffer(block, f"<u{width}", counts, _HEADER)
    floats = np.frombuffer(block, "<f8", sums, _HEADER + counts * width)
    return numbers.astype(np.int64), floats.astype(np.float64)
