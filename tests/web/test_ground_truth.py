"""Ground truth over HTTP, as its senders, the metrics and the store see it."""

from typing import TYPE_CHECKING, Any

import pytest

from flask_mlmonitor.store.reading import count_pending

if TYPE_CHECKING:
    from tests.conftest import Serve, Service
from tests.web.truths import (
    BEARER,
    MODEL,
    NOTHING,
    UNKNOWN,
    counted,
    delays,
    predicted,
    send,
    stored,
    values,
)


def test_one_value(fraud: "Service") -> None:
    """It is accepted, stored under the prediction's id, and counted for its model."""
    key = predicted(fraud)

    assert send(fraud, {"prediction_id": key, "value": 1}) == {**NOTHING, "accepted": 1}
    assert values(fraud) == {key: "1"}
    assert counted(fraud) == {(*MODEL, "accepted"): 1}
    assert delays(fraud) == {MODEL: 1}
    assert fraud.samples("ml_ground_truth_coverage_ratio") == {MODEL: 1}


def test_a_list(fraud: "Service") -> None:
    """Each item on its own: a wrong one, named by its place, stops no other."""
    first, second = predicted(fraud), predicted(fraud)
    items = [
        {"prediction_id": first, "value": "yes"},
        {"prediction_id": second},
        {"prediction_id": second, "value": "no"},
        {"prediction_id": "nobody's", "value": "no"},
        {"prediction_id": "nobody's either", "value": "no"},
    ]
    summary = send(fraud, items)

    assert [wrong["index"] for wrong in summary.pop("invalid")] == [1]
    assert summary == {"accepted": 2, "updated": 0, "pending": 2}
    assert values(fraud) == {first: '"yes"', second: '"no"'}
    assert counted(fraud) == {
        (*MODEL, "accepted"): 2,
        (*UNKNOWN, "pending"): 2,
        (*UNKNOWN, "invalid"): 1,
    }


def test_an_empty_list(fraud: "Service") -> None:
    """It is no error: nothing was sent, nothing recorded."""
    assert send(fraud, []) == NOTHING


def test_the_values_of_a_batch(serve: Any) -> None:
    """In the order of its rows, by the id that the batch's caller got."""
    service = serve(lambda: {"predictions": [1, 0, 1]})
    key = predicted(service, [{"age": 41}] * 3)

    assert send(service, {"prediction_id": key, "values": [True, 2.5, "x"]})["accepted"] == 3
    assert values(service) == {f"{key}:0": "true", f"{key}:1": "2.5", f"{key}:2": '"x"'}
    assert send(service, {"prediction_id": f"{key}:1", "value": 3})["updated"] == 1


def test_by_external_id(fraud: "Service") -> None:
    """The caller's request id names its prediction."""
    key = predicted(fraud, headers={"X-Request-ID": "order-7"})

    assert send(fraud, {"external_id": "order-7", "value": 1})["accepted"] == 1
    assert send(fraud, {"external_id": "order-8", "value": 1})["pending"] == 1
    assert values(fraud) == {key: "1"}


def test_by_an_ambiguous_external_id(fraud: "Service") -> None:
    """Two predictions under one request id: the answer says so and what to send instead."""
    for _ in range(2):
        predicted(fraud, headers={"X-Request-ID": "order-7"})
    summary = send(
        fraud, [{"prediction_id": "x", "value": 0}, {"external_id": "order-7", "value": 1}]
    )

    (wrong,) = summary["invalid"]
    assert wrong["index"] == 1
    assert "2 predictions have the external id 'order-7': use prediction_id" in wrong["error"]
    assert values(fraud) == {}
    assert counted(fraud) == {(*UNKNOWN, "pending"): 1, (*UNKNOWN, "invalid"): 1}


def test_the_values_of_a_batch_by_external_id(serve: Any) -> None:
    """Row by row; a row that the batch does not have waits."""
    service = serve(lambda: {"predictions": [1, 0]})
    key = predicted(service, [{"age": 41}] * 2, headers={"X-Request-ID": "order-7"})

    summary = send(service, {"external_id": "order-7", "values": [1, 0, 1]})
    assert summary == {**NOTHING, "accepted": 2, "pending": 1}
    assert values(service) == {f"{key}:0": "1", f"{key}:1": "0"}


def test_one_value_for_a_batch_by_external_id(serve: Any) -> None:
    """It is not clear which row it is for."""
    service = serve(lambda: {"predictions": [1, 0]})
    predicted(service, [{"age": 41}] * 2, headers={"X-Request-ID": "order-7"})

    assert len(send(service, {"external_id": "order-7", "value": 1})["invalid"]) == 1


def test_before_its_prediction_is_stored(live: "Service") -> None:
    """It is pending, then accepted by the drain: with its delay, and once."""
    key = predicted(live)
    item = {"prediction_id": key, "value": 1}

    assert send(live, item, headers=BEARER)["pending"] == 1
    assert live.flush()
    assert values(live) == {key: "1"}
    assert counted(live) == {(*UNKNOWN, "pending"): 1, (*MODEL, "accepted"): 1}
    assert delays(live) == {MODEL: 1}
    assert send(live, item, headers=BEARER)["updated"] == 1
    assert delays(live) == {MODEL: 1}
    assert live.samples("ml_ground_truth_coverage_ratio") == {MODEL: 1}


def test_twice(fraud: "Service") -> None:
    """The later value counts, the prediction counts once."""
    key = predicted(fraud)
    send(fraud, {"prediction_id": key, "value": 1})

    assert send(fraud, {"prediction_id": key, "value": 0})["updated"] == 1
    assert values(fraud) == {key: "0"}
    assert counted(fraud) == {(*MODEL, "accepted"): 1, (*MODEL, "updated"): 1}
    assert fraud.samples("ml_ground_truth_coverage_ratio") == {MODEL: 1}


def test_for_an_unknown_prediction(fraud: "Service") -> None:
    """It is kept: the prediction may still come."""
    assert send(fraud, {"prediction_id": "nobody's", "value": 1}) == {**NOTHING, "pending": 1}
    assert count_pending(fraud.runtime.database) == 1


@pytest.mark.parametrize(
    ("time", "seconds"),
    [
        (1_780_000_000, 1_780_000_000),
        (1_780_000_000.5, 1_780_000_000.5),
        ("2026-05-28T20:26:40Z", 1_780_000_000),
        ("2026-05-28T22:26:40+02:00", 1_780_000_000),
        ("0001-01-01T00:00:00+23:59", -62_135_683_140),
    ],
)
def test_when_it_became_known(fraud: "Service", time: Any, seconds: float) -> None:
    """Seconds since the epoch, or ISO 8601."""
    key = predicted(fraud)
    send(fraud, {"prediction_id": key, "value": 1, "time": time})

    assert stored(fraud) == {key: ("1", seconds)}


def test_its_delay(fraud: "Service") -> None:
    """From the prediction to when the truth became known, not to when it was sent."""
    key = predicted(fraud)
    (row,) = fraud.rows()
    send(fraud, {"prediction_id": key, "value": 1, "time": row.time + 90})

    assert fraud.samples("ml_ground_truth_delay_seconds_sum")[MODEL] == pytest.approx(90)
    buckets = fraud.samples("ml_ground_truth_delay_seconds_bucket")
    assert [n for key, n in buckets.items() if key[:2] == MODEL] == [0, 0, 0, *[1] * 7]


def test_a_huge_list(fraud: "Service") -> None:
    """Twenty thousand values in one request, stored in several transactions."""
    key = predicted(fraud)
    items = [{"prediction_id": f"early-{number}", "value": 1} for number in range(20_000)]
    summary = send(fraud, [*items, {"prediction_id": key, "value": 1}])

    assert summary == {**NOTHING, "accepted": 1, "pending": 20_000}
    assert count_pending(fraud.runtime.database) == 20_000


def test_a_huge_batch_by_external_id(fraud: "Service") -> None:
    """Its size does not matter either."""
    body = {"external_id": "order-7", "values": [1] * 20_000}

    assert send(fraud, body) == {**NOTHING, "pending": 20_000}


def test_a_batch_is_not_one_prediction(serve: "Serve") -> None:
    """Its own id would wait for ever: the answer says what to send instead."""
    service = serve(lambda: {"predictions": [0, 1]})
    key = service.post([{"age": 41}, {"age": 42}]).headers["X-Prediction-ID"]
    answer = service.client.post(
        "/mlmonitor/ground-truth", json={"prediction_id": key, "value": 1}
    ).get_json()

    assert (answer["accepted"], answer["pending"]) == (0, 0)
    assert f"{key}:0" in answer["invalid"][0]["error"]
