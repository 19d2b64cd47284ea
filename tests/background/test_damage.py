"""What cannot be read or stored is counted and kept; the rest goes on."""

import struct
from zlib import crc32

import msgspec
import pytest
from sqlalchemy import select

from flask_mlmonitor.background.backlog import Backlog
from flask_mlmonitor.exceptions import StoreUnavailable
from flask_mlmonitor.journal.frames import FORMAT_VERSION, encode
from flask_mlmonitor.records import Served
from flask_mlmonitor.store import database as database_module
from flask_mlmonitor.store import tables
from tests.background.damage import cut, flip
from tests.background.rigs import FRAUD, NOW, Rig, expected, poisoned, request, requests
from tests.stores import file_of


def test_a_poisonous_record_becomes_a_dead_letter(rig: Rig) -> None:
    """It is kept and counted by its rows, and everything before and behind it is stored."""
    rig.write([*requests(5), poisoned(5, rows=3), *requests(5, first=6), poisoned(11)])
    rig.write(requests(3, first=12))
    rig.drain()
    good = [*requests(5), *requests(5, first=6), *requests(3, first=12)]
    found = rig.ledger()
    assert found._replace(letters=[]) == expected(good)
    assert len(found.letters) == 2
    assert "IndexError" in found.letters[0]
    assert rig.counted() == {"dropped rejected": 4}
    assert rig.files() == []
    with rig.database.reading() as connection:
        letters = connection.execute(select(tables.dead_letters.c.record)).scalars().all()
    kept = [
        record for letter in letters for record in msgspec.msgpack.decode(letter, type=list[Served])
    ]
    assert kept == [poisoned(5, rows=3), poisoned(11)]


def test_a_segment_of_poison_alone(rig: Rig) -> None:
    """It is worked off, too."""
    rig.write([poisoned(number) for number in range(3)])
    rig.drain()
    assert len(rig.ledger().letters) == 3
    assert rig.files() == []


def test_a_torn_tail_is_counted(rig: Rig) -> None:
    """A process was killed in mid-write: nobody was told that this record is safe."""
    cut(rig.write(requests(5)), 3)
    rig.write(requests(2, first=10))
    rig.drain()
    assert rig.ledger() == expected([*requests(4), *requests(2, first=10)])
    assert rig.counted() == {"torn": 1}
    assert rig.files() == []


def test_a_corrupt_segment_is_kept_and_its_loss_is_known(rig: Rig) -> None:
    """What stands before the damage is stored, what may have stood behind it is a gap."""
    flip(rig.write(requests(100)), 0.5)
    rig.write(requests(5, first=200))
    rig.drain()
    found = rig.ledger()
    kept = len(found.ids) - 5
    assert 40 < kept < 60
    assert found._replace(gaps=[]) == expected([*requests(kept), *requests(5, first=200)])
    (gap,) = found.gaps
    assert gap.count == 100 - kept
    assert gap.reason == "corrupt"
    assert NOW <= gap.start <= gap.end
    assert rig.counted() == {"dropped corrupt": 100 - kept}
    assert rig.files() == [".corrupt"]
    assert rig.drain() == 0


def test_a_frame_that_holds_no_record(rig: Rig) -> None:
    """Whole, but of something this version does not know: it is a gap, and the rest goes on."""
    path = rig.write(requests(3))
    payload = msgspec.msgpack.encode(["x", 1, 2])
    frame = struct.pack("<II", len(payload), crc32(payload)) + payload
    behind = path.read_bytes()[-len(encode(request(2))) :]
    assert behind == encode(request(2))
    path.write_bytes(path.read_bytes()[: -len(behind)] + frame + behind)
    rig.drain()
    found = rig.ledger()
    assert found._replace(gaps=[]) == expected(requests(3))
    assert [gap.count for gap in found.gaps] == [1]
    assert sum(rig.counted().values()) == 1
    assert rig.files() == []


def test_a_segment_that_is_no_file(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever lies in the spool, the segments behind it are drained."""
    (rig.spool.path / "00000000000000000000-1-000000-abcdef01.j").mkdir(parents=True)
    rig.write(requests(5))
    drain = rig.new_drain()
    for _ in range(3):
        drain.run_once(100)
    assert rig.ledger() == expected(requests(5))
    assert drain.backlog() == Backlog(0, 0.0)
    assert len(caplog.records) == 1


def test_a_segment_whose_head_is_damaged(rig: Rig) -> None:
    """Nothing in it can be understood, but what was in it is not forgotten."""
    flip(rig.write(requests(20)), 0.01)
    rig.write(requests(5, first=200))
    rig.drain()
    found = rig.ledger()
    assert found._replace(gaps=[]) == expected(requests(5, first=200))
    assert [gap.count for gap in found.gaps] == [20]
    assert rig.files() == [".corrupt"]


def test_gaps_of_the_journal_reach_the_store(rig: Rig) -> None:
    """What a writer could not record, it wrote down when it could."""
    journal = rig.journal()
    journal.schema(FRAUD)
    journal.append(request(0))
    assert journal.path is not None
    journal.path.unlink()
    with pytest.raises(AssertionError, match="segment_lost"):
        journal.heartbeat()
    journal.append(request(1))
    journal.close()
    rig.drain()
    found = rig.ledger()
    assert found._replace(gaps=[]) == expected([request(1)])
    assert [(gap.count, gap.reason) for gap in found.gaps] == [(1, "segment_lost")]


@pytest.mark.parametrize(
    "beginning", [b"PK\x03\x04", b"MLMJ" + bytes([FORMAT_VERSION + 1, 0, 0, 0])]
)
def test_a_foreign_segment_is_left_alone(
    rig: Rig, caplog: pytest.LogCaptureFixture, beginning: bytes
) -> None:
    """Of a later version, or no segment: told once, never deleted, in nobody's way."""
    rig.write(requests(5))
    foreign = rig.spool.path / "00000000000000000000-1-000000-abcdef01.j"
    foreign.write_bytes(beginning + bytes(range(256)))
    drain = rig.new_drain()
    for _ in range(3):
        drain.run_once(100)
    assert rig.ledger() == expected(requests(5))
    assert foreign.read_bytes() == beginning + bytes(range(256))
    assert drain.backlog() == Backlog(0, 0.0)
    (record,) = caplog.records
    assert str(foreign) in record.getMessage()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits long for the store."""
    monkeypatch.setattr(database_module, "BUSY_SECONDS", 0.02)


@pytest.mark.usefixtures("impatient")
def test_nothing_is_lost_while_the_store_is_locked(rig_with_file: Rig) -> None:
    """The drain says so, and goes on from where it was."""
    rig = rig_with_file
    rig.write(requests(5))
    drain = rig.new_drain()
    with rig.database.writing():
        for _ in range(3):
            with pytest.raises(StoreUnavailable):
                drain.run_once(100)
    rig.write(requests(5, first=5))
    assert drain.run_once(100) == 10
    assert rig.ledger() == expected(requests(10))


def test_nothing_is_lost_while_the_store_is_away(rig_with_file: Rig) -> None:
    """A folder stands where its file should be; then it is back."""
    rig = rig_with_file
    rig.write(requests(5))
    drain, path = rig.new_drain(), file_of(rig.store_url)
    path.mkdir()
    for _ in range(3):
        with pytest.raises(StoreUnavailable):
            drain.run_once(100)
    path.rmdir()
    assert drain.run_once(100) == 5
    assert rig.ledger() == expected(requests(5))


def test_a_store_that_cannot_be_used_is_told_before_it_is_needed(rig_with_file: Rig) -> None:
    """With an empty spool, too: a wrong folder shows at once, not with the first prediction."""
    rig = rig_with_file
    file_of(rig.store_url).mkdir(parents=True)
    with pytest.raises(StoreUnavailable):
        rig.new_drain().run_once(100)
