"""The monitor's own faults stay with the monitor."""

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from flask_mlmonitor.counters.cells import Owner
from flask_mlmonitor.counters.faults import Faults
from flask_mlmonitor.counters.requests import WHERES, MonitorCounters
from flask_mlmonitor.counters.slots import Slot
from tests.processes import run_in_child

MakeSlot = Callable[[], Slot]


def counts(slot: Slot) -> dict[str, float]:
    """Return the faults by where they happened."""
    return {
        name[1]: value
        for block in slot.blocks()
        if block.owner == Owner("", "")
        for name, value in block.items()
        if name[0] == "internal_errors" and value
    }


@pytest.mark.parametrize("where", WHERES)
def test_a_fault_is_counted_each_time_and_logged_once(
    make_slot: MakeSlot, caplog: pytest.LogCaptureFixture, where: str
) -> None:
    """With its traceback; the block behind the guard goes on."""
    slot = make_slot()
    faults = Faults(MonitorCounters(slot))
    for _ in range(3):
        with faults.guard(where):
            raise KeyError("amount")
    assert counts(slot) == {where: 3}
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert record.name == "flask_mlmonitor"
    assert record.exc_info is not None
    assert record.exc_info[0] is KeyError
    assert where in record.getMessage()


def test_another_fault_is_logged_too(make_slot: MakeSlot, caplog: pytest.LogCaptureFixture) -> None:
    """Another place, class or message is another kind."""
    faults = Faults(MonitorCounters(make_slot()))
    for where, error in (
        ("journal", OSError("full")),
        ("journal", OSError("gone")),
        ("journal", ValueError("full")),
        ("store", OSError("full")),
    ):
        faults.happened(where, error)
        faults.happened(where, error)
    assert len(caplog.records) == 4


def test_the_log_is_not_flooded(make_slot: MakeSlot, caplog: pytest.LogCaptureFixture) -> None:
    """However many kinds there are, a process logs a hundred."""
    slot = make_slot()
    faults = Faults(MonitorCounters(slot))
    for number in range(250):
        faults.happened("signal", ValueError(number))
    assert len(caplog.records) == 100
    assert counts(slot) == {"signal": 250}


def test_what_ends_a_process_passes(make_slot: MakeSlot) -> None:
    """A guard holds back errors, not an interrupt or an exit."""
    slot = make_slot()
    faults = Faults(MonitorCounters(slot))
    for kind in (KeyboardInterrupt, SystemExit, GeneratorExit):
        with pytest.raises(kind), faults.guard("request"):
            raise kind
    assert counts(slot) == {}


def test_a_fault_that_cannot_be_counted_is_still_held_back(
    folder: Path, make_slot: MakeSlot, caplog: pytest.LogCaptureFixture
) -> None:
    """After the slot was given back, at the end of a process, nothing reaches a request either."""
    slot = make_slot()
    faults = Faults(MonitorCounters(slot))
    slot.close()
    with faults.guard("request"):
        raise KeyError("amount")
    assert len(caplog.records) == 1
    assert sorted(path.name for path in folder.iterdir()) == ["0.cells", "0.lock"]


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_fault_in_a_forked_child_is_held_back(make_slot: MakeSlot) -> None:
    """A request that forks goes on in both processes; the child has no slot of these counters."""
    faults = Faults(MonitorCounters(make_slot()))
    faults.happened("request", KeyError("amount"))
    assert run_in_child(lambda: faults.happened("request", KeyError("amount"))) == 0
