"""What the tests of the counters share: slots that are given back, and a disk that fills up."""

import contextlib
import os
import subprocess
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


class SmallDisk:
    """A disk of 1 MiB, and somebody who fills it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ballast = path / "ballast"

    def fill(self) -> None:
        """Take all that is left."""
        with self._ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(bytes(4096)) == 4096:
                pass

    def empty(self) -> None:
        """Give it back."""
        self._ballast.unlink()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """A disk of 1 MiB."""
    path = tmp_path / "disk"
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(path)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a disk takes root")
    yield SmallDisk(path)
    subprocess.run(["umount", "--lazy", str(path)], check=True)
