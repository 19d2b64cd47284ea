"""One slot for each living process, whose values outlive it."""

import os
import resource
import shutil
import signal
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from flask_mlmonitor.counters.cells import MAGIC, Block, Owner, unpack
from flask_mlmonitor.counters.requests import MonitorCounters
from flask_mlmonitor.counters.slots import Slot, read_slots
from tests.processes import Child, run_in_child

if TYPE_CHECKING:
    from tests.disks import SmallDisk

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")

MakeSlot = Callable[[], Slot]
FRAUD = Owner("fraud", "2")
CELLS = (("predictions", "success"), ("in_progress",))


def count(slot: Slot, number: int = 1, owner: Owner = FRAUD) -> Block:
    """Count *number* predictions in a slot, and one request in progress."""
    block = slot.block(owner, CELLS)
    with slot.lock:
        block.values[0] += number
        block.values[1] += 1
    slot.write(block, block.view)
    return block


def counted(slot: Slot) -> int | None:
    """Count five in a slot of a child's own; tell its number."""
    count(slot, 5)
    return slot.number


def total(folder: Path) -> float:
    """Add up the predictions of all slots, as another process sees them."""
    return sum(
        value
        for _, blocks in read_slots(Slot(folder))
        for block in blocks or ()
        for name, value in block.items()
        if name == CELLS[0]
    )


def test_nothing_is_on_disk_before_something_counts(folder: Path, make_slot: MakeSlot) -> None:
    """Making a slot makes no file."""
    slot = make_slot()
    assert slot.number is None
    assert list(read_slots(slot)) == []
    assert not folder.exists()


def test_the_files_are_private(folder: Path, make_slot: MakeSlot) -> None:
    """Names of models and features stand in them."""
    count(make_slot())
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


def test_a_slot_goes_on_after_its_process_was_killed(folder: Path, make_slot: MakeSlot) -> None:
    """What was counted before ``kill -9`` is there, and the next process counts on from it."""
    with Child(lambda: counted(Slot(folder))) as child:
        assert child.told == 0
        assert [alive for alive, _ in read_slots(Slot(folder))] == [True]
    assert [alive for alive, _ in read_slots(Slot(folder))] == [False]
    assert total(folder) == 5

    slot = make_slot()
    assert count(slot, 2).values[0] == 7
    assert slot.number == 0
    assert total(folder) == 7


def test_requests_of_a_dead_process_are_no_longer_in_progress(
    folder: Path, make_slot: MakeSlot
) -> None:
    """The gauges begin at 0 with each process; only counters go on."""
    with Child(lambda: counted(Slot(folder))):
        pass
    slot = make_slot()
    assert slot.block(FRAUD, CELLS).values.tolist() == [5, 0]


def test_two_processes_never_share_a_slot(folder: Path) -> None:
    """However many take one at the same time, each counts in its own."""
    gate, opener = os.pipe()

    def take() -> int | None:
        os.close(opener)
        os.read(gate, 1)  # ends when the parent closes its end too: all go at once
        return counted(Slot(folder))

    children = [Child(take) for _ in range(8)]
    os.close(opener)
    try:
        assert len({child.told for child in children}) == 8
        assert total(folder) == 40
    finally:
        os.close(gate)
        for child in children:
            child.kill()


def test_two_slots_of_a_process_are_two(folder: Path, make_slot: MakeSlot) -> None:
    """Apps with one data folder and a runtime each do not disturb each other."""
    first, second = make_slot(), make_slot()
    count(first)
    count(second)
    assert {first.number, second.number} == {0, 1}
    assert total(folder) == 2


def test_a_forked_child_counts_in_a_slot_of_its_own(folder: Path, make_slot: MakeSlot) -> None:
    """The parent's counts are neither taken over nor written a second time."""
    slot = make_slot()
    count(slot, 3)
    with Child(lambda: counted(slot)) as child:
        assert child.told == 1
        assert total(folder) == 8
        assert count(slot).values[0] == 4
        assert slot.number == 0
        assert total(folder) == 9


def test_a_child_does_not_keep_its_dead_parents_slot(folder: Path, make_slot: MakeSlot) -> None:
    """A worker's helper process that outlives it holds no lock of it."""
    reader, writer = os.pipe()
    born, bear = os.pipe()

    def parent() -> None:
        slot = Slot(folder)
        count(slot, 5)
        if os.fork() == 0:
            signal.alarm(10)
            os.close(writer)
            os.write(bear, b"!")
            os.read(reader, 1)  # outlives its parent, until the test ends
            os._exit(0)
        os.close(writer)

    try:
        with Child(parent):
            pass
        os.read(born, 1)
        slot = make_slot()
        assert count(slot).values[0] == 6
        assert slot.number == 0
    finally:
        for fd in (writer, reader, born, bear):
            os.close(fd)


def test_the_number_of_files_is_that_of_processes_at_once(folder: Path) -> None:
    """Forty lives, three at a time; few more when a scrape looks at each slot all the while."""

    def scrape() -> None:
        while True:
            list(read_slots(Slot(folder)))

    watcher = Child(scrape)
    try:
        for _ in range(13):
            with ExitStack() as stack:
                for _ in range(3):
                    stack.enter_context(Child(lambda: counted(Slot(folder))))
    finally:
        watcher.kill()
    assert total(folder) == 39 * 5
    assert 3 <= len(list(folder.glob("*.cells"))) <= 6


def test_a_closed_slot_is_given_back(folder: Path, make_slot: MakeSlot) -> None:
    """The next process takes it, with its values."""
    first = make_slot()
    count(first, 3)
    first.close()
    second = make_slot()
    assert count(second).values[0] == 4
    assert second.number == 0


def test_two_deployments_of_a_model_do_not_mix_their_cells(
    folder: Path, make_slot: MakeSlot
) -> None:
    """After a deployment with other cells, the slot holds a block of each."""
    with Child(lambda: counted(Slot(folder))):
        pass
    slot = make_slot()
    other = slot.block(FRAUD, (*CELLS, ("errors", "timeout")))
    other.values[0] = 2
    slot.write(other, other.view)
    with Child(lambda: counted(Slot(folder))) as child:
        assert child.told == 1
        assert total(folder) == 12
    ((_, blocks),) = [found for found in read_slots(slot) if found[1] != [] and found[0]][:1]
    assert blocks is not None
    assert [block.values[0] for block in blocks] == [5, 2]


def damage(folder: Path, kind: str) -> None:
    """Put a file that is no slot beside the slots."""
    path = folder / "7.cells"
    whole = MAGIC + Block(FRAUD, CELLS, [9.0, 9.0]).pack()
    contents = {
        "empty": b"",
        "cut within the magic": MAGIC[:3],
        "foreign": b"PK\x03\x04" + bytes(100),
        "of a later version": whole.replace(MAGIC, b"MLMC\x02\x00\x00\x00"),
        "zeros": bytes(4096),
    }
    if kind in contents:
        path.write_bytes(contents[kind])
    elif kind == "a folder":
        path.mkdir()
    else:
        path.symlink_to(folder / "nowhere")


@pytest.mark.parametrize(
    "kind",
    ["empty", "cut within the magic", "foreign", "of a later version", "zeros", "a folder",
     "a broken link"],
)  # fmt: skip
def test_a_bad_file_hides_no_other(folder: Path, make_slot: MakeSlot, kind: str) -> None:
    """It is told as unreadable, and the rest is read."""
    with Child(lambda: counted(Slot(folder))), Child(lambda: counted(Slot(folder))):
        damage(folder, kind)
        found = list(read_slots(make_slot()))
        assert [blocks is None for _, blocks in found].count(True) == 1
        assert total(folder) == 10


def test_a_truncated_file_is_read_up_to_the_cut(folder: Path, make_slot: MakeSlot) -> None:
    """Its whole blocks count, and its next owner goes on behind them."""

    def two() -> None:
        slot = Slot(folder)
        count(slot, 5)
        count(slot, 6, Owner("churn", "1"))

    with Child(two):
        pass
    path = folder / "0.cells"
    path.write_bytes(path.read_bytes()[:-3])
    assert total(folder) == 5

    slot = make_slot()
    assert count(slot).values[0] == 6
    assert unpack(path.read_bytes())[1] == path.stat().st_size
    assert count(slot, 1, Owner("churn", "1")).values[0] == 1
    assert total(folder) == 7
    assert unpack(path.read_bytes())[1] == path.stat().st_size


def test_a_damaged_slot_is_used_again(folder: Path, make_slot: MakeSlot) -> None:
    """Its values are gone, but its next owner's are readable."""
    with Child(lambda: counted(Slot(folder))):
        pass
    (folder / "0.cells").write_bytes(b"nonsense")
    slot = make_slot()
    count(slot, 2)
    assert slot.number == 0
    assert total(folder) == 2


def test_a_slot_that_cannot_be_opened_is_passed_over(folder: Path, make_slot: MakeSlot) -> None:
    """Another user's file, or whatever else lies there, keeps nobody from counting."""
    (folder / "0.cells").mkdir(parents=True)
    (folder / "0.lock").touch()
    slot = make_slot()
    count(slot, 2)
    assert slot.number == 1
    assert total(folder) == 2


def test_threads_lose_nothing(folder: Path, make_slot: MakeSlot) -> None:
    """Eight threads count at once; memory and file hold the exact sum."""
    slot = make_slot()
    counters = MonitorCounters(slot)

    def work() -> None:
        for _ in range(2000):
            counters.add("dropped", "write_error")

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ((_, blocks),) = read_slots(Slot(folder))
    assert blocks is not None
    assert dict(blocks[0].items())["dropped", "write_error"] == 16_000


def test_blocks_can_be_added_while_others_count(folder: Path, make_slot: MakeSlot) -> None:
    """A model's first request in one thread disturbs no count of another thread's."""
    slot = make_slot()
    stop = threading.Event()
    done: list[int] = []

    def work() -> None:
        number = 0
        while not stop.is_set():
            count(slot)
            number += 1
        done.append(number)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for number in range(100):
        count(slot, 0, Owner(f"m{number}", "1"))
    stop.set()
    for thread in threads:
        thread.join()
    assert total(folder) == sum(done)
    ((_, blocks),) = read_slots(Slot(folder))
    assert len(blocks or ()) == 101


def test_counting_goes_on_while_the_disk_is_full(small_disk: "SmallDisk") -> None:
    """What fits is written; the rest is kept in memory, and the file catches up with it."""
    folder = small_disk.path / "slots"
    slot = Slot(folder)
    count(slot, 1)
    small_disk.fill()
    wide = [("failures", f"feature_{number}", "type") for number in range(1000)]
    block = slot.block(Owner("wide", "1"), wide)
    for _ in range(50):
        block.values[0] += 1
        with pytest.raises(OSError, match=r"No space|in part"):
            slot.write(block, block.view)
    assert total(folder) == 1
    assert [len(blocks or ()) for _, blocks in read_slots(slot)] == [2]

    small_disk.empty()
    slot.write(block, block.view)
    ((_, blocks),) = read_slots(Slot(folder))
    assert blocks is not None
    assert blocks[1].values.tolist() == block.values.tolist()
    slot.close()


def test_counting_begins_on_a_full_disk(small_disk: "SmallDisk") -> None:
    """A process that starts while nothing can be written counts in memory, and catches up."""
    folder = small_disk.path / "slots"
    folder.mkdir()
    small_disk.fill()
    slot = Slot(folder)
    block = slot.block(FRAUD, CELLS)
    for _ in range(3):
        block.values[0] += 1
        with pytest.raises(OSError, match=r"No space|in part"):
            slot.write(block, block.view)
    small_disk.empty()
    slot.write(block, block.view)
    assert total(folder) == 3
    slot.close()


def test_what_is_counted_in_memory_can_be_read(small_disk: "SmallDisk") -> None:
    """The process that counts shows its own numbers, slot or not."""
    folder = small_disk.path / "slots"
    folder.mkdir()
    small_disk.fill()
    slot = Slot(folder)
    slot.block(FRAUD, CELLS).values[0] = 3
    found = [
        (alive, block.values[0]) for alive, blocks in read_slots(slot) for block in blocks or ()
    ]
    assert found == [(True, 3)]


def test_what_was_counted_without_a_slot_is_added_to_the_one_it_gets(
    folder: Path, tmp_path: Path, make_slot: MakeSlot
) -> None:
    """Neither the former owner's counts nor the new one's are lost."""
    with Child(lambda: counted(Slot(folder))):
        pass
    folder.rename(tmp_path / "away")
    folder.touch()
    slot = make_slot()
    with pytest.raises(FileExistsError):
        count(slot, 3)
    folder.unlink()
    (tmp_path / "away").rename(folder)
    assert count(slot, 1).values[0] == 9
    assert total(folder) == 9


def test_a_limit_on_file_sizes_is_a_full_disk(folder: Path) -> None:
    """The kernel refuses what lies behind the limit: counting goes on, the rest is written."""

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (400, 400))
        slot = Slot(folder)
        count(slot, 5)
        block = slot.block(Owner("wide", "1"), [(str(number),) for number in range(100)])
        for _ in range(20):
            block.values[0] += 1
            with pytest.raises(OSError, match=r"too large|in part"):
                slot.write(block, block.view)
        count(slot, 5)
        assert block.values[0] == 20

    assert run_in_child(limited) == 0
    assert total(folder) == 10


def test_open_files_do_not_grow_while_the_disk_is_full(folder: Path) -> None:
    """However often a write fails."""

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4, 4))
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(20):
            slot = Slot(folder)
            with pytest.raises(OSError, match=r"too large|in part"):
                count(slot)
            slot.close()
        assert len(os.listdir("/proc/self/fd")) == before

    assert run_in_child(limited) == 0


def test_deleted_files_are_replaced(folder: Path, make_slot: MakeSlot) -> None:
    """What was counted is in the new ones by the next flush, once; nothing is left open."""
    slots = [make_slot(), make_slot()]
    blocks = [count(slot, 5) for slot in slots]
    before = len(os.listdir("/proc/self/fd"))
    shutil.rmtree(folder)
    for slot, block in zip(slots, blocks, strict=True):
        block.values[0] += 1
        slot.write(block, block.view)  # a thread that knows of nothing
        assert total(folder) == 6 * slots.index(slot)
        slot.flush()
    slots[0].block(Owner("churn", "1"), CELLS)
    slots[0].flush()

    assert total(folder) == 12
    assert len(os.listdir("/proc/self/fd")) == before
    assert {slot.number for slot in slots} == {0, 1}
    heir = make_slot()
    slots[1].close()
    count(heir, 1)
    assert total(folder) == 13


def test_threads_count_on_while_their_files_are_replaced(folder: Path, make_slot: MakeSlot) -> None:
    """Again and again: no count is lost, and nothing is written where it does not belong."""
    slot = make_slot()
    block = slot.block(FRAUD, CELLS)
    slot.flush()
    done = threading.Event()

    def work() -> None:
        while not done.is_set():
            with slot.lock:
                block.values[0] += 1
            slot.write(block, block.view)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(100):
        shutil.rmtree(folder)
        slot.flush()
    done.set()
    for thread in threads:
        thread.join()
    slot.flush()
    assert total(folder) == block.values[0] > 0


def test_files_that_come_back_hold_all(folder: Path, make_slot: MakeSlot) -> None:
    """A folder that is moved away, as when its disk is unmounted, and back."""
    slot = make_slot()
    count(slot, 5)
    away = folder.rename(folder.with_name("away"))
    count(slot, 5)
    slot.flush()
    assert not folder.exists()
    away.rename(folder)
    assert total(folder) == 10
