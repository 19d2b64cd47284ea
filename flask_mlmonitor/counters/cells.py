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
    """A slot's file that is empty, cut off, or not one of ours."""


class Block:
    """The cells of one owner: their names and their values, in one order.

    >>> block = Block(Owner("fraud", "2"), [("predictions", "success"), ("latency_sum",)])
    >>> block.values[block.index["latency_sum",]] += 0.25
    >>> dict(block.items())
    {('predictions', 'success'): 0.0, ('latency_sum',): 0.25}

    :param values: in the order of the names; all 0 at first.
    :ivar view: the values' bytes, as they are written.
    :ivar offset: where they begin in the slot's file.
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

    def head(self) -> bytes:
        """Return what stands before the values in a file, a multiple of eight bytes long."""
        text = msgspec.json.encode([*self.owner, self.names])
        text += b" " * (-len(text) % 8)
        return _SIZES.pack(len(text), len(self.values)) + text


def pack(blocks: Iterable[Block]) -> bytes:
    """Return a slot's file, having told each block its offset.

    >>> data = pack([Block(Owner("", ""), [("dropped",)])])
    >>> [dict(block.items()) for block in unpack(data)]
    [{('dropped',): 0.0}]
    """
    data = bytearray(MAGIC)
    for block in blocks:
        data += block.head()
        block.offset = len(data)
        data += block.values.tobytes()
    return bytes(data)


def unpack(data: bytes) -> list[Block]:
    """Return the blocks of a slot's file.

    :raises UnreadableSlot: when *data* is not a whole file of this format.
    """
    if not data.startswith(MAGIC):
        raise UnreadableSlot("no slot file of this format")
    blocks = []
    place = len(MAGIC)
    while place < len(data):
        try:
            head_length, count = _SIZES.unpack_from(data, place)
            place += _SIZES.size
            owner, names = _head(data[place : place + head_length])
            place += head_length
            values = array("d", data[place : place + 8 * count])
        except (struct.error, ValueError, msgspec.DecodeError) as error:
            raise UnreadableSlot(str(error)) from error
        if not len(values) == count == len(names):
            raise UnreadableSlot("the file is cut off")
        place += 8 * count
        blocks.append(Block(owner, names, values))
    return blocks


@lru_cache(maxsize=1024)
def _head(text: bytes) -> tuple[Owner, tuple[Name, ...]]:
    model, version, names = msgspec.json.decode(
        text, type=tuple[str, str, tuple[tuple[str, ...], ...]]
    )
    return Owner(model, version), names
