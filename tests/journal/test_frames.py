"""Bytes to records and back, whatever the values are."""

import enum
import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any
from uuid import UUID

import msgspec
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from flask_mlmonitor.journal import frames
from flask_mlmonitor.journal.frames import MAX_RECORD, MAX_REQUEST, Verdict, decode_frames, encode
from flask_mlmonitor.records import Gap, Row, Schema, Served

Make = Callable[..., Served]
START = msgspec.msgpack.encode(Served(0, "", 0.0, 0, None, False, ()))[:3]
"""How every request begins."""


def decoded(frame: bytes) -> Served:
    """Return the one request of *frame*."""
    (record,), offset, verdict, unreadable = decode_frames(frame)
    assert (offset, verdict, unreadable) == (len(frame), Verdict.COMPLETE, 0)
    assert isinstance(record, Served)
    return record


def carried(value: Any) -> Any:
    """Return what becomes of *value* on its way."""
    record = Served(0, "i", 0.0, 0, None, False, [Row([value])])
    return decoded(encode(record)).rows[0].values[0]


class Hostile:
    """A value that defends itself."""

    def __repr__(self) -> str:
        raise ValueError("no")

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(name)


class Colour(enum.Enum):
    """A value of an enumeration."""

    RED = "red"


class Label(str):
    """Text of a class of its own, as templating libraries make it."""


def test_a_request_returns_as_it_was(served: Make) -> None:
    """Every field survives."""
    row = Row([1.5, None, "a"], "yes", {"yes": 0.5}, {"more": [1, {"deep": None}]}, [1])
    for identity in ("0123456789abcdef", "order-7"):
        record = Served(3, identity, 1.5, 1, None, True, [row, Row([2])], "x-1", 2, 3)

        assert msgspec.structs.asdict(decoded(encode(record))) == msgspec.structs.asdict(record)


def test_gaps_stand_between_requests(served: Make) -> None:
    """A run of frames keeps its order."""
    gap = Gap(1.0, 2.0, 3, "disk_full")
    found = decode_frames(encode(served(1)) + encode(gap) + encode(served(2)))

    assert found.records[1] == gap
    assert [frames.rows_of(record) for record in found.records] == [1, 0, 1]


def test_reading_stops_behind_the_row_that_was_asked_for(served: Make) -> None:
    """A batch stays together; the rest is for the next read."""
    buffer = b"".join(encode(served(n, rows=[Row([n])] * 3)) for n in range(4))

    first = decode_frames(buffer, limit=4)
    second = decode_frames(buffer, first.offset)

    assert [len(first.records), len(second.records)] == [2, 2]
    assert first.verdict is second.verdict is Verdict.COMPLETE


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(),
        lambda values: st.lists(values) | st.dictionaries(st.text(), values),
        max_leaves=20,
    )
)
def test_whatever_json_holds_returns_as_it_was(value: Any) -> None:
    """Numbers, texts, lists and objects survive to the last bit."""
    assert repr(carried(value)) == repr(value)


@given(st.lists(st.text(st.characters()) | st.integers() | st.binary()))
def test_no_text_and_no_number_is_refused(values: list[Any]) -> None:
    """Surrogates and integers of any size are written somehow."""
    assert len(carried(values)) == len(values)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.float64(1.5), 1.5),
        (np.int32(-3), -3),
        (np.bool_(True), True),
        (np.str_("a"), "a"),
        (np.longdouble(0.5), 0.5),
        (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
        (np.array(7.0), 7.0),
        (pd.Series([1, 2]), [1, 2]),
        (pd.NA, None),
        (pd.NaT, None),
        (pd.Timestamp("2024-02-29"), "2024-02-29T00:00:00"),
        (Decimal("1.25"), 1.25),
        (Fraction(1, 4), 0.25),
        (datetime(2024, 2, 29, tzinfo=UTC), datetime(2024, 2, 29, tzinfo=UTC)),
        (UUID(int=1), str(UUID(int=1))),
        (Colour.RED, "red"),
        (Label("a"), "a"),
        (range(3), [0, 1, 2]),
        (b"raw", b"raw"),
        ("\0", "\0"),
        ("\ud800", "\ufffd"),
        ("\ud83d\ude00", "😀"),
        (10**30, 1e30),
        (10**400, math.inf),
        (-(10**400), -math.inf),
        ({1: 2**70, "\udc00": 1}, {"1": float(2**70), "\ufffd": 1}),
        ({"tags": {"a"}, "n": 10**30}, {"tags": ["a"], "n": 1e30}),
        (1j, "1j"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_foreign_value_is_carried_as_its_nearest(value: Any, expected: Any) -> None:
    """What msgpack does not know becomes a number, a text, a list or nothing."""
    assert carried(value) == expected
    assert carried([value, 10**30]) == [expected, 1e30]


def test_nan_stays_nan() -> None:
    """A model's NaN is recorded as such."""
    assert math.isnan(carried(math.nan))
    assert math.isnan(carried(np.float32("nan")))
    assert math.isnan(carried(Decimal("NaN")))


def test_a_hostile_value_is_carried_by_the_name_of_its_class() -> None:
    """What its methods raise stays with it."""
    assert carried(Hostile()).startswith("<Hostile")
    assert carried({Hostile(): 1}).popitem()[0].startswith("<Hostile")


def test_an_unknown_object_becomes_a_short_text() -> None:
    """Its repr is cut: a prediction must not carry a data frame's worth of text."""

    class Long:
        def __repr__(self) -> str:
            return "long" * 10_000

    assert len(carried(Long())) <= 256


def test_endless_nesting_is_cut() -> None:
    """A list that holds itself, or is nested deeper than the stack, ends as text."""
    itself: list[Any] = []
    itself.append(itself)
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]

    assert isinstance(carried(itself), list)
    assert isinstance(carried(deep), list)


def test_too_large_a_row_loses_its_features_first(served: Make) -> None:
    """It keeps prediction and probability, and says that it was truncated."""
    large = served(rows=[Row(["x" * MAX_RECORD], 1, 0.5, {"a": 1}, [0])], external_id="e")

    record = decoded(encode(large))

    assert record.truncated
    assert (record.id, record.external_id) == (large.id, "e")
    assert list(record.rows) == [Row([], 1, 0.5)]


def test_too_large_a_prediction_goes_too(served: Make) -> None:
    """The row still counts."""
    record = decoded(encode(served(rows=[Row([1], "x" * MAX_RECORD)])))

    assert record.truncated
    assert list(record.rows) == [Row([])]


def test_a_large_batch_becomes_several_frames(served: Make) -> None:
    """All of it is kept, and each part knows where its rows begin."""
    rows = [Row([number, "x" * 100], number, 0.5) for number in range(30_000)]
    large = served(rows=rows, external_id="e", error=1)
    frame = encode(large)
    records, _, verdict, unreadable = decode_frames(frame)

    assert (verdict, unreadable) == (Verdict.COMPLETE, 0)
    assert len(frame) / MAX_RECORD < len(records) <= 2 * len(frame) / MAX_RECORD + 1
    start = 0
    for record in records:
        assert isinstance(record, Served)
        assert record == replace(large, rows=record.rows, first=start, batch=True)
        assert list(record.rows) == rows[start : start + len(record.rows)]
        start += len(record.rows)
    assert start == len(rows)


def test_one_large_row_of_a_batch_is_truncated_alone(served: Make) -> None:
    """The others keep their features."""
    rows = [Row([number], number) for number in range(5)]
    rows[3] = Row(["x" * MAX_RECORD], 3)
    records = decode_frames(encode(served(rows=rows))).records
    parts = [record for record in records if isinstance(record, Served)]

    kept = [(part.first + place, row) for part in parts for place, row in enumerate(part.rows)]
    assert [number for number, _ in kept] == list(range(5))
    assert [row for _, row in kept] == [*rows[:3], Row([], 3), rows[4]]
    assert {part.first for part in parts if part.truncated} == {3}


def test_a_huge_request_loses_all_its_features(served: Make) -> None:
    """No caller can fill the journal by a single request."""
    rows = [Row(["x" * 1000], number) for number in range(MAX_REQUEST // 1000)]
    frame = encode(served(rows=rows))
    records = decode_frames(frame).records

    assert len(frame) < MAX_RECORD
    assert [record.truncated for record in records if isinstance(record, Served)] == [True]
    assert sum(map(frames.rows_of, records)) == len(rows)


def test_too_many_rows_are_refused(served: Make) -> None:
    """Not even without values would they fit."""
    with pytest.raises(frames.RecordTooLarge, match="2000000 rows take"):
        encode(served(rows=[Row([1.5])] * 2_000_000))


@given(st.lists(st.recursive(st.none() | st.integers() | st.text(st.characters()), st.lists)))
def test_what_is_carried_is_known_before(values: list[Any]) -> None:
    """A row can be looked at as the drain will see it."""
    record = Served(0, "i", 0.0, 0, None, False, [Row(values)])

    assert frames.carried(values) == decoded(encode(record)).rows[0].values


@pytest.mark.parametrize("schemas", [[], [Schema("a", "m", "1", b"x" * 3 * MAX_RECORD)] * 2])
def test_a_head_returns_as_it_was(schemas: Sequence[Schema]) -> None:
    """Schemas may be larger than any record: those of wide models are."""
    head = frames.encode_head(schemas)
    assert not frames.is_foreign(head)
    decoded_head = frames.decode_header(head[: frames.MAX_HEADER])
    assert not isinstance(decoded_head, Verdict)
    header, start = decoded_head

    assert start + header.schema_bytes == len(head)
    assert frames.decode_schemas(head[start:]) == list(schemas)


def test_rows_are_found_wherever_they_stand(served: Make) -> None:
    """Behind damage, the whole frames still tell how much is lost."""
    whole = encode(served(1, rows=[Row([1])] * 4)) + encode(served(2))

    assert frames.rows_in(b"damage" + whole + START + encode(served(3)) + b"tail") == 6
    assert frames.rows_in(START * 10) == 0
