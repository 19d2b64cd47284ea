"""What is counted of requests: exact sums, and the throughput of the last seconds."""

import random
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_mlmonitor.counters.cells import Name, Owner
from flask_mlmonitor.counters.requests import (
    DELAY_BOUNDS,
    TICKS,
    MonitorCounters,
    RequestCounters,
    TruthCounters,
    recent,
)
from flask_mlmonitor.counters.slots import Slot, read_slots
from flask_mlmonitor.records import (
    ERROR_TYPES,
    FALLBACK_REASONS,
    RULES,
    STATUSES,
    FieldFailure,
)
from tests.processes import Child

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")

MakeSlot = Callable[[], Slot]
FRAUD = Owner("fraud", "2")
BOUNDS = (0.1, 0.5, 2.0)
WINDOW = 60.0
NOW = 1_700_000_000.0
SUCCESS, FALLBACK, ERROR, INVALID = range(4)


def counters_in(slot: Slot, owner: Owner = FRAUD, window: float = WINDOW) -> RequestCounters:
    """Count one model's requests in a slot."""
    return RequestCounters(slot, owner, BOUNDS, ("age", "plan"), window)


def in_file(folder: Path, owner: Owner = FRAUD) -> dict[Name, float]:
    """Return an owner's cells as the files have them, all slots added up."""
    cells: dict[Name, float] = {}
    for _, blocks in read_slots(Slot(folder)):
        for block in blocks or ():
            if block.owner == owner:
                for name, value in block.items():
                    cells[name] = cells.get(name, 0.0) + value
    return cells


def above_zero(cells: dict[Name, float]) -> dict[str, float]:
    """Return what was counted, without the throughput's cells."""
    return {
        " ".join(name): value
        for name, value in cells.items()
        if value and not name[0].startswith("recent")
    }


def test_every_cell_exists_before_anything_is_counted(folder: Path, make_slot: MakeSlot) -> None:
    """A counter that appears with its first count has no rate before it."""
    counters_in(make_slot())
    names = set(in_file(folder))
    expected: set[Name] = {
        *(("predictions", status) for status in STATUSES),
        *(("errors", error) for error in ERROR_TYPES),
        *(("fallbacks", reason) for reason in FALLBACK_REASONS),
        *(("failures", feature, rule) for feature in ("age", "plan") for rule in RULES),
        *(("latency_bucket", bound) for bound in ("0.1", "0.5", "2.0", "inf")),
        ("failures", "__extra__", "extra"),
        ("latency_sum",),
        ("in_progress",),
    }
    assert {name for name in names if not name[0].startswith("recent")} == expected


def test_outcomes_are_counted_by_row_and_errors_by_request(
    folder: Path, make_slot: MakeSlot
) -> None:
    """A batch of three that failed is three predictions and one error."""
    counters = counters_in(make_slot())
    for status, rows, error in ((SUCCESS, 1, -1), (ERROR, 3, 4), (INVALID, 1, 0)):
        counters.begun()
        counters.finished(status, rows, NOW, None, error)
    counters.begun()
    counters.finished(FALLBACK, 2, NOW, None, 3)
    counters.fell_back(1)
    assert above_zero(in_file(folder)) == {
        "predictions success": 1,
        "predictions error": 3,
        "predictions invalid": 1,
        "predictions fallback": 2,
        "errors model_error": 1,
        "errors invalid_input": 1,
        "errors timeout": 1,
        "fallbacks timeout": 1,
    }


@pytest.mark.parametrize(
    ("latency", "bucket"),
    [(0.0, "0.1"), (0.1, "0.1"), (0.100001, "0.5"), (2.0, "2.0"), (2.5, "inf")],
)
def test_a_latency_lies_in_the_bucket_of_its_upper_bound(
    folder: Path, make_slot: MakeSlot, latency: float, bucket: str
) -> None:
    """As in Prometheus, a bucket holds its upper bound."""
    counters = counters_in(make_slot())
    counters.begun()
    counters.finished(SUCCESS, 1, NOW, latency)
    cells = in_file(folder)
    assert cells["latency_bucket", bucket] == 1
    assert cells["latency_sum",] == latency


def test_requests_in_progress_go_up_and_down(make_slot: MakeSlot) -> None:
    """Whatever came of them."""
    slot = make_slot()
    counters = counters_in(slot)

    def in_progress() -> float:
        (block,) = slot.blocks()
        return dict(block.items())["in_progress",]

    counters.begun()
    counters.begun()
    assert in_progress() == 2
    counters.dismissed()
    assert in_progress() == 1
    counters.finished(ERROR, 1, NOW, 0.1, 4)
    assert in_progress() == 0


def test_broken_rules_are_counted_by_feature(folder: Path, make_slot: MakeSlot) -> None:
    """Names that a client made up never make a cell."""
    counters = counters_in(make_slot())
    names = [("age", "type"), ("age", "type"), ("plan", "category"), ("__extra__", "extra")]
    names += [("made up", "type"), ("age", "made up")]
    counters.broke([FieldFailure(0, feature, rule) for feature, rule in names])
    assert above_zero(in_file(folder)) == {
        "failures age type": 2,
        "failures plan category": 1,
        "failures __extra__ extra": 1,
    }


def test_threads_count_exactly(folder: Path, make_slot: MakeSlot) -> None:
    """Eight threads of a server, each with requests of every kind."""
    counters = counters_in(make_slot())

    def work() -> None:
        for _ in range(500):
            counters.begun()
            counters.finished(SUCCESS, 2, NOW, 0.25)
            counters.begun()
            counters.finished(ERROR, 1, NOW, 0.25, 4)
            counters.broke([FieldFailure(0, "age", "nan")])

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert above_zero(in_file(folder)) == {
        "predictions success": 8000,
        "predictions error": 4000,
        "errors model_error": 4000,
        "latency_bucket 0.5": 8000,
        "latency_sum": 2000,
        "failures age nan": 4000,
    }


def test_a_successor_counts_on(folder: Path, make_slot: MakeSlot) -> None:
    """After ``kill -9`` the same model's cells go on in the next process."""

    def serve() -> None:
        counters = counters_in(Slot(folder))
        counters.begun()
        counters.finished(SUCCESS, 3, NOW, 0.25)
        counters.begun()

    with Child(serve):
        pass
    counters = counters_in(make_slot())
    counters.begun()
    counters.finished(SUCCESS, 1, NOW, 0.25)
    assert above_zero(in_file(folder)) == {
        "predictions success": 4,
        "latency_bucket 0.5": 2,
        "latency_sum": 0.5,
    }
    assert recent(in_file(folder), WINDOW, NOW) == pytest.approx(2 / WINDOW)


def test_ground_truth_is_counted_with_its_delay(folder: Path, make_slot: MakeSlot) -> None:
    """Accepted values have a delay; the others only a result."""
    slot = make_slot()
    counters = TruthCounters(slot, FRAUD)
    counters.accepted([0.5, 1.0, 59.0, 1e9])
    counters.came("updated")
    TruthCounters(slot, FRAUD).came("pending", 3)
    assert above_zero(in_file(folder)) == {
        "ground_truth accepted": 4,
        "ground_truth updated": 1,
        "ground_truth pending": 3,
        "delay_bucket 1.0": 2,
        "delay_bucket 60.0": 1,
        "delay_bucket inf": 1,
        "delay_sum": 60.5 + 1e9,
    }
    assert ("delay_bucket", repr(DELAY_BOUNDS[-1])) in in_file(folder)


def test_the_monitors_own_counts(folder: Path, make_slot: MakeSlot) -> None:
    """They belong to no model, and by any amount."""
    counters = MonitorCounters(make_slot())
    counters.add("dropped", "corrupt", amount=5)
    counters.add("internal_errors", "drain")
    assert above_zero(in_file(folder, Owner("", ""))) == {
        "dropped corrupt": 5,
        "internal_errors drain": 1,
    }


def test_throughput_of_a_steady_stream(folder: Path, make_slot: MakeSlot) -> None:
    """Two requests a second are two requests a second, at any moment in a part of the window."""
    counters = counters_in(make_slot())
    for half in range(200):
        counters.begun()
        counters.finished(SUCCESS, 5, NOW + half / 2)
    cells = in_file(folder)
    for moment in (99.5, 100.1, 101.0, 102.4):
        assert recent(cells, WINDOW, NOW + moment) == pytest.approx(2, abs=0.1)


def test_throughput_forgets(folder: Path, make_slot: MakeSlot) -> None:
    """A window after the last request nothing is left, and an hour later neither."""
    counters = counters_in(make_slot())
    counters.begun()
    counters.finished(SUCCESS, 1, NOW)
    cells = in_file(folder)
    assert recent(cells, WINDOW, NOW) == 1 / WINDOW
    assert recent(cells, WINDOW, NOW + WINDOW - WINDOW / TICKS) == 1 / WINDOW
    assert recent(cells, WINDOW, NOW + WINDOW + WINDOW / TICKS) == 0
    assert recent(cells, WINDOW, NOW + 3600) == 0


def test_throughput_of_another_window_is_none_of_this(folder: Path, make_slot: MakeSlot) -> None:
    """What a deployment with another window counted is not mistaken for this one's."""
    counters = counters_in(make_slot(), window=10.0)
    counters.begun()
    counters.finished(SUCCESS, 1, NOW)
    assert recent(in_file(folder), 60.0, NOW) == 0
    assert recent(in_file(folder), 10.0, NOW) == 0.1


@given(st.integers(0, 2**32), st.sampled_from([1.0, 60.0, 3600.0]))
def test_throughput_lies_between_the_parts_of_its_window(
    tmp_path_factory: pytest.TempPathFactory, seed: int, window: float
) -> None:
    """At least what the last 20 whole parts saw, at most what 21 did, for any bursts."""
    dice = random.Random(seed)
    slot = Slot(tmp_path_factory.mktemp("slots"))
    try:
        counters = counters_in(slot, window=window)
        times = [NOW]
        for _ in range(60):
            times.append(times[-1] + dice.choice([0, 0, 0.01, 0.1, 0.6]) * window * dice.random())
        for time in times:
            counters.begun()
            counters.finished(SUCCESS, 1, time)
        now = times[-1] + dice.random() * window / 2
        cells = dict(slot.blocks()[0].items())
    finally:
        slot.close()
    part = window / TICKS
    ticks = [int(now / part) - int(time / part) for time in times]
    fewest = sum(tick < TICKS for tick in ticks)
    most = sum(tick <= TICKS for tick in ticks)
    assert fewest - 1e-6 <= recent(cells, window, now) * window <= most + 1e-6


def test_a_clock_that_goes_back_loses_no_request(folder: Path, make_slot: MakeSlot) -> None:
    """A moment in the future is forgotten as soon as the clock is right again."""
    counters = counters_in(make_slot())
    for time in (NOW + 3600, NOW, NOW - 30, NOW + 1):
        counters.begun()
        counters.finished(SUCCESS, 1, time)
    assert recent(in_file(folder), WINDOW, NOW + 1) * WINDOW == pytest.approx(3)
    assert in_file(folder)["predictions", "success"] == 4


def test_the_throughput_is_right_at_once_when_the_clock_went_back(
    folder: Path, make_slot: MakeSlot
) -> None:
    """All parts of the window are stamped with an hour that will not come for an hour."""
    counters = counters_in(make_slot())
    for begin in (NOW + 3600, NOW):
        for second in range(2 * int(WINDOW)):
            counters.begun()
            counters.finished(SUCCESS, 1, begin + second)
    now = NOW + 2 * WINDOW - 1
    assert recent(in_file(folder), WINDOW, now) == pytest.approx(1, abs=0.1)
    assert in_file(folder)["predictions", "success"] == 4 * WINDOW


def test_a_request_that_ends_late_takes_nothing_back(folder: Path, make_slot: MakeSlot) -> None:
    """Two threads look at the clock in one order, and count in the other."""
    counters = counters_in(make_slot())
    for moment in (10.0, 7.0, 10.0, 4.0, 10.0):
        counters.begun()
        counters.finished(SUCCESS, 1, NOW + moment)
    assert recent(in_file(folder), WINDOW, NOW + 10) * WINDOW == pytest.approx(5)
