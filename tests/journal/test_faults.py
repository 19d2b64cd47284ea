"""A disk that fails or is full costs predictions, which are counted, and nothing else."""

import contextlib
import errno
import itertools
import os
import resource
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from flask_mlmonitor.journal.frames import MAGIC, decode_frames, encode
from flask_mlmonitor.journal.spool import Segment, Spool, State
from flask_mlmonitor.journal.writer import Journal
from flask_mlmonitor.records import Gap, Row, Served
from tests.disks import SmallDisk

if TYPE_CHECKING:
    from tests.journal.conftest import Rig

Make = Callable[..., Served]
Forked = Callable[[Callable[[], object]], int]


def half(fd: int, data: bytes) -> int:
    """Write as a disk does that is full in mid-frame."""
    return os.write(fd, data[: len(data) // 2])


def half_of_frames(fd: int, data: bytes) -> int:
    """Write as a disk does that is full right behind a segment's head."""
    return os.write(fd, data) if data.startswith(MAGIC) else half(fd, data)


def interrupted(fd: int, data: bytes) -> int:
    """Write a part, then be interrupted, as by a worker's time limit."""
    half(fd, data)
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("name", "fault", "reason"),
    [
        ("write", half, "disk_full"),
        ("write", half_of_frames, "disk_full"),
        ("write", errno.ENOSPC, "disk_full"),
        ("write", errno.EDQUOT, "disk_full"),
        ("write", errno.EIO, "write_error"),
        ("open", errno.EACCES, "write_error"),
        ("open", errno.EMFILE, "write_error"),
        ("rename", errno.EIO, "write_error"),
        ("mkdir", errno.EROFS, "write_error"),
        ("statvfs", errno.EIO, "write_error"),
    ],
)
def test_a_disk_that_fails_from_the_start_leaves_nothing_behind(
    rig: "Rig", served: Make, name: str, fault: int | Callable[..., Any], reason: str
) -> None:
    """No descriptor, no file; when it heals, the gap is written."""
    journal = rig.journal()
    before = rig.open_files()
    rig.disk.fail(name, fault, times=1000)
    for number in range(50):
        assert not journal.append(served(number))
        rig.clock.time += 31
    assert rig.open_files() == before
    assert journal.path is None
    assert not rig.spool.path.exists() or list(rig.spool.path.iterdir()) == []
    assert rig.dropped == {reason: 50}

    rig.disk.heal()
    assert journal.append(served(50))
    begin = rig.clock.time - 50 * 31
    assert rig.gaps() == [Gap(begin, rig.clock.time - 31, 50, reason)]
    assert rig.numbers() == [50]
    assert list(rig.spool.path.iterdir()) == [journal.path]


@pytest.mark.parametrize("fault", [half, errno.ENOSPC, errno.EIO])
def test_a_disk_that_fails_later_costs_what_comes_after(
    rig: "Rig", served: Make, fault: int | Callable[..., Any]
) -> None:
    """The segment is sealed at once: behind a torn frame nothing could be read."""
    journal = rig.journal()
    before = rig.open_files()
    for number in range(5):
        assert journal.append(served(number))
    rig.disk.fail("write", fault, times=20)
    for number in range(5, 25):
        assert not journal.append(served(number))
        rig.clock.time += 31
    assert rig.open_files() == before
    rig.disk.heal()
    assert journal.append(served(25))

    first, second = rig.spool.segments()
    with Segment(first) as segment:
        chunk = segment.read()
    assert rig.numbers(chunk.records) == [0, 1, 2, 3, 4]
    assert chunk.state is (State.TORN if fault is half else State.DONE)
    assert second == journal.path
    assert [gap.count for gap in rig.gaps()] == [20]


def test_a_failing_disk_is_asked_less_and_less_often(rig: "Rig", served: Make) -> None:
    """After 1 s, 2 s, 4 s … 30 s; between, an append costs no system call."""
    journal = rig.journal()
    rig.disk.fail("open", errno.EACCES, times=1000)
    asked = []
    for _ in range(1200):
        left = rig.disk.times
        journal.append(served())
        if rig.disk.times < left:
            asked.append(rig.clock.time)
        rig.clock.time += 0.1
    waits = [later - earlier for earlier, later in itertools.pairwise(asked)]
    assert waits == pytest.approx([1, 2, 4, 8, 16, 30, 30], abs=0.11)

    rig.disk.heal()
    rig.clock.time += 30
    assert journal.append(served())
    rig.disk.fail("write", errno.EIO)
    assert not journal.append(served())
    rig.clock.time += 1
    assert journal.append(served())  # healed: the next failure begins with 1 s again


def test_some_space_is_left_to_others(rig: "Rig", served: Make) -> None:
    """A segment is begun only where a whole one has room; an unknown size is no obstacle."""
    free = os.statvfs("/")

    def statvfs(blocks: int) -> Callable[[str], os.statvfs_result]:
        values = list(free)
        values[1:5] = [4096, blocks, 10, 10]
        return lambda path: os.statvfs_result(values)

    journal = rig.journal()
    rig.disk.fail("statvfs", statvfs(blocks=1000))
    assert not journal.append(served())
    assert rig.dropped == {"disk_full": 1}
    assert rig.spool.segments() == []

    rig.disk.fail("statvfs", statvfs(blocks=0))
    assert rig.journal().append(served())


def test_an_interrupted_append_seals_its_segment(rig: "Rig", served: Make) -> None:
    """An exception from a signal's handler may leave half a frame."""
    journal = rig.journal()
    journal.append(served(1))
    rig.disk.fail("write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        journal.append(served(2))
    assert journal.append(served(3))

    assert rig.numbers() == [1, 3]
    with Segment(rig.spool.segments()[0]) as segment:
        assert segment.read().state is State.TORN


def test_an_interrupted_beginning_leaves_nothing(rig: "Rig", served: Make) -> None:
    """Not even an unfinished file."""
    journal = rig.journal()
    before = rig.open_files()
    rig.disk.fail("write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        journal.append(served(1))

    assert list(rig.spool.path.iterdir()) == []
    assert rig.open_files() == before


@pytest.mark.parametrize("end", [Journal.heartbeat, Journal.close])
def test_a_gap_is_written_without_further_requests(
    rig: "Rig", served: Make, end: Callable[[Journal], None]
) -> None:
    """By the next heartbeat after the disk healed, or at the end."""
    journal = rig.journal()
    rig.disk.fail("write", errno.ENOSPC)
    journal.append(served(1))
    rig.clock.time += 1
    end(journal)

    assert [gap.count for gap in rig.gaps()] == [1]


def test_closing_does_not_wait_for_the_next_attempt(rig: "Rig", served: Make) -> None:
    """It is the last chance to write the gap down; a disk that still fails costs nothing more."""
    healed, failing = rig.journal(), rig.journal()
    rig.disk.fail("write", errno.ENOSPC, times=3)
    for journal in (healed, failing):
        assert not journal.append(served(1))
    failing.close()
    healed.close()

    assert [gap.count for gap in rig.gaps()] == [1]
    assert rig.dropped == {"disk_full": 2}


def test_a_limit_on_file_sizes_is_a_failing_disk(rig: "Rig", served: Make, forked: Forked) -> None:
    """The kernel cuts a write short, then refuses: nothing that was acknowledged is missing."""
    told, tell = os.pipe()

    def child() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
        journal = rig.journal(timer=time.monotonic)
        before = rig.open_files()
        kept = [number for number in range(2000) if journal.append(served(number))]
        assert rig.open_files() == before
        assert len(list(rig.spool.path.iterdir())) == 1
        os.write(tell, len(kept).to_bytes(4))

    assert forked(child) == 0
    kept = int.from_bytes(os.read(told, 4))
    os.close(told)
    os.close(tell)
    assert 50 < kept < 2000
    with Segment(rig.spool.segments()[0]) as segment:
        chunk = segment.read()
        assert rig.numbers(chunk.records) == list(range(kept))
        assert chunk.state is State.TORN


@pytest.mark.parametrize("fresh", [True, False])
def test_a_batch_cut_short_counts_each_row_once(rig: "Rig", served: Make, fresh: bool) -> None:
    """Of its frames those that are whole will be found; the rows of the others are a gap."""
    journal = rig.journal()
    if not fresh:
        journal.append(served(1))
    rows = [Row(["x" * 1000, number]) for number in range(4000)]
    frames = decode_frames(encode(served(2, rows=rows))).records
    whole = [len(frame.rows) for frame in frames if isinstance(frame, Served)]
    rig.disk.fail("write", half_of_frames, times=1 + fresh)
    assert not journal.append(served(2, rows=rows))
    rig.clock.time += 1
    assert journal.append(served(3))

    found = [record for record in rig.records() if isinstance(record, Served)]
    kept = sum(len(record.rows) for record in found if record.id == served(2).id)
    assert 0 < kept < len(rows)
    assert kept in list(itertools.accumulate(whole))
    assert [gap.count for gap in rig.gaps()] == [len(rows) - kept]
    assert rig.dropped == {"disk_full": len(rows) - kept}


def test_a_full_disk_costs_predictions_and_nothing_else(
    rig: "Rig", small_disk: SmallDisk, served: Make
) -> None:
    """Somebody fills it, then frees it: nothing acknowledged is missing, the rest is a gap."""
    journal = rig.journal(small_disk.path / "spool", segment_bytes=64 * 1024)
    before = rig.open_files()
    kept = [number for number in range(100) if journal.append(served(number))]
    assert len(kept) == 100
    ballast = small_disk.path / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(4096)) == 4096:
            pass

    for number in range(100, 1100):
        if journal.append(served(number)):
            kept.append(number)
        rig.clock.time += 1
    assert 100 <= len(kept) < 200  # the rest of the last page
    assert rig.open_files() == before
    assert len(os.listdir(small_disk.path / "spool")) == 1

    ballast.unlink()
    rig.clock.time += 30
    assert journal.append(served(1100))
    records = rig.records(Spool(small_disk.path / "spool"))
    assert rig.numbers(records) == [*kept, 1100]
    assert [gap.count for gap in rig.gaps(records)] == [1100 - len(kept)]
    assert rig.dropped == {"disk_full": 1100 - len(kept)}
