"""What the tests of the counters share: slots that are given back, and a disk that fills up."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flask_mlmonitor.counters.slots import Slot

MakeSlot = Callable[[], Slot]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the slots lie; nobody made it yet."""
    return tmp_path / "slots"


@pytest.fixture
def make_slot(folder: Path) -> Iterator[MakeSlot]:
    """Make slots of this process, as if each was of another one."""
    slots: list[Slot] = []

    def make() -> Slot:
        slots.append(Slot(folder))
        return slots[-1]

    yield make
    for slot in slots:
        slot.close()
