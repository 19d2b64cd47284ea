"""Counts and sums as the bytes of a database column, and the sums of such bytes.

A block is one byte of version, one byte with the width of a count (1, 2, 4 or 8), the counts as
unsigned integers of this width, and the floats as float64; all little-endian, not compressed.

What is sealed is one byte of version, a checksum over the bytes and what they mean, and the bytes.
"""

import struct
import zlib
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

import numpy as np

from flask_mlmonitor.stats.cells.columns import Counts, Floats

VERSION: Final = 1
_HEADER: Final = 2
_PIECE: Final = 1 << 17
_SEAL: Final = struct.Struct("<BI")


class Shape(NamedTuple):
    """What a block holds: so many counts, sums, and pairs of a smallest and a largest value."""

    counts: int
    sums: int = 0
    extremes: int = 0


class Block(NamedTuple):
    """Numbers that add up.

    :param floats: the sums, then the smallest values, then the largest.
    """

    counts: Counts
    floats: Floats


def pack(block: Block) -> bytes:
    """Return the bytes of a block, its counts in the narrowest width that holds them.

    >>> pack(Block(np.array([1, 300]), np.array([0.5]))).hex()
    '010201002c01000000000000e03f'
    """
    width = np.min_scalar_type(block.counts.max(initial=0)).itemsize
    header = bytes((VERSION, width))
    counts = block.counts.astype(f"<u{width}").tobytes()
    return header + counts + block.floats.astype("<f8").tobytes()


def add_up(shape: Shape, packed: Iterable[bytes]) -> Block:
    """Return the sum of packed blocks; :exc:`ValueError` if one does not hold just *shape*.

    >>> one = pack(Block(np.array([1, 300]), np.array([0.5, 3.0, 4.0])))
    >>> other = pack(Block(np.array([1, 0]), np.array([0.5, 1.0, 2.0])))
    >>> counts, floats = add_up(Shape(counts=2, sums=1, extremes=1), [one, other])
    >>> counts.tolist(), floats.tolist()
    ([2, 300], [1.0, 1.0, 4.0])
    """
    total = nothing(shape)
    with np.errstate(over="ignore", invalid="ignore"):
        for data in packed:
            _add(total, _unpack(data, shape), shape)
    return total


def added(one: Block, other: Block, shape: Shape) -> Block:
    """Return the sum of two blocks."""
    total = Block(one.counts.copy(), one.floats.copy())
    with np.errstate(over="ignore", invalid="ignore"):
        _add(total, other, shape)
    return total


def nothing(shape: Shape) -> Block:
    """Return the block of no values, to which all others add."""
    floats = np.zeros(shape.sums + 2 * shape.extremes)
    floats[shape.sums : shape.sums + shape.extremes] = np.inf
    floats[shape.sums + shape.extremes :] = -np.inf
    return Block(np.zeros(shape.counts, np.int64), floats)


def _add(total: Block, part: Block, shape: Shape) -> None:
    np.add(total.counts, part.counts, out=total.counts, casting="unsafe")
    if not len(total.floats):
        return
    sums, smallest = shape.sums, shape.sums + shape.extremes
    total.floats[:sums] += part.floats[:sums]
    low, high = total.floats[sums:smallest], total.floats[smallest:]
    np.minimum(low, part.floats[sums:smallest], out=low)
    np.maximum(high, part.floats[smallest:], out=high)


def _unpack(data: bytes, shape: Shape) -> Block:
    """Return a view of the numbers in *data*."""
    version, width = data[:_HEADER] if len(data) >= _HEADER else (0, 0)
    if version != VERSION or width not in (1, 2, 4, 8):
        raise ValueError(f"no block of version {VERSION}: {data[:8].hex()}")
    counts, floats = shape.counts, shape.sums + 2 * shape.extremes
    if len(data) != _HEADER + counts * width + floats * 8:
        raise ValueError(f"a block of {len(data)} bytes does not hold {counts} counts of {width}")
    return Block(
        np.frombuffer(data, f"<u{width}", counts, _HEADER),
        np.frombuffer(data, "<f8", floats, _HEADER + counts * width),
    )


def sealed(data: bytes, meaning: str) -> bytes:
    """Return bytes that :func:`opened` reads only undamaged, and only for the same meaning.

    >>> bytes(opened(sealed(b"counts", "of this"), "of this"))
    b'counts'
    """
    return _SEAL.pack(VERSION, _checksum(data, meaning)) + data


def opened(data: bytes, meaning: str) -> memoryview:
    """Return what was sealed; :exc:`ValueError` if damaged or of another meaning."""
    found = _SEAL.unpack_from(data) if len(data) >= _SEAL.size else (0, 0)
    body = memoryview(data)[_SEAL.size :]
    if found != (VERSION, _checksum(body, meaning)):
        raise ValueError(
            f"not sealed for {meaning} by version {VERSION}, or damaged: {data[:8].hex()}"
        )
    return body


def _checksum(data: bytes | memoryview, meaning: str) -> int:
    return zlib.crc32(data, zlib.crc32(meaning.encode()))


def pieces(packed: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Split many packed values into pieces whose numbers stay in the processor's cache.

    >>> [len(piece) for piece in pieces([bytes(80_000)] * 5)]
    [2, 2, 1]
    """
    piece, size = [], 0
    for data in packed:
        piece.append(data)
        size += len(data)
        if size >= _PIECE:
            yield piece
            piece, size = [], 0
    yield piece
