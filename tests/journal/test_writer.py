"""Appending: where the bytes go, what happens when they cannot, and what is told about it."""

import contextlib
import errno
import fcntl
import gc
import itertools
import os
import resource
import shutil
import stat
import subprocess
import threading
import time
import weakref
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from flask_mlmonitor.journal.frames import MAGIC, MAX_RECORD, encode, encode_head
from flask_mlmonitor.journal.spool import Segment, Spool, State
from flask_mlmonitor.journal.writer import REASONS, Journal
from flask_mlmonitor.records import Gap, Row, Schema, Served

Make = Callable[..., Served]
Contents = Callable[[Path], list[Served | Gap]]
Forked = Callable[[Callable[[], object]], int]


class Clocks:
    """Both clocks of a journal, moved by hand."""

    def __init__(self) -> None:
        self.time = 1_700_000_000.0

    def __call__(self) -> float:
        return self.time


class Faulty:
    """The functions of :mod:`os`; one of them fails as often as it is told.

    :param fault: an errno, or a function to call instead.
    """

    def __init__(self) -> None:
        self.name = ""
        self.fault: int | Callable[..., Any] = 0
        self.times = 0

    def fail(self, name: str, fault: int | Callable[..., Any], times: int = 1) -> None:
        """Let the next *times* calls of *name* fail."""
        self.name, self.fault, self.times = name, fault, times

    def heal(self) -> None:
        """Let everything work."""
        self.times = 0

    def __getattr__(self, name: str) -> Any:
        function = getattr(os, name)

        def call(*args: Any) -> Any:
            if name != self.name or not self.times:
                return function(*args)
            self.times -= 1
            if callable(self.fault):
                return self.fault(*args)
            raise OSError(self.fault, os.strerror(self.fault))

        return call


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


@pytest.fixture
def clocks() -> Clocks:
    """Time that stands still."""
    return Clocks()


@pytest.fixture
def system() -> Faulty:
    """A system that works until it is told otherwise."""
    return Faulty()


@pytest.fixture
def dropped() -> Counter[str]:
    """What was reported as dropped."""
    return Counter()


@pytest.fixture
def open_journal(
    tmp_path: Path, clocks: Clocks, system: Faulty, dropped: Counter[str]
) -> Iterator[Callable[..., Journal]]:
    """Make journals on one spool, and close them."""
    made = []

    def on_drop(reason: str, count: int) -> None:
        assert reason in REASONS
        dropped[reason] += count

    def make(folder: Path = tmp_path / "spool", **options: Any) -> Journal:
        options = {"clock": clocks, "timer": clocks, "system": system} | options
        made.append(Journal(folder, on_drop=on_drop, **options))
        return made[-1]

    yield make
    for journal in made:
        journal.close()


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    """The spool of those journals."""
    return Spool(tmp_path / "spool")


def descriptors() -> int:
    """Count this process's open files."""
    return len(os.listdir("/proc/self/fd"))


def gaps(records: list[Served | Gap]) -> list[Gap]:
    """Return the gaps among *records*."""
    return [record for record in records if isinstance(record, Gap)]


def numbers(records: list[Served | Gap]) -> list[int]:
    """Return the numbers of the requests among *records*."""
    return [
        int.from_bytes(record.id)
        for record in records
        if isinstance(record, Served) and isinstance(record.id, bytes)
    ]


def test_nothing_is_on_disk_before_the_first_append(
    open_journal: Callable[..., Journal], spool: Spool, served: Make, schema: Schema
) -> None:
    """Then a private folder and a private file are."""
    journal = open_journal()
    journal.schema(schema)
    journal.heartbeat()
    assert journal.path is None
    assert not spool.path.exists()

    assert journal.append(served())

    assert spool.segments() == [journal.path]
    assert stat.S_IMODE(spool.path.stat().st_mode) == 0o700
    assert stat.S_IMODE(spool.segments()[0].stat().st_mode) == 0o600


def test_a_live_segment_is_locked_and_a_closed_one_is_not(
    open_journal: Callable[..., Journal], spool: Spool, served: Make
) -> None:
    """Whoever gets the lock knows that nothing more will be appended."""
    journal = open_journal()
    journal.append(served(1))
    (path,) = spool.segments()
    with Segment(path) as segment:
        assert not segment.sealed
    journal.close()
    assert journal.path is None
    with Segment(path) as segment:
        assert segment.sealed


def test_an_append_after_closing_begins_a_segment(
    open_journal: Callable[..., Journal], spool: Spool, served: Make, contents: Contents
) -> None:
    """A thread that outlives the shutdown still records."""
    journal = open_journal()
    journal.append(served(1))
    journal.close()
    journal.close()
    journal.append(served(2))

    assert numbers(contents(spool.path)) == [1, 2]
    assert len(spool.segments()) == 2


def test_segments_rotate_and_lose_nothing(
    open_journal: Callable[..., Journal],
    spool: Spool,
    served: Make,
    schema: Schema,
    contents: Contents,
) -> None:
    """Each begins with the schemas, all but the last are sealed, and none is much too long."""
    journal = open_journal(segment_bytes=1000)
    journal.schema(schema)
    before = descriptors()
    for number in range(200):
        assert journal.append(served(number))

    paths = spool.segments()
    assert len(paths) > 10
    assert descriptors() == before + 1
    longest = len(encode_head([schema])) + 1000 + len(encode(served()))
    assert max(path.stat().st_size for path in paths) <= longest
    for path in paths:
        with Segment(path) as segment:
            assert segment.schemas == [schema]
            assert segment.sealed is (path != journal.path)
    assert numbers(contents(spool.path)) == list(range(200))


def test_a_new_schema_begins_a_segment(
    open_journal: Callable[..., Journal], spool: Spool, served: Make, schema: Schema
) -> None:
    """A known one keeps its number and changes nothing."""
    journal = open_journal()
    other = Schema("shop", "fraud", "3", b"other")

    assert journal.schema(schema) == 0
    journal.append(served(1))
    assert journal.schema(Schema("shop", "fraud", "2", b"any binning")) == 0
    journal.append(served(2))
    assert len(spool.segments()) == 1
    assert journal.schema(other) == 1
    assert journal.schema(schema) == 0
    journal.append(served(3))

    first, second = spool.segments()
    with Segment(first) as segment:
        assert segment.schemas == [schema]
        assert numbers(segment.read().records) == [1, 2]
    with Segment(second) as segment:
        assert segment.schemas == [schema, other]
        assert numbers(segment.read().records) == [3]


def test_a_full_journal_drops_the_newest(
    open_journal: Callable[..., Journal],
    spool: Spool,
    served: Make,
    contents: Contents,
    clocks: Clocks,
    dropped: Counter[str],
) -> None:
    """The bound holds; once a drain made room, what was dropped is written as a gap."""
    journal = open_journal(max_bytes=20_000, segment_bytes=2000)
    number = 0
    while journal.append(served(number, rows=[Row([1]), Row([2])])):
        number += 1
    kept = number
    assert 18_000 < spool.size() <= 20_000
    assert not journal.append(served(number))
    assert isinstance(journal.error, OSError)
    assert dropped == {"journal_full": 3}

    spool.segments()[0].unlink()
    assert not journal.append(served())  # it asks again after a second
    clocks.time += 1
    assert journal.append(served(kept))

    assert journal.error is None
    (gap,) = gaps(contents(spool.path))
    assert gap == Gap(clocks.time - 1, clocks.time - 1, 4, "journal_full")
    assert numbers(contents(spool.path))[-1] == kept
    assert spool.size() <= 20_000


def test_a_full_journal_drops_the_oldest_if_told_so(
    open_journal: Callable[..., Journal],
    spool: Spool,
    served: Make,
    contents: Contents,
    dropped: Counter[str],
) -> None:
    """The bound holds, every append succeeds, and each prediction that went is counted."""
    journal = open_journal(max_bytes=20_000, segment_bytes=2000, full="drop_oldest")
    for number in range(1000):
        assert journal.append(served(number))
        assert spool.size() <= 20_000

    records = contents(spool.path)
    kept = numbers(records)
    assert kept == list(range(1000 - len(kept), 1000))
    assert dropped == {"journal_full": 1000 - len(kept)}
    assert sum(gap.count for gap in gaps(records)) == 1000 - len(kept)


def test_the_oldest_stay_where_they_are_in_use_or_not_ours(
    open_journal: Callable[..., Journal], spool: Spool, served: Make, clocks: Clocks
) -> None:
    """A segment that a drain reads, that another process writes, or of a foreign format."""
    spool.path.mkdir()
    foreign = spool.path / "0-foreign.j"
    foreign.write_bytes(b"PK" + bytes(6000))
    other = open_journal(max_bytes=10_000, segment_bytes=2000)
    other.append(served(values=["x" * 2000]))
    sealed = other.path
    clocks.time += 1
    other.append(served())
    live = other.path
    assert sealed is not None
    assert live is not None

    mine = open_journal(max_bytes=10_000, segment_bytes=2000, full="drop_oldest")
    with sealed.open("rb") as drain:
        fcntl.flock(drain, fcntl.LOCK_EX)
        assert not mine.append(served())
        assert spool.segments() == [foreign, sealed, live]

    clocks.time += 1
    assert mine.append(served())
    assert spool.segments() == [foreign, live, mine.path]


def test_too_large_a_record_is_dropped_alone(
    open_journal: Callable[..., Journal],
    spool: Spool,
    served: Make,
    contents: Contents,
    dropped: Counter[str],
    clocks: Clocks,
) -> None:
    """The segment goes on, and the next append carries the gap."""
    journal = open_journal()
    journal.append(served(1))
    assert not journal.append(served(2, rows=[Row([1])] * MAX_RECORD))
    clocks.time += 60
    assert journal.append(served(3))

    assert dropped == {"record_too_large": MAX_RECORD}
    assert len(spool.segments()) == 1
    records = contents(spool.path)
    assert records[1] == Gap(clocks.time - 60, clocks.time - 60, MAX_RECORD, "record_too_large")
    assert numbers(records) == [1, 3]


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
        ("makedirs", errno.EROFS, "write_error"),
        ("statvfs", errno.EIO, "write_error"),
    ],
)
def test_a_disk_that_fails_from_the_start_leaves_nothing_behind(
    open_journal: Callable[..., Journal],
    spool: Spool,
    served: Make,
    contents: Contents,
    clocks: Clocks,
    system: Faulty,
    dropped: Counter[str],
    name: str,
    fault: int | Callable[..., Any],
    reason: str,
) -> None:
    """No descriptor, no file; when it heals, the gap is written."""
    journal = open_journal()
    before = descriptors()
    system.fail(name, fault, times=1000)
    for number in range(50):
        assert not journal.append(served(number))
        clocks.time += 31
    assert descriptors() == before
    assert journal.path is None
    assert not spool.path.exists() or list(spool.path.iterdir()) == []
    assert dropped == {reason: 50}

    system.heal()
    assert journal.append(served(50))
    begin = clocks.time - 50 * 31
    assert gaps(contents(spool.path)) == [Gap(begin, clocks.time - 31, 50, reason)]
    assert numbers(contents(spool.path)) == [50]
    assert list(spool.path.iterdir()) == [journal.path]


@pytest.mark.parametrize("fault", [half, errno.ENOSPC, errno.EIO])
def test_a_disk_that_fails_later_costs_what_comes_after(
    open_journal: Callable[..., Journal],
    spool: Spool,
    served: Make,
    contents: Contents,
    clocks: Clocks,
    system: Faulty,
    fault: int | Callable[..., Any],
) -> None:
    """The segment is sealed at once: behind a torn frame nothing could be read."""
    journal = open_journal()
    before = descriptors()
    for number in range(5):
        assert journal.append(served(number))
    system.fail("write", fault, times=20)
    for number in range(5, 25):
        assert not journal.append(served(number))
        clocks.time += 31
    assert descriptors() == before
    system.heal()
    assert journal.append(served(25))

    first, second = spool.segments()
    with Segment(first) as segment:
        chunk = segment.read()
    assert numbers(chunk.records) == [0, 1, 2, 3, 4]
    assert chunk.state is (State.TORN if fault is half else State.DONE)
    assert second == journal.path
    assert [gap.count for gap in gaps(contents(spool.path))] == [20]


def test_a_failing_disk_is_asked_less_and_less_often(
    open_journal: Callable[..., Journal], served: Make, clocks: Clocks, system: Faulty
) -> None:
    """After 1 s, 2 s, 4 s … 30 s; between, an append costs no system call."""
    journal = open_journal()
    system.fail("open", errno.EACCES, times=1000)
    asked = []
    for _ in range(1200):
        left = system.times
        journal.append(served())
        if system.times < left:
            asked.append(clocks.time)
        clocks.time += 0.1
    waits = [later - earlier for earlier, later in itertools.pairwise(asked)]
    assert waits == pytest.approx([1, 2, 4, 8, 16, 30, 30], abs=0.11)

    system.heal()
    clocks.time += 30
    assert journal.append(served())
    system.fail("write", errno.EIO)
    assert not journal.append(served())
    clocks.time += 1
    assert journal.append(served())  # healed: the next failure begins with 1 s again


def test_some_space_is_left_to_others(
    open_journal: Callable[..., Journal],
    spool: Spool,
    served: Make,
    system: Faulty,
    dropped: Counter[str],
) -> None:
    """A segment is begun only where a whole one has room; an unknown size is no obstacle."""
    free = os.statvfs("/")

    def statvfs(blocks: int) -> Callable[[str], os.statvfs_result]:
        values = list(free)
        values[1:5] = [4096, blocks, 10, 10]
        return lambda path: os.statvfs_result(values)

    journal = open_journal()
    system.fail("statvfs", statvfs(blocks=1000))
    assert not journal.append(served())
    assert dropped == {"disk_full": 1}
    assert spool.segments() == []

    system.fail("statvfs", statvfs(blocks=0))
    assert open_journal().append(served())


def test_an_interrupted_append_seals_its_segment(
    open_journal: Callable[..., Journal],
    spool: Spool,
    served: Make,
    contents: Contents,
    system: Faulty,
) -> None:
    """An exception from a signal's handler may leave half a frame."""
    journal = open_journal()
    journal.append(served(1))
    system.fail("write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        journal.append(served(2))
    assert journal.append(served(3))

    assert numbers(contents(spool.path)) == [1, 3]
    with Segment(spool.segments()[0]) as segment:
        assert segment.read().state is State.TORN


def test_an_interrupted_beginning_leaves_nothing(
    open_journal: Callable[..., Journal], spool: Spool, served: Make, system: Faulty
) -> None:
    """Not even an unfinished file."""
    journal = open_journal()
    before = descriptors()
    system.fail("write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        journal.append(served(1))

    assert list(spool.path.iterdir()) == []
    assert descriptors() == before


@pytest.mark.parametrize("event", ["unlinked", "renamed", "replaced", "folder"])
def test_a_heartbeat_notices_that_the_segment_is_gone(
    open_journal: Callable[..., Journal],
    spool: Spool,
    served: Make,
    contents: Contents,
    clocks: Clocks,
    dropped: Counter[str],
    event: str,
) -> None:
    """What was appended since the last one counts as lost, and recording goes on elsewhere."""
    journal = open_journal()
    journal.append(served(1))
    journal.heartbeat()
    clocks.time += 5
    path = journal.path
    assert path is not None
    if event == "renamed":
        path.rename(path.with_suffix(".corrupt"))
    elif event == "folder":
        shutil.rmtree(spool.path)
    else:
        path.unlink()
    if event == "replaced":
        path.write_bytes(b"")
    assert journal.append(served(2, rows=[Row([1])] * 3))  # into the void
    clocks.time += 5
    journal.heartbeat()

    assert dropped == {"segment_lost": 3}
    assert journal.append(served(3))
    assert journal.path not in (None, path)
    records = contents(spool.path)
    assert gaps(records) == [Gap(clocks.time - 10, clocks.time, 3, "segment_lost")]
    assert numbers(records) == [3]


def test_a_heartbeat_leaves_a_healthy_segment_alone(
    open_journal: Callable[..., Journal], spool: Spool, served: Make, dropped: Counter[str]
) -> None:
    """It costs two system calls."""
    journal = open_journal()
    journal.append(served(1))
    before = journal.path
    journal.heartbeat()
    journal.append(served(2))

    assert spool.segments() == [journal.path] == [before]
    assert not dropped


def test_a_rotation_notices_that_the_segment_is_gone(
    open_journal: Callable[..., Journal],
    spool: Spool,
    served: Make,
    contents: Contents,
    dropped: Counter[str],
) -> None:
    """A busy writer rotates more often than the heart beats."""
    journal = open_journal(segment_bytes=1000)
    journal.append(served(0))
    assert journal.path is not None
    journal.path.unlink()
    number = 1
    while len(spool.segments()) == 0:
        journal.append(served(number))
        number += 1

    assert dropped == {"segment_lost": number - 1}
    assert sum(gap.count for gap in gaps(contents(spool.path))) == number - 1


@pytest.mark.parametrize("end", [Journal.heartbeat, Journal.close])
def test_a_gap_is_written_without_further_requests(
    open_journal: Callable[..., Journal],
    spool: Spool,
    served: Make,
    contents: Contents,
    clocks: Clocks,
    system: Faulty,
    end: Callable[[Journal], None],
) -> None:
    """By the next heartbeat after the disk healed, or at the end."""
    journal = open_journal()
    system.fail("write", errno.ENOSPC)
    journal.append(served(1))
    clocks.time += 1
    end(journal)

    assert [gap.count for gap in gaps(contents(spool.path))] == [1]


def test_many_threads_append_at_once(
    open_journal: Callable[..., Journal], spool: Spool, served: Make, contents: Contents
) -> None:
    """No frame is torn by another thread or by a rotation."""
    journal = open_journal(segment_bytes=5000)

    def work(first: int) -> None:
        for number in range(first, first + 500):
            assert journal.append(served(number))

    threads = [threading.Thread(target=work, args=(1000 * n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    expected = sorted(1000 * n + i for n in range(8) for i in range(500))
    assert sorted(numbers(contents(spool.path))) == expected


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_fork_amid_appending_threads_harms_neither_side(
    open_journal: Callable[..., Journal],
    spool: Spool,
    served: Make,
    contents: Contents,
    forked: Forked,
) -> None:
    """The child gets a lock and a segment of its own, even if the lock was held at the fork."""
    journal = open_journal(segment_bytes=50_000)
    stop = threading.Event()
    appended: list[int] = []

    def work(first: int) -> None:
        number = first
        while not stop.is_set():
            assert journal.append(served(number))
            appended.append(number)
            number += 1

    threads = [threading.Thread(target=work, args=(10**6 * n,)) for n in range(1, 5)]
    for thread in threads:
        thread.start()

    def child(first: int) -> None:
        assert journal.path is None
        for number in range(first, first + 10):
            assert journal.append(served(number))
        journal.heartbeat()
        journal.close()

    try:
        for generation in range(20):
            assert forked(partial(child, 100 * generation)) == 0
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    journal.close()

    children = [100 * generation + n for generation in range(20) for n in range(10)]
    assert sorted(numbers(contents(spool.path))) == sorted(children + appended)


def test_a_child_does_not_keep_its_parents_segment(
    open_journal: Callable[..., Journal], spool: Spool, served: Make
) -> None:
    """Neither open nor locked: it would seem to live until the child ends."""
    journal = open_journal()
    journal.append(served(1))
    (path,) = spool.segments()
    held, release = os.pipe()
    told, tell = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(release)
        links = [os.readlink(f"/proc/self/fd/{n}") for n in os.listdir("/proc/self/fd")[:-1]]
        os.write(tell, b"n" if str(path) in links else b"y")
        os.read(held, 1)
        os._exit(0)
    try:
        assert os.read(told, 1) == b"y"
        with Segment(path) as segment:
            assert not segment.sealed
        journal.close()
        with Segment(path) as segment:
            assert segment.sealed
    finally:
        for fd in (held, release, told, tell):
            os.close(fd)
        os.waitpid(pid, 0)


def test_a_child_does_not_write_its_parents_gaps(
    open_journal: Callable[..., Journal],
    spool: Spool,
    served: Make,
    contents: Contents,
    clocks: Clocks,
    system: Faulty,
    forked: Forked,
) -> None:
    """They would count twice; and its own disk is worth an attempt at once."""
    journal = open_journal()
    system.fail("open", errno.EACCES)
    assert not journal.append(served(1))

    def child() -> None:
        assert journal.append(served(2))

    assert forked(child) == 0
    assert gaps(contents(spool.path)) == []
    clocks.time += 1
    journal.append(served(3))
    assert [gap.count for gap in gaps(contents(spool.path))] == [1]


def test_a_forgotten_journal_is_no_burden_to_a_fork(tmp_path: Path, forked: Forked) -> None:
    """What is called in the child does not keep it alive."""
    journal = Journal(tmp_path, on_drop=lambda reason, count: None)
    gone = weakref.ref(journal)
    del journal
    gc.collect()

    assert gone() is None
    assert forked(lambda: None) == 0


def test_a_limit_on_file_sizes_is_a_failing_disk(
    open_journal: Callable[..., Journal], spool: Spool, served: Make, forked: Forked
) -> None:
    """The kernel cuts a write short, then refuses: nothing that was acknowledged is missing."""
    told, tell = os.pipe()

    def child() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
        journal = open_journal(timer=time.monotonic)
        before = descriptors()
        kept = [number for number in range(2000) if journal.append(served(number))]
        assert descriptors() == before
        assert len(list(spool.path.iterdir())) == 1
        os.write(tell, len(kept).to_bytes(4))

    assert forked(child) == 0
    kept = int.from_bytes(os.read(told, 4))
    os.close(told)
    os.close(tell)
    assert 50 < kept < 2000
    with Segment(spool.segments()[0]) as segment:
        chunk = segment.read()
        assert numbers(chunk.records) == list(range(kept))
        assert chunk.state is State.TORN


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 1 MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a disk takes root")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_a_full_disk_costs_predictions_and_nothing_else(
    open_journal: Callable[..., Journal],
    small_disk: Path,
    served: Make,
    contents: Contents,
    clocks: Clocks,
    dropped: Counter[str],
) -> None:
    """Somebody fills it, then frees it: nothing acknowledged is missing, the rest is a gap."""
    journal = open_journal(small_disk / "spool", segment_bytes=64 * 1024)
    before = descriptors()
    kept = [number for number in range(100) if journal.append(served(number))]
    assert len(kept) == 100
    ballast = small_disk / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(4096)) == 4096:
            pass

    for number in range(100, 1100):
        if journal.append(served(number)):
            kept.append(number)
        clocks.time += 1
    assert 100 <= len(kept) < 200  # the rest of the last page
    assert descriptors() == before
    assert len(os.listdir(small_disk / "spool")) == 1

    ballast.unlink()
    clocks.time += 30
    assert journal.append(served(1100))
    records = contents(small_disk / "spool")
    assert numbers(records) == [*kept, 1100]
    assert [gap.count for gap in gaps(records)] == [1100 - len(kept)]
    assert dropped == {"disk_full": 1100 - len(kept)}
