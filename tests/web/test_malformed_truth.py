"""What is no ground truth: the answer says what to send instead."""

from typing import TYPE_CHECKING, Any

import pytest

from flask_mlmonitor.store.reading import count_pending

if TYPE_CHECKING:
    from tests.conftest import Service
from tests.web.truths import NOTHING, UNKNOWN, URL, assert_problem, counted, send


@pytest.mark.parametrize(
    ("item", "told"),
    [
        (7, "send an object with prediction_id and value"),
        (["p1", 1], "send an object"),
        ({}, "send either prediction_id or external_id"),
        ({"value": 1}, "send either prediction_id or external_id"),
        ({"prediction_id": "p", "external_id": "e", "value": 1}, "send either"),
        ({"prediction_id": "p"}, "send either value or, for a batch, values"),
        ({"prediction_id": "p", "value": 1, "values": [1]}, "send either value or"),
        ({"id": "p", "value": 1}, "unknown field 'id': send external_id, prediction_id, row"),
        ({"prediction_id": "", "value": 1}, "prediction_id must be a text of 1 to"),
        ({"prediction_id": 7, "value": 1}, "prediction_id must be a text of 1 to"),
        ({"prediction_id": "p" * 5000, "value": 1}, "prediction_id must be a text of 1 to"),
        ({"prediction_id": "\ud800", "value": 1}, "prediction_id must be a text of 1 to"),
        ({"external_id": "a b", "value": 1}, "external_id must match [A-Za-z0-9_.:-]{1,128}"),
        ({"prediction_id": "p", "value": None}, "a value must be a text, a boolean or a finite"),
        ({"prediction_id": "p", "value": [1]}, "a value must be"),
        ({"prediction_id": "p", "value": {"a": 1}}, "a value must be"),
        ({"prediction_id": "p", "value": float("nan")}, "a value must be"),
        ({"prediction_id": "p", "value": 10**400}, "a value must be"),
        ({"prediction_id": "p", "value": "\udfff"}, "a value must be"),
        ({"prediction_id": "p", "values": []}, "values must be a list with one value for each row"),
        ({"prediction_id": "p", "values": "10"}, "values must be a list"),
        ({"prediction_id": "p", "values": [1, None]}, "a value must be"),
        ({"prediction_id": "p", "value": 1, "time": "yesterday"}, "time must be ISO 8601 with a"),
        ({"prediction_id": "p", "value": 1, "time": "2026-07-01T12:00:00"}, "with a time zone"),
        ({"prediction_id": "p", "value": 1, "time": True}, "time must be"),
        ({"prediction_id": "p", "value": 1, "time": 1e300}, "or seconds since the epoch"),
        ({"prediction_id": "p", "value": 1, "time": float("nan")}, "time must be"),
    ],
)  # fmt: skip
def test_an_item_that_cannot_be_ground_truth(fraud: "Service", item: Any, told: str) -> None:
    """The error says what to send; nothing of the item is recorded, and it is counted."""
    summary = send(fraud, [item])

    assert {**summary, "invalid": []} == NOTHING
    (wrong,) = summary["invalid"]
    assert wrong["index"] == 0
    assert told in wrong["error"]
    assert count_pending(fraud.runtime.database) == 0
    assert counted(fraud) == {(*UNKNOWN, "invalid"): 1}


@pytest.mark.parametrize(
    ("body", "options", "status", "told"),
    [
        (b"{", {"content_type": "application/json"}, 400, 'Send JSON: {"prediction_id"'),
        (b"", {"content_type": "application/json"}, 400, "or a list of such objects"),
        (b"7", {"content_type": "application/json"}, 400, "Send JSON"),
        (b"\xff\xfe\xff", {"content_type": "application/json"}, 400, "Send JSON"),
        (b"[" * 100_000, {"content_type": "application/json"}, 400, "Send JSON"),
        (b"[" + b"9" * 5000 + b"]", {"content_type": "application/json"}, 400, "Send JSON"),
        (b"[]", {"content_type": "text/plain"}, 415, "x-ndjson, text/csv, "),
        (b"[]", {}, 415, "not none at all"),
        (b"prediction_id=p", {"content_type": "application/x-www-form-urlencoded"}, 415, "not app"),
    ],
)  # fmt: skip
def test_an_unreadable_request(
    fraud: "Service", body: bytes, options: dict[str, Any], status: int, told: str
) -> None:
    """A problem document says what to send."""
    answer = fraud.client.post(URL, data=body, **options)

    assert_problem(answer, status, told)


def test_a_body_over_the_apps_limit(fraud: "Service") -> None:
    """The app's own MAX_CONTENT_LENGTH holds."""
    fraud.app.config["MAX_CONTENT_LENGTH"] = 1000
    items = [{"prediction_id": f"p{number}", "value": 1} for number in range(100)]

    assert_problem(fraud.client.post(URL, json=items), 413, "")
    assert send(fraud, items[:5])["pending"] == 5


def test_only_post(fraud: "Service") -> None:
    """The store is not to be read there."""
    assert fraud.client.get(URL).status_code == 405
