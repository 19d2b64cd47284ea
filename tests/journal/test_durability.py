"""What survives the death of the machine: that the disk was asked for it, and when."""

import errno
import os
import shutil
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from flask_mlmonitor.records import Schema, Served

if TYPE_CHECKING:
    from tests.journal.conftest import Rig

Make = Callable[..., Served]


class Disk:
    """Notes what is brought onto the disk, by its name."""

    def __init__(self, rig: "Rig") -> None:
        self.files: list[str] = []
        self.folders: list[str] = []
        rig.disk.replace = {
            "fdatasync": lambda fd: self._note(self.files, os.fdatasync, fd),
            "fsync": lambda fd: self._note(self.folders, os.fsync, fd),
        }

    @staticmethod
    def _note(names: list[str], flush: Callable[[int], None], fd: int) -> None:
        flush(fd)
        names.append(os.readlink(f"/proc/self/fd/{fd}"))


def test_a_sync_brings_what_was_appended_onto_the_disk(rig: "Rig", served: Make) -> None:
    """With the segment's name; and nothing where nothing new was appended."""
    disk = Disk(rig)
    journal = rig.journal(synced=True)
    journal.sync()
    assert disk.files == disk.folders == []
    journal.append(served(1))
    journal.sync()
    assert disk.files == [str(journal.path)]
    assert set(disk.folders) == {str(rig.spool.path), str(rig.spool.path.parent)}
    journal.sync()
    journal.append(served(2))
    journal.sync()
    assert disk.files == [str(journal.path)] * 2
    assert len(disk.folders) == 2


def test_what_was_sealed_since_is_brought_onto_the_disk_too(
    rig: "Rig", served: Make, schema: Schema
) -> None:
    """Several segments in one interval, and the last of them by the end."""
    disk = Disk(rig)
    journal = rig.journal(synced=True)
    paths = []
    for number in range(3):
        journal.schema(Schema("shop", "fraud", str(number), schema.binning))
        journal.append(served(number))
        paths.append(str(journal.path))
    journal.close()
    before = rig.open_files()
    journal.sync()
    assert sorted(disk.files) == sorted(paths)
    assert rig.open_files() == before


def test_a_segment_that_was_drained_meanwhile(rig: "Rig", served: Make) -> None:
    """It is in the store: nothing is left to do."""
    disk = Disk(rig)
    journal = rig.journal(synced=True)
    journal.append(served(1))
    shutil.rmtree(rig.spool.path)
    journal.sync()
    assert disk.files == []


def test_without_it_nothing_waits_for_the_disk(rig: "Rig", served: Make) -> None:
    """MLMONITOR_DURABILITY=process leaves it to the kernel."""
    disk = Disk(rig)
    journal = rig.journal()
    journal.append(served(1))
    journal.sync()
    assert disk.files == disk.folders == []


@pytest.mark.parametrize("name", ["fdatasync", "fsync"])
def test_a_disk_that_fails(rig: "Rig", served: Make, name: str) -> None:
    """It is told, nothing is left open, and what comes goes into a new segment."""
    journal = rig.journal(synced=True)
    journal.append(served(1))
    before = rig.open_files()
    first = journal.path
    rig.disk.fail(name, errno.EIO)
    with pytest.raises(OSError, match="Input/output"):
        journal.sync()
    assert rig.open_files() == before - 1
    assert journal.append(served(2))
    assert journal.path != first
    assert rig.numbers() == [1, 2]
    journal.sync()
