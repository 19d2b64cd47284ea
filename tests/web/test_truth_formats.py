"""Ground truth as NDJSON and CSV, of any size."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from flask import request
from werkzeug.test import TestResponse

from flask_mlmonitor.store.reading import count_pending

if TYPE_CHECKING:
    from tests.conftest import Serve, Service
from tests.web.test_truth_without_store import displaced
from tests.web.truths import (
    BEARER,
    MODEL,
    NOTHING,
    UNKNOWN,
    URL,
    assert_problem,
    counted,
    delays,
    predicted,
    stored,
    values,
)

NDJSON = "application/x-ndjson"
CSV = "text/csv"


def post(service: "Service", body: Any, kind: str, **options: Any) -> TestResponse:
    """Report ground truth of some content type."""
    return service.client.post(URL, data=body, content_type=kind, **options)


def lines(*items: Any) -> str:
    """Spell items as NDJSON."""
    return "".join(json.dumps(item) + "\n" for item in items)


@pytest.mark.parametrize(
    "kind", [NDJSON, "application/ndjson", "application/jsonl", "application/jsonl; charset=utf-8"]
)
def test_ndjson(fraud: "Service", kind: str) -> None:
    """The items of a list, a line each; a broken one stops no other."""
    first, second = predicted(fraud), predicted(fraud)
    items = lines({"prediction_id": first, "value": 1, "time": 5}, 7)
    answer = post(fraud, items + "{\n" + lines({"prediction_id": second, "value": "x"}), kind)

    assert answer.status_code == 200
    summary = answer.get_json()
    assert [wrong["index"] for wrong in summary.pop("invalid")] == [1, 2]
    assert summary == {"accepted": 2, "updated": 0, "pending": 0}
    assert stored(fraud)[first] == ("1", 5.0)
    assert values(fraud)[second] == '"x"'
    assert counted(fraud) == {(*MODEL, "accepted"): 2, (*UNKNOWN, "invalid"): 2}
    assert delays(fraud) == {MODEL: 2}


def test_csv(fraud: "Service") -> None:
    """A row for each value; numbers and booleans are read as such."""
    keys = [predicted(fraud) for _ in range(3)]
    cells = ("1", "true", "late")
    rows = "".join(f"{key},{cell}\n" for key, cell in zip(keys, cells, strict=True))
    answer = post(fraud, f"prediction_id,value\n{rows}early,007\np,\n", f"{CSV}; charset=utf-8")

    assert answer.get_json() == {
        "accepted": 3,
        "updated": 0,
        "pending": 1,
        "invalid": [{"index": 4, "error": "send either value or, for a batch, values"}],
    }
    assert values(fraud) == dict(zip(keys, ("1", "true", '"late"'), strict=True))


def test_the_rows_of_a_batch(serve: "Serve") -> None:
    """By the id that the caller sent with the batch, and the row."""
    service = serve(lambda: {"predictions": [1, 0]})
    key = predicted(service, [{"age": 41}] * 2, headers={"X-Request-ID": "order-7"})
    body = "external_id,row,value\norder-7,1,0\norder-7,0,1\norder-7,2,1\n"

    assert post(service, body, CSV).get_json() == {**NOTHING, "accepted": 2, "pending": 1}
    assert values(service) == {f"{key}:0": "1", f"{key}:1": "0"}


@pytest.mark.parametrize(
    ("item", "told"),
    [
        ({"prediction_id": "p", "row": 1, "value": 1}, "row goes with external_id and value"),
        ({"external_id": "e", "row": 1, "values": [1]}, "row goes with external_id and value"),
        ({"external_id": "e", "row": -1, "value": 1}, "row must be a whole number"),
        ({"external_id": "e", "row": True, "value": 1}, "row must be a whole number"),
        ({"external_id": "e", "row": 2**31, "value": 1}, "row must be a whole number"),
        ({"prediction_id": "p\0", "value": 1}, "prediction_id must be a text"),
    ],
)
def test_an_item_that_cannot_be_ground_truth(fraud: "Service", item: Any, told: str) -> None:
    """The error says what to send."""
    (wrong,) = post(fraud, lines(item), NDJSON).get_json()["invalid"]

    assert told in wrong["error"]


@pytest.mark.parametrize(
    ("body", "kind", "options", "status", "told"),
    [
        ("", CSV, {}, 400, "no column 'value' in the header"),
        ("id,value\np1,1\n", CSV, {}, 400, "'id', 'value'."),
        (lines({}), "application/x-json-stream", {}, 415, "not application/x-json-stream"),
        (b"\x1f\x8b", NDJSON, {"headers": {"Content-Encoding": "gzip"}}, 415, "without Content-"),
    ],
)
def test_an_unreadable_request(
    fraud: "Service", body: Any, kind: str, options: Any, status: int, told: str
) -> None:
    """A problem document says what to send."""
    assert_problem(post(fraud, body, kind, **options), status, told)


def test_nothing(fraud: "Service") -> None:
    """No line is no item; it is no error either."""
    assert post(fraud, "", NDJSON).get_json() == NOTHING
    assert post(fraud, "prediction_id,value\n", CSV).get_json() == NOTHING


def test_a_body_that_the_app_read_before(serve: "Serve") -> None:
    """An app that logs every body leaves nothing in the stream; Flask kept it."""
    service = serve(lambda: {"prediction": 1})
    bodies: list[bytes] = []
    service.app.before_request(lambda: bodies.append(request.get_data()))

    assert post(service, lines({"prediction_id": "p", "value": 1}), NDJSON).get_json() == {
        **NOTHING,
        "pending": 1,
    }


def early(number: int) -> dict[str, Any]:
    """Return ground truth that waits for its prediction."""
    return {"prediction_id": f"early-{number}", "value": 1}


class Uploading(io.RawIOBase):
    """A body that comes in parts; *before* is called before each."""

    def __init__(self, parts: list[str], before: Callable[[int], None]) -> None:
        self._parts = parts
        self._before = before
        self._number = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._number == len(self._parts):
            return 0
        self._before(self._number)
        data = self._parts[self._number].encode()
        self._number += 1
        buffer[: len(data)] = data
        return len(data)


def upload(
    service: "Service", parts: list[str], before: Callable[[int], None], **options: Any
) -> TestResponse:
    """Send a body whose length nobody knows beforehand."""
    environ = {"wsgi.input": Uploading(parts, before), "wsgi.input_terminated": True}
    return service.client.post(URL, content_type=NDJSON, environ_overrides=environ, **options)


PARTS = ["".join(lines(early(n)) for n in range(k, k + 1000)) for k in range(0, 5000, 1000)]


def test_it_is_recorded_as_it_comes(fraud: "Service") -> None:
    """While the rest is still under way, so that no upload must fit into memory."""
    seen: list[int] = []

    def look(part: int) -> None:
        seen.append(count_pending(fraud.runtime.database) if part > 2 else 0)

    answer = upload(fraud, PARTS, look)

    assert answer.get_json() == {**NOTHING, "pending": 5000}
    assert 0 < seen[3] < seen[4] < 5000


def test_when_the_store_goes_away_in_the_middle(live: "Service") -> None:
    """503: what was recorded is named, and sending all of it again is right."""
    path = Path(live.runtime.database.name)
    trouble = displaced(path)

    def go_away(part: int) -> None:
        if part == 4:
            live.runtime.database.close()
            trouble.__enter__()

    answer = upload(live, PARTS, go_away, headers=BEARER)
    trouble.__exit__(None, None, None)
    live.runtime.database.close()

    assert_problem(answer, 503, "The first ")
    kept = count_pending(live.runtime.database)
    assert f"The first {kept} items of this request were recorded" in answer.get_json()["detail"]
    assert 0 < kept < 5000
    assert "Retry-After" in answer.headers
    assert upload(live, PARTS, lambda _: None, headers=BEARER).get_json()["pending"] == 5000
    assert count_pending(live.runtime.database) == 5000


def test_a_body_over_the_apps_limit(fraud: "Service") -> None:
    """The app's own MAX_CONTENT_LENGTH holds, also where no length was sent."""
    fraud.app.config["MAX_CONTENT_LENGTH"] = 100_000
    body = "".join(PARTS)

    assert_problem(post(fraud, body, NDJSON), 413, "nothing was recorded")
    assert_problem(upload(fraud, PARTS, lambda _: None), 413, "items of this request were recorded")


def test_more_refusals_than_anybody_reads(fraud: "Service") -> None:
    """The first are listed, all are counted."""
    summary = post(fraud, "x\n" * 12_345, NDJSON).get_json()

    assert [wrong["index"] for wrong in summary["invalid"]] == list(range(10_000))
    assert summary["not_listed"] == 2_345
    assert counted(fraud) == {(*UNKNOWN, "invalid"): 12_345}


def test_long_texts(fraud: "Service") -> None:
    """They are recorded in smaller parts, and an error does not repeat them."""
    values = [lines({"prediction_id": f"early-{n}", "value": "x" * 100_000}) for n in range(40)]
    seen: list[int] = []

    def look(part: int) -> None:
        seen.append(count_pending(fraud.runtime.database) if part > 40 else 0)

    upload(fraud, [text[at : at + 50_000] for text in values for at in (0, 50_000, 100_000)], look)
    (wrong,) = post(fraud, lines({"x" * 100_000: 1}), NDJSON).get_json()["invalid"]

    assert 0 < seen[60] < seen[110] < 40
    assert len(wrong["error"]) < 300
