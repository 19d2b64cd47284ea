"""The bytes of a slot's file, whatever became of them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_mlmonitor.counters.cells import MAGIC, Block, Owner, UnreadableSlot, unpack

names = st.lists(
    st.lists(st.text(max_size=8), min_size=1, max_size=4).map(tuple), unique=True, max_size=6
)
owners = st.builds(Owner, st.text(max_size=8), st.text(max_size=8))


def counted(owner: Owner, **values: float) -> Block:
    """Make a block of some counts."""
    return Block(owner, [(name,) for name in values], values.values())


BLOCKS = (
    counted(Owner("", ""), dropped=3.0),
    counted(Owner("fraud", "2"), predictions=5.0, latency_sum=0.75),
    counted(Owner("churn", "Zürich"), predictions=7.0),
)
FILE = MAGIC + b"".join(block.pack() for block in BLOCKS)


def contents(blocks: list[Block]) -> list[tuple[Owner, dict[tuple[str, ...], float]]]:
    """Return what blocks hold, to compare."""
    return [(block.owner, dict(block.items())) for block in blocks]


@given(st.lists(st.tuples(owners, names, st.data()), max_size=4))
def test_blocks_are_read_as_they_were_written(
    drawn: list[tuple[Owner, list[tuple[str, ...]], st.DataObject]],
) -> None:
    """Owners, names and values survive, and each offset is where the block's values stand."""
    blocks = []
    for owner, cells, data in drawn:
        numbers = st.lists(st.floats(allow_nan=False), min_size=len(cells), max_size=len(cells))
        blocks.append(Block(owner, cells, data.draw(numbers)))
    file = MAGIC + b"".join(block.pack() for block in blocks)

    found, end = unpack(file)
    assert contents(found) == contents(blocks)
    assert end == len(file)
    for block in found:
        values = block.values.tobytes()
        assert file[block.offset : block.offset + len(values)] == values


def test_values_begin_at_multiples_of_eight() -> None:
    """So no cell lies across two pages, whatever the names' length."""
    for length in range(20):
        block = Block(Owner("m" * length, ""), [("a",)])
        ((found,), _) = unpack(MAGIC + block.pack())
        assert found.offset % 8 == 0


def test_special_values_survive() -> None:
    """A cell is a float64, bit by bit."""
    block = counted(Owner("", ""), nan=math.nan, inf=math.inf, zero=-0.0, small=5e-324)
    ((found,), _) = unpack(MAGIC + block.pack())
    assert found.values.tobytes() == block.values.tobytes()


@pytest.mark.parametrize(
    "data", [b"", MAGIC[:-1], b"MLMC\x02\x00\x00\x00", b"# a text\n", bytes(64)]
)
def test_what_is_no_slot_file_is_refused(data: bytes) -> None:
    """Empty, cut within the magic, of a later version, or something else altogether."""
    with pytest.raises(UnreadableSlot):
        unpack(data)


def test_every_truncation_leaves_the_blocks_before_it() -> None:
    """What was being added when the process died hides nothing of what stood there."""
    ends = [len(MAGIC)]
    for block in BLOCKS:
        ends.append(ends[-1] + len(block.pack()))
    for length in range(len(MAGIC), len(FILE) + 1):
        whole = sum(end <= length for end in ends) - 1
        found, end = unpack(FILE[:length])
        assert contents(found) == contents(list(BLOCKS[:whole]))
        assert end == ends[whole]


def test_no_flipped_bit_raises_anything_else() -> None:
    """A damaged file is either refused or read as blocks of named numbers."""
    for place in range(8 * len(FILE)):
        data = bytearray(FILE)
        data[place // 8] ^= 1 << place % 8
        try:
            found, end = unpack(bytes(data))
        except UnreadableSlot:
            assert place < 8 * len(MAGIC)
        else:
            assert end <= len(FILE)
            assert all(len(block.names) == len(block.values) for block in found)
