"""Named float64 cells, and the bytes of a slot's file."""

import struct
from array import array
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

import msgspec

Name = tuple[str, ...]
"""What a cell counts: the metric's short name, then its label values."""

MAGIC: Final = b"MLMC\x01\x00\x00\x00"
_SIZES: Final = struct.Struct("<II")


class Owner(NamedTuple):
    """The model and version whose cells a block holds; the monitor's own have ``("", "")``."""

    model: str
    version: str


class UnreadableSlot(ValueError):
    """A slot's file that is empty or not one of ours."""


class Block:
    """The cells of one owner: their names and their values, in one order.

    >>> block = Block(Owner("fraud", "2"), [("predictions", "success"), ("latency_sum",)])
    >>> block.values[block.index["latency_sum",]] += 0.25
    >>> dict(block.items())
    {('predictions', 'success'): 0.0, ('latency_sum',): 0.25}

    :param values: in the order of the names; all 0 at first.
    :ivar view: the values' bytes, as they are written.
    :ivar offset: where they begin in the slot's file; 0 while they are not in it.
    """

    def __init__(
        self, owner: Owner, names: Sequence[Name], values: Iterable[float] | None = None
    ) -> None:
        self.owner = owner
        self.names = tuple(names)
        self.index = {name: place for place, name in enumerate(self.names)}
        self.values = array("d", [0.0] * len(self.names) if values is None else values)
        self.view = memoryview(self.values)
        self.offset = 0

    def items(self) -> Iterable[tuple[Name, float]]:
        """Return each cell's name and value."""
        return zip(self.names, self.values, strict=True)

    def pack(self) -> bytes:
        """Return the block as it stands in a slot's file."""
        text = msgspec.json.encode([*self.owner, self.names])
        text += b" " * (-len(text) % 8)
        return _SIZES.pack(len(text), len(self.values)) + text + self.values.tobytes()


def unpack(data: bytes) -> tuple[list[Block], int]:
    """Return the blocks of a slot's file, and where the last whole one ends.

    >>> block = Block(Owner("", ""), [("dropped",)])
    >>> blocks, end = unpack(MAGIC + block.pack() + b"a block that is being added")
    >>> blocks[0].names, end == len(MAGIC + block.pack())
    ((('dropped',),), True)

    :raises UnreadableSlot: when *data* is no file of this format.
    """
    if not data.startswith(MAGIC):
        raise UnreadableSlot("no slot file of this format")
    blocks = []
    end = len(MAGIC)
    while end < len(data):
        try:
            block, length = _next(data, end)
        except (struct.error, ValueError, msgspec.DecodeError):
            break
        block.offset = end + length - 8 * len(block.values)
        end += length
        blocks.append(block)
    return blocks, end


def _next(data: bytes, start: int) -> tuple[Block, int]:
    head, count = _SIZES.unpack_from(data, start)
    first = start + _SIZES.size + head
    owner, names = _head(data[start + _SIZES.size : first])
    values = array("d", data[first : first + 8 * count])
    if not len(values) == count == len(names):
        raise ValueError("the block is cut off")
    return Block(owner, names, values), first + 8 * count - start


@lru_cache(maxsize=1024)
def _head(text: bytes) -> tuple[Owner, tuple[Name, ...]]:
    model, version, names = msgspec.json.decode(
        text, type=tuple[str, str, tuple[tuple[str, ...], ...]]
    )
    return Owner(model, version), names
