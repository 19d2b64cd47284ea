"""Reading segments: whole ones, growing ones, and what is left of damaged ones."""

import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from flask_mlmonitor.journal import frames
from flask_mlmonitor.journal.spool import Chunk, Segment, Spool, State, created
from flask_mlmonitor.journal.writer import Journal
from flask_mlmonitor.records import Gap, Row, Schema, Served

Make = Callable[..., Served]
N = 8


def write(folder: Path, *requests: Served, schema: Schema | None = None) -> Path:
    """Write a sealed segment and return its path."""
    journal = Journal(folder, on_drop=lambda reason, n: pytest.fail(reason))
    if schema:
        journal.schema(schema)
    assert all(map(journal.append, requests))
    path = journal.path
    journal.close()
    assert path is not None
    return path


def read(path: Path, offset: int = 0) -> Chunk:
    """Read a segment to its end as one chunk."""
    with Segment(path) as segment:
        records: list[Served | Gap] = []
        for chunk in segment.chunks(offset):
            records += chunk.records
        return Chunk(records, chunk.offset, chunk.state, chunk.lost)


def encoded(records: list[Served | Gap]) -> list[bytes]:
    """Return the records as what can be compared: their bytes."""
    return list(map(frames.encode, records))


@pytest.fixture
def requests(served: Make) -> list[Served]:
    """A handful of requests."""
    return [served(n) for n in range(N)]


@pytest.fixture
def segment(tmp_path: Path, requests: list[Served], schema: Schema) -> Path:
    """A sealed segment of these requests."""
    return write(tmp_path, *requests, schema=schema)


def test_a_sealed_segment_is_read_to_its_end(
    segment: Path, requests: list[Served], schema: Schema
) -> None:
    """Records, schemas and header return, and the state says that it may go."""
    with Segment(segment) as opened:
        chunk = opened.read()

        assert opened.sealed
        assert opened.schemas == [schema]
        assert opened.header is not None
        assert opened.header.pid == os.getpid()
    assert encoded(chunk.records) == list(map(frames.encode, requests))
    assert (chunk.state, chunk.end, chunk.lost) == (State.DONE, True, None)
    assert chunk.offset == segment.stat().st_size


def test_a_read_goes_on_where_the_last_one_ended(segment: Path, requests: list[Served]) -> None:
    """An offset is all that a drain must remember."""
    records, offset, states = [], 0, []
    for _ in range(4):
        with Segment(segment) as opened:
            chunk = opened.read(offset, 2)
        records += chunk.records
        offset = chunk.offset
        states.append(chunk.state)

    assert encoded(records) == list(map(frames.encode, requests))
    assert states == [State.MORE, State.MORE, State.MORE, State.DONE]


def test_a_live_segment_is_read_as_it_grows(tmp_path: Path, served: Make) -> None:
    """Until its writer seals it, its end is only the end for now."""
    journal = Journal(tmp_path, on_drop=lambda reason, n: None)
    journal.append(served(0))
    (path,) = Spool(tmp_path).segments()

    first = read(path)
    nothing = read(path, first.offset)
    journal.append(served(1))
    second = read(path, first.offset)
    journal.close()
    last = read(path, second.offset)

    assert encoded(first.records + second.records) == encoded([served(0), served(1)])
    assert [first.state, nothing.state, second.state] == [State.WAIT] * 3
    assert nothing.records == last.records == []
    assert last.state is State.DONE


def test_two_readers_never_both_take_a_segment_for_sealed(segment: Path) -> None:
    """The second one reads it as if its writer lived."""
    with Segment(segment) as first, Segment(segment) as second:
        assert (first.sealed, second.sealed) == (True, False)
        assert second.read().state is State.WAIT
    with Segment(segment) as third:
        assert third.sealed


def test_a_child_forked_in_mid_read_does_not_keep_the_segment_locked(segment: Path) -> None:
    """Its copy of the descriptor outlives ours; the lock does not."""
    with Segment(segment):
        held, release = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(release)
            os.read(held, 1)
            os._exit(0)
    try:
        with Segment(segment) as again:
            assert again.sealed
    finally:
        os.close(release)
        os.close(held)
        os.waitpid(pid, 0)


def test_a_large_record_is_read_whole(tmp_path: Path, served: Make) -> None:
    """One that exceeds the usual read, between small ones."""
    requests = [served(0), served(1, values=["x" * 1_000_000]), served(2)]

    assert encoded(read(write(tmp_path, *requests)).records) == encoded([*requests])


def test_every_truncation_returns_the_whole_frames_before_it(
    segment: Path, requests: list[Served], schema: Schema
) -> None:
    """Nothing raises, nothing stalls, and the unfinished frame is dropped as torn."""
    whole = segment.read_bytes()
    ends = [len(frames.encode_head([schema]))]
    for request in requests:
        ends.append(ends[-1] + len(frames.encode(request)))
    assert ends[-1] == len(whole)

    for size in range(len(whole) - 1, -1, -1):
        os.truncate(segment, size)
        chunk = read(segment)

        complete = sum(end <= size for end in ends[1:])
        assert encoded(chunk.records) == list(map(frames.encode, requests[:complete]))
        assert chunk.state is (State.DONE if size in ends else State.TORN)
        assert chunk.lost is None


def test_every_truncation_of_a_live_segment_waits(segment: Path, requests: list[Served]) -> None:
    """What looks unfinished may be on its way."""
    whole = segment.read_bytes()
    with segment.open("rb") as writer:
        fcntl.flock(writer, fcntl.LOCK_EX)
        for size in range(len(whole) - 1, 0, -1):
            os.truncate(segment, size)
            chunk = read(segment)

            assert chunk.state is State.WAIT
            assert encoded(chunk.records) == list(
                map(frames.encode, requests[: len(chunk.records)])
            )


def test_every_flipped_bit_costs_only_what_stands_behind_it(
    segment: Path, requests: list[Served]
) -> None:
    """Nothing raises, no record is wrong, and every loss is counted to the row."""
    whole = segment.read_bytes()
    expected = list(map(frames.encode, requests))
    last = len(whole) - len(expected[-1])
    fd = os.open(segment, os.O_RDWR)
    for bit in range(8 * len(whole)):
        place = bit // 8
        os.pwrite(fd, bytes([whole[place] ^ (1 << bit % 8)]), place)
        chunk = read(segment)
        os.pwrite(fd, whole[place : place + 1], place)

        kept = encoded(chunk.records)
        assert kept == expected[: len(kept)]
        if place < 8:
            assert chunk.state is State.FOREIGN
        elif chunk.state is State.TORN:  # in the last frame's length: as if it were unfinished
            assert last <= place < last + 4
        else:
            assert chunk.state is State.CORRUPT
            assert chunk.lost is not None
            assert chunk.lost.count == N - len(kept)
            assert chunk.lost.reason == "corrupt"
            assert chunk.lost.start <= chunk.lost.end
    os.close(fd)


def test_a_gap_begins_with_the_last_record_before_it(segment: Path) -> None:
    """As near as can be told; it ends when the segment was last written."""
    size = segment.stat().st_size
    with segment.open("r+b") as file:
        file.seek(size - 1)
        file.write(b"\xff")
    os.utime(segment, (0, created(segment) + 100))
    chunk = read(segment)

    assert chunk.lost == Gap(created(segment), created(segment) + 100, 1, "corrupt")
    assert len(chunk.records) == N - 1


@pytest.mark.parametrize("zeros", [1, 7, 8, 9, 4096, 600_000])
def test_a_tail_of_zeros_is_torn(segment: Path, zeros: int) -> None:
    """A power cut leaves them: the file's size is on the disk, its data is not."""
    with segment.open("ab") as file:
        file.write(bytes(zeros))
    chunk = read(segment)

    assert (len(chunk.records), chunk.state, chunk.lost) == (N, State.TORN, None)
    assert chunk.offset == segment.stat().st_size


def test_zeros_amid_data_are_damage(segment: Path, served: Make) -> None:
    """What stands behind them is counted as lost, however far away it is."""
    with segment.open("ab") as file:
        file.write(bytes(600_000) + frames.encode(served(rows=[Row([1])] * 3)))
    chunk = read(segment)

    assert (len(chunk.records), chunk.state) == (N, State.CORRUPT)
    assert chunk.lost is not None
    assert chunk.lost.count == 1 + 3


def test_zeros_before_garbage_are_damage(segment: Path) -> None:
    """Even if nothing that stands behind them can be counted."""
    with segment.open("ab") as file:
        file.write(bytes(600_000) + b"x")
    chunk = read(segment)

    assert (len(chunk.records), chunk.state) == (N, State.CORRUPT)
    assert chunk.lost is not None
    assert chunk.lost.count == 1


def test_a_frame_that_holds_no_record_is_skipped_and_counted(segment: Path, served: Make) -> None:
    """Its CRC is right, so what follows it can be trusted."""
    alien = frames.encode(Schema("a", "m", "1", b""))
    with segment.open("ab") as file:
        file.write(alien + frames.encode(served(99)))
    chunk = read(segment)

    assert (len(chunk.records), chunk.state) == (N + 1, State.DONE)
    assert chunk.lost is not None
    assert (chunk.lost.count, chunk.lost.reason) == (1, "unreadable")


@pytest.mark.parametrize(
    "content",
    [
        b"PK\x03\x04 an archive",
        b"MLMJ\x02\x00\x00\x00 of the future",
        b"MLM0",
        bytes(5000) + b"somebody else's",
        bytes(3) + b"x",
    ],
)
def test_what_is_not_ours_is_left_alone(tmp_path: Path, content: bytes) -> None:
    """A foreign file or a later version is reported, never read, ended or moved on in."""
    path = tmp_path / "00000000000000000001-1-0-aaaaaaaa.j"
    path.write_bytes(content)

    for offset in (0, 3, 10**9):
        chunk = read(path, offset)
        assert (chunk.records, chunk.offset, chunk.state) == ([], offset, State.FOREIGN)
        assert not chunk.end


@pytest.mark.parametrize("content", [b"", b"ML", b"MLMJ\x01\x00", bytes(3), bytes(100_000)])
def test_a_segment_without_a_head_is_torn(tmp_path: Path, content: bytes) -> None:
    """Nothing in it was ever acknowledged that could still be read."""
    path = tmp_path / "unnamed.j"
    path.write_bytes(content)
    chunk = read(path)

    assert (chunk.records, chunk.state, chunk.lost) == ([], State.TORN, None)
    assert created(path) == 0.0


def test_an_offset_behind_the_end_is_done(segment: Path) -> None:
    """After a power cut the file may be shorter than what was drained of it."""
    size = segment.stat().st_size
    for offset in (size, size + 1, 10**12):
        chunk = read(segment, offset)
        assert (chunk.records, chunk.state, chunk.offset) == ([], State.DONE, offset)


def test_a_live_segment_that_became_shorter_is_damage(segment: Path) -> None:
    """Somebody cut it under its writer: waiting for it would be for ever."""
    with segment.open("rb") as writer:
        fcntl.flock(writer, fcntl.LOCK_EX)
        assert read(segment, 10**6).state is State.CORRUPT


def test_damage_that_was_committed_is_not_counted_again(segment: Path) -> None:
    """The drain died between its commit and the quarantine."""
    data = bytearray(segment.read_bytes())
    data[-1] ^= 1
    segment.write_bytes(data)
    first = read(segment)
    again = read(segment, first.offset)

    assert (first.state, again.state, again.lost) == (State.CORRUPT, State.DONE, None)


def test_segments_are_listed_by_age(tmp_path: Path) -> None:
    """By their names, which begin with the time; other files are none."""
    names = ["00000000000000000002-9-0-a.j", "00000000000000000001-9-1-a.j", "b.tmp", "c.corrupt"]
    for name in names:
        (tmp_path / name).write_bytes(b"12345")
    spool = Spool(tmp_path)

    assert [path.name for path in spool.segments()] == [names[1], names[0]]
    assert spool.size() == 10


def test_a_spool_need_not_exist(tmp_path: Path) -> None:
    """Before the first prediction there is none."""
    spool = Spool(tmp_path / "none")

    assert (spool.segments(), spool.size(), spool.sweep()) == ([], 0, 0)
    assert not spool.path.exists()


def test_sweeping_takes_what_the_dead_left(tmp_path: Path) -> None:
    """Unfinished files of living writers, young ones and young quarantined ones stay."""
    now = time.time()
    ages = {"old.tmp": 61, "young.tmp": 5, "live.tmp": 61, "old.corrupt": 8 * 86400, "a.corrupt": 9}
    for name, age in ages.items():
        (tmp_path / name).write_bytes(b"x")
        os.utime(tmp_path / name, (now - age, now - age))

    with (tmp_path / "live.tmp").open("rb") as live:
        fcntl.flock(live, fcntl.LOCK_EX)
        assert Spool(tmp_path).sweep() == 2
        assert sorted(os.listdir(tmp_path)) == ["a.corrupt", "live.tmp", "young.tmp"]
    assert Spool(tmp_path).sweep(older_than=0) == 2


def test_removing_and_quarantining_bear_a_peer(segment: Path) -> None:
    """Another drain may have done it first."""
    with Segment(segment) as first:
        first.quarantine()
        first.quarantine()
        first.remove()
    assert [path.suffix for path in segment.parent.iterdir()] == [".corrupt"]
    with pytest.raises(FileNotFoundError), Segment(segment):
        pass
