"""From the spool to the store: each record once, and what cannot be read is counted."""

import os
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from flask_mlmonitor.background.backlog import Backlog
from flask_mlmonitor.background.batches import ids_of
from flask_mlmonitor.background.drain import FORGET_SECONDS, Drain
from flask_mlmonitor.journal.spool import Segment
from flask_mlmonitor.records import ERROR_TYPES, FALLBACK_REASONS, STATUSES, Row, Served
from flask_mlmonitor.request.payloads import EXTERNAL_ID
from flask_mlmonitor.stats.cells.rollup import Rollup
from flask_mlmonitor.store import tables
from flask_mlmonitor.store.reading import ModelTotals, read_predictions, read_totals
from flask_mlmonitor.store.recording import read_offsets
from flask_mlmonitor.store.truth import Claim, Matched, record_ground_truth
from tests.background.rigs import (
    BINNING,
    CHURN,
    FRAUD,
    INVALID,
    NOW,
    ROW,
    Rig,
    expected,
    request,
    requests,
)
from tests.ledgers import add_rollups


def test_all_is_moved_and_the_segment_goes(rig: Rig) -> None:
    """Rows, rollups and totals agree with what was journaled."""
    rig.write(requests(5))
    assert rig.drain() == 5
    assert rig.ledger() == expected(requests(5))
    assert rig.files() == []
    assert rig.counted() == {}


def test_nothing_to_drain(rig: Rig) -> None:
    """A spool that does not exist yet is empty."""
    assert rig.drain() == 0
    assert not rig.spool.path.exists()


values = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5),
    st.sampled_from(["free", "paid", 10**400, float("nan"), {"a": [1]}, b"\x00", "\ud800", "\n"]),
)  # fmt: skip
outputs = st.sampled_from([None, 0, 1, "1", True, 0.5, "nonsense"])
rows = st.builds(
    Row,
    st.tuples(values, values),
    outputs,
    st.sampled_from([None, 0.25, 2, [0.5, 0.5], {"1": 0.9}, "x"]),
    st.none() | st.dictionaries(st.text(max_size=3), values, max_size=2),
    st.sampled_from([None, [0], [0, 1]]),
)
served = st.tuples(
    st.lists(rows, max_size=4),
    st.fixed_dictionaries(
        {
            "schema": st.integers(0, 1),
            "time": st.sampled_from([NOW, NOW + 30, NOW - 86400, NOW + 1e6, float("nan"), -1.0]),
            "status": st.integers(0, len(STATUSES) - 1),
            "latency": st.none() | st.floats(0, 10),
            "external_id": st.none() | st.from_regex(EXTERNAL_ID, fullmatch=True),
            "error": st.integers(-1, len(ERROR_TYPES) - 1),
            "reason": st.integers(-1, len(FALLBACK_REASONS) - 1),
        }
    ),
)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # each example has its own store
)
@given(st.lists(st.lists(served, max_size=8), max_size=4), st.integers(1, 20))
def test_rows_and_rollups_are_what_was_journaled(
    tmp_path_factory: pytest.TempPathFactory,
    new_store: Callable[[], str],
    segments: list[list[tuple[list[Row], dict[str, object]]]],
    limit: int,
) -> None:
    """Whatever values the rows hold, however they lie in segments, in steps of any size."""
    rig = Rig(tmp_path_factory.mktemp("host"), new_store())
    try:
        records: list[Served] = []
        for segment in segments:
            part = [
                request(len(records) + number, rows=rows, **fields)
                for number, (rows, fields) in enumerate(segment)
            ]
            records += part
            if part:
                rig.write(part, FRAUD, CHURN)
        assert rig.drain(limit) == sum(len(record.rows) or 1 for record in records)
        assert rig.drain(limit) == 0
        if records:
            assert rig.ledger() == expected(records)
            found, counted = add_rollups(rig.database, BINNING), Rollup.of(BINNING, records)
            assert found.n == counted.n
            assert found.operations.rows == counted.operations.rows
            assert found.operations.errors == counted.operations.errors
            assert found.operations.latencies == counted.operations.latencies
            for name in ("amount", "plan"):
                assert found.feature(name) == counted.feature(name)
            assert found.predictions == counted.predictions
            assert found.unscored == counted.unscored
    finally:
        rig.close()


def test_of_each_model_and_version_apart(rig: Rig) -> None:
    """A segment holds requests to any model of its process."""
    records = [request(number, schema=number % 2, status=number % 4) for number in range(8)]
    rig.write(records, FRAUD, CHURN)
    rig.drain()
    assert read_totals(rig.database) == [
        ModelTotals("churn", "1", 4, 2, 0),
        ModelTotals("fraud", "2", 4, 2, 0),
    ]
    owners = {row.id: row.model for row in read_predictions(rig.database)}
    assert owners == {record.id: ("fraud", "churn")[record.schema] for record in records}


def test_a_minute_is_a_rollup(rig: Rig) -> None:
    """One for each model, minute and span; a wrong clock counts as now, the past as the past."""
    times = [NOW, NOW + 59, NOW + 60, NOW - 7200, NOW + 299, NOW + 301]
    rig.write([request(number, time=time) for number, time in enumerate(times)])
    rig.drain()
    with rig.database.reading() as connection:
        columns = tables.rollups.c
        found = connection.execute(select(columns.bucket, columns.n, columns.level)).all()
    assert sorted(found) == [
        (NOW - 7200, 1, 60),
        (NOW, 3, 60),
        (NOW + 60, 1, 60),
        (NOW + 240, 1, 60),
    ]
    stored = [row.time for row in read_predictions(rig.database)]
    assert stored == [NOW - 7200, NOW, NOW, NOW + 59, NOW + 60, NOW + 299]


def test_what_a_live_writer_appends_is_drained_on_and_on(rig: Rig) -> None:
    """Its segment stays until it is sealed."""
    journal = rig.journal()
    journal.schema(FRAUD)
    drain = rig.new_drain()
    for number in range(4):
        journal.append(request(number))
        assert drain.run_once(100) == 1
        assert drain.run_once(100) == 0
        assert rig.files() == [".j"]
    journal.close()
    assert drain.run_once(100) == 0
    assert rig.files() == []
    assert rig.ledger() == expected(requests(4))


def test_a_turn_ends_at_its_limit(rig: Rig) -> None:
    """What is left is moved in the next; a request's rows are never parted."""
    records = [request(number, rows=[ROW] * 3) for number in range(10)]
    rig.write(records[:5])
    rig.write(records[5:])
    drain = rig.new_drain()
    moved = []
    while turn := drain.run_once(7):
        moved.append(turn)
    assert sum(moved) == 30
    assert max(moved) == 9
    assert rig.ledger() == expected(records)


def test_a_request_that_could_not_be_read_is_a_row(rig: Rig) -> None:
    """Without features and without a prediction."""
    rig.write([request(0, rows=(), batch=False, status=INVALID, error=0, latency=None)])
    assert rig.drain() == 1
    (row,) = read_predictions(rig.database)
    assert (row.id, row.status, row.features, row.prediction) == ("r000000", "invalid", {}, None)
    assert rig.ledger().in_totals == (1, 0, 0)


def test_several_rows_that_were_no_batch_have_ids_of_their_own(rig: Rig) -> None:
    """And the requests behind them keep their features."""
    two = request(0, rows=[ROW, Row((1.5, "paid"))], batch=False)
    rig.write([two, request(1, rows=[Row((0.5, "free"))])])
    assert rig.drain() == 3
    found = {row.id: row.features for row in read_predictions(rig.database)}
    assert found == {
        "r000000:0": {"amount": 2.5, "plan": "free"},
        "r000000:1": {"amount": 1.5, "plan": "paid"},
        "r000001": {"amount": 0.5, "plan": "free"},
    }


def test_an_id_that_repeats_is_stored_once(rig: Rig) -> None:
    """The first one stays; rollups and totals count rows of the store, not of the journal."""
    rig.write([request(1), request(2), request(1, rows=[Row((9.0, "paid"))])])
    rig.write([request(2), request(3, rows=[ROW, ROW]), request(4)])
    rig.write([request(3, rows=[ROW, ROW])])
    rig.drain()
    unique = [request(1), request(2), request(3, rows=[ROW, ROW]), request(4)]
    assert rig.ledger() == expected(unique)
    features = {row.id: row.features for row in read_predictions(rig.database)}
    assert features["r000001"] == {"amount": 2.5, "plan": "free"}


def test_a_segment_that_another_drain_finished(rig: Rig) -> None:
    """It is gone when this one comes to it, or its offset has moved: both are no fault."""
    rig.write(requests(5))
    slow = rig.new_drain()
    slow.run_once(2)
    rig.drain()
    rig.write(requests(5, first=5))
    assert slow.run_once(100) == 5
    assert rig.ledger() == expected(requests(10))


def test_a_drain_that_holds_old_offsets(rig: Rig) -> None:
    """Another one moved on in the same segment: nothing is stored twice, nothing is skipped."""
    journal = rig.journal()
    journal.schema(FRAUD)
    first, second = rig.new_drain(), rig.new_drain()
    for number in range(20):
        journal.append(request(number))
        drain = first if number % 3 else second
        # If the other one was here, the first turn only learns where it is.
        assert drain.run_once(100) + drain.run_once(100) == 1
    journal.close()
    assert rig.ledger() == expected(requests(20))


def test_offsets_are_forgotten_when_nobody_can_need_them(rig: Rig) -> None:
    """The store does not grow with the number of segments, whoever drained them."""
    for number in range(3):
        rig.write([request(number)])
        rig.drain()
    assert len(read_offsets(rig.database)) == 3
    rig.time += FORGET_SECONDS + 1
    path = rig.write([request(3)])
    rig.drain()
    assert list(read_offsets(rig.database)) == [path.name]


def test_what_dead_writers_left_unfinished_is_swept(rig: Rig) -> None:
    """A process that died while it made a segment leaves a file that nobody fills."""
    path = rig.write(requests(1))
    left = path.with_suffix(".tmp")
    left.touch()
    os.utime(left, (1, 1))
    rig.drain()
    assert rig.files() == []


def test_the_backlog(rig: Rig) -> None:
    """Bytes that are not in the store, and how long the oldest record waits."""
    drain = rig.new_drain()
    assert drain.backlog() == Backlog(0, 0.0)
    rig.write([request(0, time=NOW - 30), request(1)])
    journal = rig.journal()
    journal.schema(FRAUD)
    journal.append(request(2, time=NOW - 10))
    full = drain.backlog()
    assert full.lag == 30
    assert 0 < full.size < rig.spool.size()

    assert drain.run_once(1) == 1
    part = drain.backlog()
    assert part.lag == 10
    assert 0 < part.size < full.size
    drain.run_once(100)
    assert drain.backlog() == Backlog(0, 0.0)
    journal.close()


def test_ground_truth_that_came_first_is_matched_once(rig: Rig) -> None:
    """The drain tells whose it was, and how late it came."""
    claims = [Claim("r000001", 1, NOW + 60), Claim("order", 0, NOW + 90, True)]
    record_ground_truth(rig.database, claims)
    rig.write([request(0), request(1), request(2, external_id="order")])
    rig.drain(1)
    rig.write(requests(1, first=3))
    rig.drain(1)
    assert sorted(rig.matched) == [
        Matched("r000001", "fraud", "2", 60.0),
        Matched("r000002", "fraud", "2", 90.0),
    ]
    assert rig.ledger().in_totals == (4, 4, 2)


def test_a_listener_that_fails_costs_nothing(rig: Rig) -> None:
    """What was stored is not stored again because somebody could not be told."""

    def fail(matched: object) -> None:
        raise KeyError

    drain = Drain(rig.spool, rig.database, rig.counters, on_matched=fail)
    rig.write(requests(5))
    while drain.backlog().size:
        drain.run_once(2)
    assert rig.ledger() == expected(requests(5))
    assert rig.counted() == {}


def test_ids_are_those_that_callers_know() -> None:
    """One row of a single request, one of a batch, none of an unreadable batch."""
    assert ids_of(request(7)) == ["r000007"]
    assert ids_of(request(7, batch=True)) == ["r000007:0"]
    assert ids_of(request(7, rows=[ROW] * 2)) == ["r000007:0", "r000007:1"]
    assert ids_of(request(7, rows=())) == ["r000007:0"]
    assert ids_of(request(7, rows=(), batch=False)) == ["r000007"]


@pytest.mark.parametrize("limit", [1_000_000, 500])
def test_a_large_batch_is_one_request(rig: Rig, limit: int) -> None:
    """It takes several frames, and several transactions, and is counted like a small one."""
    plans = ("free", "paid", "x" * 900)
    rows = [Row([number % 5, plans[number % 3]], 1, 0.75) for number in range(10_000)]
    large = request(1, rows=rows, error=2, reason=1, status=1)
    path = rig.write([large, request(2)])
    with Segment(path) as segment:
        records = [record for chunk in segment.chunks() for record in chunk.records]
    assert len(records) > 3
    assert rig.drain(limit) == 10_001

    assert rig.ledger() == expected([large, request(2)])
    stored = {row.id: row for row in read_predictions(rig.database)}
    assert list(stored) == sorted(ids_of(large)) + ids_of(request(2))
    for number in (0, 4999, 5000, 9999):
        amount, plan = rows[number].values
        assert stored[f"r000001:{number}"].features == {"amount": amount, "plan": plan}
    counted, whole = add_rollups(rig.database, BINNING), Rollup.of(BINNING, [large, request(2)])
    assert counted.operations == whole.operations
    assert (whole.operations.requests, whole.operations.truncated) == (2, 0)
    assert sum(whole.operations.latencies) == 2
    for name in ("amount", "plan"):
        assert counted.feature(name) == whole.feature(name)


@pytest.mark.parametrize("sampled", [[True, False, False, True], [False, False], [False, True]])
def test_what_is_not_stored_is_counted(rig: Rig, sampled: list[bool]) -> None:
    """Rows are those of the sample; rollups and totals know all."""
    every = [request(number, stored=stored) for number, stored in enumerate(sampled)]
    kept = [record for record in every if record.stored]
    rig.write(every)
    rig.drain()

    in_totals = (len(every), len(kept), 0)
    of_kept = expected(kept)._replace(in_rollups=len(every), in_totals=in_totals)
    assert rig.ledger() == of_kept
    assert add_rollups(rig.database, BINNING).operations.rows["success"] == len(every)
