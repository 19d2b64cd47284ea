"""Items that come as lines, whatever the lines hold and however they are cut into blocks."""

import csv
import io
import json
import tracemalloc
from collections.abc import Iterator
from itertools import chain, repeat
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_mlmonitor.truth.items import Refused, Unreadable, item_of
from flask_mlmonitor.truth.lines import BLOCK, LONGEST_LINE, read_csv, read_ndjson
from flask_mlmonitor.truth.tables import Columns, typed

HEAD = b"prediction_id,value\n"


def ndjson(*blocks: bytes) -> list[tuple[int, Any]]:
    """Return the places and items of NDJSON; an item that was refused by its reason."""
    return [(entry.place, _shown(entry.given)) for entry in read_ndjson(blocks)]


def table(*blocks: bytes, columns: Columns = Columns()) -> list[tuple[int, Any]]:  # noqa: B008
    """Return the same of CSV."""
    return [(entry.place, _shown(entry.given)) for entry in read_csv(blocks, columns)]


def _shown(given: Any) -> Any:
    return str(given) if isinstance(given, Refused) else given


def test_ndjson() -> None:
    """An item is a line, its place the line's; the last one needs no end."""
    assert ndjson(b'{"a": 1}\r\n\n', b'{"b"', b": 2}\n7") == [(0, {"a": 1}), (2, {"b": 2}), (3, 7)]
    assert ndjson(b"") == ndjson() == ndjson(b"\n \n") == []


@pytest.mark.parametrize(
    "line",
    [b"{", b"\xff", b'"\xff"', b"NaN", b"[" * 5000, b"9" * 5000, b'{"a":1}}', b'"\\ud800"', b"\0"],
)
def test_a_broken_line_of_ndjson(line: bytes) -> None:
    """It is refused, and no other line with it."""
    first, broken, last = read_ndjson([b"1\n" + line + b"\n3\n"])

    assert (first.given, last.given, last.place) == (1, 3, 2)
    assert item_of(broken).error


def test_csv() -> None:
    """By the header's names, in any order; other columns are ignored, empty cells are none."""
    text = (
        "\ufeffnote, time ,value,prediction_id\r\n"
        'x,2026-07-01T12:00:00Z, 1 ,p1\r\n"a, ""b""",,true,p2\r\n,,,p3\r\n\r\n,5,late,p4\r\n'
    )
    assert table(text.encode()) == [
        (0, {"prediction_id": "p1", "value": 1, "time": "2026-07-01T12:00:00Z"}),
        (1, {"prediction_id": "p2", "value": True}),
        (2, {"prediction_id": "p3"}),
        (4, {"prediction_id": "p4", "value": "late", "time": 5}),
    ]


def test_ids_stay_texts() -> None:
    """Callers number their requests; a row of a batch has both."""
    text = b"external_id,row,value\n007,0,1\n77,1,0\n"

    assert table(text) == [
        (0, {"external_id": "007", "row": 0, "value": 1}),
        (1, {"external_id": "77", "row": 1, "value": 0}),
    ]


def test_other_names() -> None:
    """What the columns are called can be said."""
    columns = Columns(prediction_id="id", value="late")

    assert table(b"id,late,value\np1,1,7\n", columns=columns) == [
        (0, {"prediction_id": "p1", "value": 1})
    ]


def test_a_text_with_line_breaks() -> None:
    """A quoted cell may span lines; the next item has the place of its own line."""
    text = HEAD.replace(b"\n", b",note\n") + b'p1,1,"a\nb, c\n"\np2,0,\n'

    assert [(place, item["prediction_id"]) for place, item in table(text)] == [(0, "p1"), (3, "p2")]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (b'p1,"late', "unexpected end of data"),
        (b'p1,"late"x', "expected after"),
        (b"p1,1,5", "there are 3 cells, but 2 in the header"),
        (b"p1,1\r2", "new-line character"),
        (b"p1," + b"9" * LONGEST_LINE, "more than 1048576 characters"),
    ],
)
@pytest.mark.parametrize("behind", [b"p2,1\n", b"p2,1\n" * 500, b'p2,1\np3,"x"\n'])
def test_a_broken_line_of_csv(line: bytes, told: str, behind: bytes) -> None:
    """It is refused alone: an unclosed quote does not swallow what follows."""
    broken, *others = table(HEAD + line + b"\n" + behind)

    assert broken[0] == 0
    assert told in broken[1]
    assert [place for place, _ in others] == [n + 1 for n in range(behind.count(b"\n"))]
    assert others[0][1] == {"prediction_id": "p2", "value": 1}


def test_two_open_quotes() -> None:
    """Together they would make one quoted text of all that stands between them."""
    found = table(HEAD + b'p1,"late\np2,1\np3,"late\np4,1\n')

    assert [place for place, _ in found] == [0, 1, 2, 3]
    assert [item["prediction_id"] for _, item in found if isinstance(item, dict)] == ["p2", "p4"]


def test_bytes_that_are_no_utf8() -> None:
    """They cost the item whose text they are in, and none where nobody looks."""
    text = b"prediction_id,value,note\np1,caf\xe9,\np2,1,caf\xe9\n"
    first, second = map(item_of, read_csv([text], Columns()))

    assert first.error == "a value must be a text, a boolean or a finite number"
    assert second.claims


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"", "no column 'value' in the header: no columns"),
        (b"p1,1\n", "no column 'value' in the header: 'p1', '1'"),
        (b"prediction_id;value\n", "no column 'value' in the header: 'prediction_id;value'"),
        (b"value\n1\n", "no column 'prediction_id' or 'external_id'"),
        (b"prediction_id,value,value\n", "two columns 'value'"),
        (b'"prediction_id,value\n', "the header cannot be read: no CSV"),
        ("prediction_id,value\n".encode("utf-16"), "no column 'value'"),
    ],
)
def test_an_unusable_header(text: bytes, told: str) -> None:
    """Then no item can be read, and the error shows what was."""
    with pytest.raises(Unreadable, match=told):
        table(text)


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("0", 0), ("-7", -7), ("1.5", 1.5), ("1E-3", 0.001), ("true", True), ("FALSE", False),
        ("007", "007"), ("+1", "+1"), (".5", ".5"), ("1.", "1."), ("1,5", "1,5"), ("1_0", "1_0"),
        ("inf", "inf"), ("nan", "nan"), ("0x10", "0x10"), ("yes", "yes"), ("tRue", "tRue"),
        ("\u0663", "\u0663"), ("9" * 400, float("inf")),
    ],
)  # fmt: skip
def test_what_a_cell_holds(cell: str, value: Any) -> None:
    """A number as JSON spells it, true or false; else it is a text."""
    assert typed(cell) == value
    assert type(typed(cell)) is type(value)


@given(st.lists(st.binary(max_size=40), max_size=8))
def test_any_bytes(blocks: list[bytes]) -> None:
    """Whatever is sent, each line becomes an item or a refusal with a reason."""
    for entries in (read_ndjson(blocks), read_csv([HEAD, *blocks], Columns())):
        for entry in entries:
            item = item_of(entry)
            assert bool(item.claims) != bool(item.error)


KEYS = st.from_regex(r"[a-z0-9,\"':\u00e9\u4e2d-]{1,9}", fullmatch=True)
VALUES = st.one_of(st.integers(), st.booleans(), st.floats(allow_nan=False, allow_infinity=False))


@given(st.lists(st.tuples(KEYS, VALUES), max_size=30), st.integers(1, 50))
def test_what_was_written_is_read(rows: list[tuple[str, Any]], size: int) -> None:
    """Through both formats, however the bytes are cut."""
    sheet = io.StringIO(newline="")
    csv.writer(sheet).writerows([("prediction_id", "value"), *rows])
    items = [{"prediction_id": key, "value": value} for key, value in rows]
    lines = "".join(json.dumps(item, ensure_ascii=False) + "\n" for item in items)

    def cut(text: str) -> Iterator[bytes]:
        data = text.encode()
        return (data[at : at + size] for at in range(0, len(data), size))

    assert [entry.given for entry in read_ndjson(cut(lines))] == items
    assert [entry.given for entry in read_csv(cut(sheet.getvalue()), Columns())] == items


@pytest.mark.parametrize("block", [b"x" * BLOCK, b'"' + b"x" * (BLOCK - 1)])
@pytest.mark.parametrize("read", [read_ndjson, lambda blocks: read_csv(blocks, Columns())])
def test_a_huge_line(block: bytes, read: Any) -> None:
    """A hundred megabytes without a line's end take the memory of a few lines."""
    tracemalloc.start()
    try:
        entries = list(read(chain([HEAD], repeat(block, 1600))))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert f"a line of more than {LONGEST_LINE}" in str(entries[-1].given)
    assert peak < 16 * LONGEST_LINE
