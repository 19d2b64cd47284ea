"""CSV: text that gets its types from the baseline, or from what it looks like."""

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from flask import request

from flask_mlmonitor import Baseline
from flask_mlmonitor.request.payloads import LARGEST

if TYPE_CHECKING:
    from tests.conftest import Serve

Row = dict[str, Any]

CSV = "text/csv"
UTF_16 = "text/csv; charset=utf-16"
WELL_FORMED: dict[str, tuple[bytes, str, list[Row]]] = {
    "lines": (b"age,plan\n41,a\n42,b\n", CSV, [{"age": 41, "plan": "a"}, {"age": 42, "plan": "b"}]),
    "crlf": (b"age\r\n41\r\n42\r\n", CSV, [{"age": 41}, {"age": 42}]),
    "no-last-line-end": (b"age\n41", CSV, [{"age": 41}]),
    "empty-lines": (b"age\n\n41\n\n", CSV, [{"age": 41}]),
    "byte-order-mark": (b"\xef\xbb\xbfage\n41\n", CSV, [{"age": 41}]),
    "quoted": (b'note,age\n"a ""b"", c\nd",41\n', CSV, [{"note": 'a "b", c\nd', "age": 41}]),
    "utf-8": ("plan\nfrüh\n".encode(), "text/csv; charset=UTF-8", [{"plan": "früh"}]),
    "latin-1": ("plan\nfrüh\n".encode("latin-1"), "text/csv; charset=latin-1", [{"plan": "früh"}]),
    "utf-16": ("plan\nfrüh\n".encode("utf-16"), UTF_16, [{"plan": "früh"}]),
    "application": (b"age\n41\n", "application/csv", [{"age": 41}]),
    "empty-cells": (b"age,plan\n,\n", CSV, [{"age": None, "plan": None}]),
    "index-of-pandas": (b",age,plan\n0,41,free\n", CSV, [{"age": 41, "plan": "free"}]),
    "without-header": (b"41,free\n", "text/csv; header=absent", [{"0": 41, "1": "free"}]),
    "types": (
        b"a,b,c,d,e,f,g\n-2,2.5e3,TRUE,false,0041,1_000,NaN\n",
        CSV,
        [{"a": -2, "b": 2500.0, "c": True, "d": False, "e": "0041", "f": "1_000", "g": "NaN"}],
    ),
}
UNREADABLE: dict[str, tuple[bytes, str, str]] = {
    "empty": (b"", CSV, "rows"),
    "only-line-ends": (b"\n\r\n", CSV, "a line"),
    "header-only": (b"age,plan\n", CSV, "rows"),
    "ragged": (b"age,plan\n41\n", CSV, "as many cells"),
    "too-long-a-line": (b"age\n41,free\n", CSV, "as many cells"),
    "name-twice": (b"age,age\n41,42\n", CSV, "same name"),
    "open-quote": (b'age\n"41\n', CSV, "mind the quotes"),
    "after-a-quote": (b'age\n"4"1\n', CSV, "mind the quotes"),
    "huge-cell": (b"age\n" + b"9" * 200_000, CSV, "cannot be read"),
    "not-utf-8": (b"plan\n\xff\n", CSV, "charset"),
    "half-of-utf-16": (b"\xff\xfea", UTF_16, "charset"),
    "no-charset": (b"age\n41\n", "text/csv; charset=nonsense", "charset"),
    "no-text": (b"age\n41\n", "text/csv; charset=zlib", "charset"),
    "quadratic": (b"age\n41\n", "text/csv; charset=punycode", "charset"),
    "nul-in-charset": (b"age\n41\n", 'text/csv; charset="a\\0"', "charset"),
}


def send(data: bytes, kind: str = CSV, **headers: str) -> Mapping[str, Any]:
    """Return how to ask by CSV."""
    return {"json": None, "data": data, "content_type": kind, "headers": headers}


@pytest.mark.parametrize(("data", "kind", "features"), WELL_FORMED.values(), ids=WELL_FORMED)
def test_each_line_is_a_prediction(
    serve: "Serve", data: bytes, kind: str, features: list[Row]
) -> None:
    """Below the header, under the id and the line's number."""
    service = serve(lambda: {"predictions": list(range(len(features)))})
    response = service.post(**send(data, kind))
    rows = service.rows()

    assert [row.features for row in rows] == features
    assert [list(map(type, row.features.values())) for row in rows] == [
        list(map(type, row.values())) for row in features
    ]
    assert [row.id for row in rows] == [
        f"{response.headers['X-Prediction-ID']}:{number}" for number in range(len(features))
    ]
    assert service.tally() == {"predictions success": len(features), "timed": 1}


@pytest.mark.parametrize(("data", "kind", "why"), UNREADABLE.values(), ids=UNREADABLE)
def test_what_is_no_csv_is_unreadable(serve: "Serve", data: bytes, kind: str, why: str) -> None:
    """The view answers it as ever; a route that rejects says what to mend."""
    lax = serve(lambda: {"prediction": 1})
    strict = serve(lambda: {"prediction": 1}, on_invalid="reject")
    refused = strict.post(**send(data, kind))

    assert lax.post(**send(data, kind)).get_json() == {"prediction": 1}
    assert (lax.row().features, lax.tally()) == ({}, {"predictions success": 1, "timed": 1})
    assert refused.status_code == 422
    assert why in refused.get_json()["detail"]
    assert strict.tally() == {"predictions invalid": 1, "errors invalid_input": 1}


def test_types_are_those_of_the_baseline(serve: "Serve", baseline: Baseline, customer: Row) -> None:
    """What pandas writes of a frame like that of the training breaks no rule."""
    service = serve(lambda: {"predictions": [1, 1]}, baseline=baseline)
    frame = pd.DataFrame([customer, {**customer, "income": None}])
    service.post(**send(frame.to_csv(index=False).encode()))
    service.post(**send(b"41.0,1200.5,paid,1\n41.0,,paid,1\n", "text/csv; header=absent"))

    assert [row.features for row in service.rows()] == [customer, {**customer, "income": None}] * 2
    assert service.tally() == {"predictions success": 4, "timed": 2}


def test_what_is_no_number_is_flagged(serve: "Serve", baseline: Baseline) -> None:
    """By the rules of every dialect: the text is kept, as it was sent."""
    service = serve(lambda: {"predictions": [1, 1]}, baseline=baseline)
    service.post(
        **send(b"age,income,plan,member\nold,nan,007,yes\n1_0," + b"9" * 5000 + b",,true\n")
    )
    first, second = service.rows()

    assert (first.features["age"], first.features["plan"]) == ("old", "007")
    assert (first.features["member"], second.features["age"]) == ("yes", "1_0")
    assert service.tally() == {
        "predictions success": 2,
        "timed": 1,
        "failures age type": 2,
        "failures income nan": 1,
        "failures income inf": 1,
        "failures plan category": 1,
        "failures plan missing": 1,
        "failures member type": 1,
    }


def test_categories_that_are_numbers(serve: "Serve") -> None:
    """A postcode of the training data's type is known."""
    frame = pd.DataFrame({"postcode": [1000 + number % 30 for number in range(300)]})
    baseline = Baseline.from_dataframe(frame, categorical=["postcode"])
    service = serve(lambda: {"prediction": 1}, baseline=baseline)
    service.post(**send(b"postcode\n1007\n"))

    assert service.row().features == {"postcode": 1007}
    assert service.tally() == {"predictions success": 1, "timed": 1}


def test_the_view_reads_its_body_as_ever(serve: "Serve") -> None:
    """As a stream that pandas parses, for instance."""
    service = serve(lambda: {"predictions": pd.read_csv(request.stream)["age"].tolist()})

    assert service.post(**send(b"age\n41\n42\n")).get_json() == {"predictions": [41, 42]}
    assert [row.prediction for row in service.rows()] == [41, 42]


LEFT: dict[str, tuple[int, Mapping[str, Any]]] = {
    "large": (LARGEST + 1, {"content_type": CSV}),
    "compressed": (10, {"content_type": CSV, "headers": {"Content-Encoding": "gzip"}}),
    "form": (10, {"content_type": "multipart/form-data; boundary=b"}),
    "image": (10, {"content_type": "image/png"}),
    "image-of-tensors": (
        10,
        {"content_type": "image/png", "headers": {"Inference-Header-Content-Length": "2"}},
    ),
    "no-type": (10, {}),
}


@pytest.mark.parametrize(("length", "asked"), LEFT.values(), ids=LEFT)
def test_a_body_that_is_not_ours_to_read(
    serve: "Serve", length: int, asked: Mapping[str, Any]
) -> None:
    """The view gets the stream as the server made it."""
    body = io.BytesIO(b"a" * length)
    read_before: list[int] = []

    def view() -> Any:
        read_before.append(body.tell())
        return {"prediction": len(request.stream.read())}

    service = serve(view)
    response = service.post(json=None, input_stream=body, **asked)

    assert read_before == [0]
    assert response.get_json() == {"prediction": length}
    assert service.tally() == {"predictions success": 1, "timed": 1}
