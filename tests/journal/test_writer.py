"""Appending: where the bytes go, when a segment ends, and what happens at the bound."""

import errno
import fcntl
import shutil
import stat
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from flask_mlmonitor.journal.frames import encode, encode_head
from flask_mlmonitor.journal.spool import Segment
from flask_mlmonitor.records import Gap, Row, Schema, Served

if TYPE_CHECKING:
    from tests.journal.conftest import Rig

Make = Callable[..., Served]


def test_nothing_is_on_disk_before_the_first_append(
    rig: "Rig", served: Make, schema: Schema
) -> None:
    """Then a private folder and a private file are."""
    journal = rig.journal()
    journal.schema(schema)
    journal.heartbeat()
    assert journal.path is None
    assert not rig.spool.path.exists()

    assert journal.append(served())

    assert rig.spool.segments() == [journal.path]
    assert stat.S_IMODE(rig.spool.path.stat().st_mode) == 0o700
    assert stat.S_IMODE(rig.spool.segments()[0].stat().st_mode) == 0o600


def test_a_live_segment_is_locked_and_a_closed_one_is_not(rig: "Rig", served: Make) -> None:
    """Whoever gets the lock knows that nothing more will be appended."""
    journal = rig.journal()
    journal.append(served(1))
    (path,) = rig.spool.segments()
    with Segment(path) as segment:
        assert not segment.sealed
    journal.close()
    assert journal.path is None
    with Segment(path) as segment:
        assert segment.sealed


def test_an_append_after_closing_begins_a_segment(rig: "Rig", served: Make) -> None:
    """A thread that outlives the shutdown still records."""
    journal = rig.journal()
    journal.append(served(1))
    journal.close()
    journal.close()
    journal.append(served(2))

    assert rig.numbers() == [1, 2]
    assert len(rig.spool.segments()) == 2


def test_segments_rotate_and_lose_nothing(rig: "Rig", served: Make, schema: Schema) -> None:
    """Each begins with the schemas, all but the last are sealed, and none is much too long."""
    journal = rig.journal(segment_bytes=1000)
    journal.schema(schema)
    before = rig.open_files()
    for number in range(200):
        assert journal.append(served(number))

    paths = rig.spool.segments()
    assert len(paths) > 10
    assert rig.open_files() == before + 1
    longest = len(encode_head([schema])) + 1000 + len(encode(served()))
    assert max(path.stat().st_size for path in paths) <= longest
    for path in paths:
        with Segment(path) as segment:
            assert segment.schemas == [schema]
            assert segment.sealed is (path != journal.path)
    assert rig.numbers() == list(range(200))


def test_a_new_schema_begins_a_segment(rig: "Rig", served: Make, schema: Schema) -> None:
    """A known one keeps its number and changes nothing."""
    journal = rig.journal()
    other = Schema("shop", "fraud", "3", b"other")

    assert journal.schema(schema) == 0
    journal.append(served(1))
    assert journal.schema(Schema("shop", "fraud", "2", b"any binning")) == 0
    journal.append(served(2))
    assert len(rig.spool.segments()) == 1
    assert journal.schema(other) == 1
    assert journal.schema(schema) == 0
    journal.append(served(3))

    first, second = rig.spool.segments()
    with Segment(first) as segment:
        assert segment.schemas == [schema]
        assert rig.numbers(segment.read().records) == [1, 2]
    with Segment(second) as segment:
        assert segment.schemas == [schema, other]
        assert rig.numbers(segment.read().records) == [3]


def test_a_full_journal_drops_the_newest(rig: "Rig", served: Make) -> None:
    """The bound holds; once a drain made room, what was dropped is written as a gap."""
    journal = rig.journal(max_bytes=20_000, segment_bytes=2000)
    number = 0
    while journal.append(served(number, rows=[Row([1]), Row([2])])):
        number += 1
    kept = number
    assert 18_000 < rig.spool.size() <= 20_000
    assert not journal.append(served(number))
    assert "holds 20000 bytes" in str(journal.error)
    assert rig.dropped == {"journal_full": 3}

    rig.spool.segments()[0].unlink()
    assert not journal.append(served())  # it asks again after a second
    rig.clock.time += 1
    assert journal.append(served(kept))

    assert journal.error is None
    (gap,) = rig.gaps()
    assert gap == Gap(rig.clock.time - 1, rig.clock.time - 1, 4, "journal_full")
    assert rig.numbers()[-1] == kept
    assert rig.spool.size() <= 20_000


def test_a_full_journal_drops_the_oldest_if_told_so(rig: "Rig", served: Make) -> None:
    """The bound holds, every append succeeds, and each prediction that went is counted."""
    journal = rig.journal(max_bytes=20_000, segment_bytes=2000, full="drop_oldest")
    for number in range(1000):
        assert journal.append(served(number))
        assert rig.spool.size() <= 20_000

    records = rig.records()
    kept = rig.numbers(records)
    assert kept == list(range(1000 - len(kept), 1000))
    assert rig.dropped == {"journal_full": 1000 - len(kept)}
    assert sum(gap.count for gap in rig.gaps(records)) == 1000 - len(kept)


def test_a_heartbeat_makes_room_ahead(rig: "Rig", served: Make) -> None:
    """No request must then wait until the oldest segment was counted and removed."""
    journal = rig.journal(max_bytes=20_000, segment_bytes=2000, full="drop_oldest")
    number = 0
    while rig.spool.size() < 17_000:
        journal.append(served(number))
        number += 1
    assert not rig.dropped
    journal.heartbeat()

    assert 10_000 < rig.spool.size() <= 16_000
    dropped = rig.dropped["journal_full"]
    assert rig.numbers() == list(range(dropped, number))
    assert [gap.count for gap in rig.gaps()] == [dropped]


def test_the_oldest_stay_where_they_are_in_use_or_not_ours(rig: "Rig", served: Make) -> None:
    """A segment that a drain reads, that another process writes, or of a foreign format."""
    rig.spool.path.mkdir()
    foreign = rig.spool.path / "0-foreign.j"
    foreign.write_bytes(b"PK" + bytes(6000))
    other = rig.journal(segment_bytes=2000)
    other.append(served(values=["x" * 2000]))
    sealed = other.path
    rig.clock.time += 1
    other.append(served())
    live = other.path
    assert sealed is not None
    assert live is not None

    mine = rig.journal(max_bytes=10_000, segment_bytes=2000, full="drop_oldest")
    with sealed.open("rb") as drain:
        fcntl.flock(drain, fcntl.LOCK_EX)
        assert not mine.append(served())
        assert rig.spool.segments() == [foreign, sealed, live]

    rig.clock.time += 1
    assert mine.append(served())
    assert rig.spool.segments() == [foreign, live, mine.path]


def test_too_large_a_record_is_dropped_alone(rig: "Rig", served: Make) -> None:
    """The segment goes on, and the next append carries the gap."""
    journal = rig.journal()
    journal.append(served(1))
    assert not journal.append(served(2, rows=[Row([1])] * 2_000_000))
    rig.clock.time += 60
    assert journal.append(served(3))

    assert rig.dropped == {"record_too_large": 2_000_000}
    assert len(rig.spool.segments()) == 1
    records = rig.records()
    assert records[1] == Gap(
        rig.clock.time - 60, rig.clock.time - 60, 2_000_000, "record_too_large"
    )
    assert rig.numbers(records) == [1, 3]


@pytest.mark.parametrize("event", ["unlinked", "renamed", "replaced", "folder"])
def test_a_heartbeat_notices_that_the_segment_is_gone(rig: "Rig", served: Make, event: str) -> None:
    """What was appended since the last one counts as lost, and recording goes on elsewhere."""
    journal = rig.journal()
    journal.append(served(1))
    journal.heartbeat()
    rig.clock.time += 5
    path = journal.path
    assert path is not None
    if event == "renamed":
        path.rename(path.with_suffix(".corrupt"))
    elif event == "folder":
        shutil.rmtree(rig.spool.path)
    else:
        path.unlink()
    if event == "replaced":
        path.write_bytes(b"")
    assert journal.append(served(2, rows=[Row([1])] * 3))  # into the void
    rig.clock.time += 5
    journal.heartbeat()

    assert rig.dropped == {"segment_lost": 3}
    assert journal.append(served(3))
    assert journal.path not in (None, path)
    records = rig.records()
    assert rig.gaps(records) == [Gap(rig.clock.time - 10, rig.clock.time, 3, "segment_lost")]
    assert rig.numbers(records) == [3]


def test_a_heartbeat_leaves_a_healthy_segment_alone(rig: "Rig", served: Make) -> None:
    """It costs two system calls."""
    journal = rig.journal()
    journal.append(served(1))
    before = journal.path
    journal.heartbeat()
    journal.append(served(2))

    assert rig.spool.segments() == [journal.path] == [before]
    assert not rig.dropped


def test_a_segment_that_cannot_be_looked_at_is_not_given_up(rig: "Rig", served: Make) -> None:
    """Only its absence is proof."""
    journal = rig.journal()
    journal.append(served(1))
    rig.disk.fail("stat", errno.EIO)
    journal.heartbeat()
    journal.append(served(2))

    assert rig.numbers() == [1, 2]
    assert len(rig.spool.segments()) == 1
    assert not rig.dropped


def test_a_rotation_notices_that_the_segment_is_gone(rig: "Rig", served: Make) -> None:
    """A busy writer rotates more often than the heart beats."""
    journal = rig.journal(segment_bytes=1000)
    journal.append(served(0))
    assert journal.path is not None
    journal.path.unlink()
    number = 1
    while len(rig.spool.segments()) == 0:
        journal.append(served(number))
        number += 1

    assert rig.dropped == {"segment_lost": number - 1}
    assert sum(gap.count for gap in rig.gaps()) == number - 1


def test_many_threads_append_at_once(rig: "Rig", served: Make) -> None:
    """No frame is torn by another thread or by a rotation."""
    journal = rig.journal(segment_bytes=5000)

    def work(first: int) -> None:
        for number in range(first, first + 500):
            assert journal.append(served(number))

    threads = [threading.Thread(target=work, args=(1000 * n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    expected = sorted(1000 * n + i for n in range(8) for i in range(500))
    assert sorted(rig.numbers()) == expected
