"""Ground truth over HTTP and from Python, as its senders, the metrics and the store see it."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from sqlalchemy import select
from werkzeug.test import TestResponse

from flask_mlmonitor import ConfigError, GroundTruth, StoreUnavailable, signals
from flask_mlmonitor.store import database, tables
from flask_mlmonitor.store.reading import count_pending

if TYPE_CHECKING:
    from tests.conftest import MakeService, Service

URL = "/mlmonitor/ground-truth"
BEARER = {"Authorization": "Bearer s=cret"}
NOTHING = {"accepted": 0, "updated": 0, "pending": 0, "invalid": []}
MODEL = ("fraud", "2")
UNKNOWN = ("__unknown__", "__unknown__")


def send(service: "Service", body: Any, **options: Any) -> Any:
    """Report ground truth; return the summary of what became of it."""
    answer = service.client.post(URL, json=body, **options)
    assert answer.status_code == 200, answer.text
    return answer.get_json()


def predicted(service: "Service", payload: Any = None, **options: Any) -> str:
    """Return the id of a new prediction."""
    return str(service.post(payload, **options).headers["X-Prediction-ID"])


def stored(service: "Service") -> dict[str, tuple[str, float]]:
    """Return the values and times of ground truth as the store keeps them."""
    columns = tables.ground_truth.c
    with service.runtime.database.reading() as connection:
        rows = connection.execute(select(columns.prediction_id, columns.value, columns.time)).all()
    return {key: (value, time) for key, value, time in rows}


def values(service: "Service") -> dict[str, str]:
    """Return the values alone."""
    return {key: value for key, (value, _) in stored(service).items()}


def counted(service: "Service") -> dict[tuple[str, ...], float]:
    """Return the counts of ground truth above zero."""
    return {key: n for key, n in service.samples("ml_ground_truth_total").items() if n}


def delays(service: "Service") -> dict[tuple[str, ...], float]:
    """Return how many delays were counted, for each model that has any."""
    samples = service.samples("ml_ground_truth_delay_seconds_count")
    return {key: n for key, n in samples.items() if n}


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
    ]
    summary = send(fraud, items)

    assert [wrong["index"] for wrong in summary.pop("invalid")] == [1]
    assert summary == {"accepted": 2, "updated": 0, "pending": 1}
    assert values(fraud) == {first: '"yes"', second: '"no"'}
    assert counted(fraud) == {
        (*MODEL, "accepted"): 2,
        (*UNKNOWN, "pending"): 1,
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
    ("item", "told"),
    [
        (7, "send an object with prediction_id and value"),
        (["p1", 1], "send an object"),
        ({}, "send either prediction_id or external_id"),
        ({"value": 1}, "send either prediction_id or external_id"),
        ({"prediction_id": "p", "external_id": "e", "value": 1}, "send either"),
        ({"prediction_id": "p"}, "send either value or, for a batch, values"),
        ({"prediction_id": "p", "value": 1, "values": [1]}, "send either value or"),
        ({"id": "p", "value": 1}, "unknown field 'id': send external_id, prediction_id, time"),
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
    """Twenty thousand values in one request, stored in one transaction."""
    key = predicted(fraud)
    items = [{"prediction_id": f"early-{number}", "value": 1} for number in range(20_000)]
    summary = send(fraud, [*items, {"prediction_id": key, "value": 1}])

    assert summary == {**NOTHING, "accepted": 1, "pending": 20_000}
    assert count_pending(fraud.runtime.database) == 20_000


def test_a_huge_batch_by_external_id(fraud: "Service") -> None:
    """Its size does not matter either."""
    body = {"external_id": "order-7", "values": [1] * 20_000}

    assert send(fraud, body) == {**NOTHING, "pending": 20_000}


@pytest.mark.parametrize(
    ("body", "options", "status", "told"),
    [
        (b"{", {"content_type": "application/json"}, 400, 'Send JSON: {"prediction_id"'),
        (b"", {"content_type": "application/json"}, 400, "or a list of such objects"),
        (b"7", {"content_type": "application/json"}, 400, "Send JSON"),
        (b"\xff\xfe\xff", {"content_type": "application/json"}, 400, "Send JSON"),
        (b"[" * 100_000, {"content_type": "application/json"}, 400, "Send JSON"),
        (b"[" + b"9" * 5000 + b"]", {"content_type": "application/json"}, 400, "Send JSON"),
        (b"[]", {"content_type": "text/plain"}, 415, "application/json, not text/plain"),
        (b"[]", {}, 415, "application/json, not none at all"),
        (b"prediction_id=p", {"content_type": "application/x-www-form-urlencoded"}, 415, "not app"),
    ],
)  # fmt: skip
def test_an_unreadable_request(
    fraud: "Service", body: bytes, options: dict[str, Any], status: int, told: str
) -> None:
    """A problem document says what to send."""
    answer = fraud.client.post(URL, data=body, **options)

    assert_problem(answer, status, told)


def assert_problem(answer: TestResponse, status: int, told: str) -> None:
    """Fail unless the answer is a problem document that says so."""
    assert answer.status_code == status
    assert answer.mimetype == "application/problem+json"
    problem = answer.get_json()
    assert problem["status"] == status
    assert told in problem["detail"]


def test_a_body_over_the_apps_limit(fraud: "Service") -> None:
    """The app's own MAX_CONTENT_LENGTH holds."""
    fraud.app.config["MAX_CONTENT_LENGTH"] = 1000
    items = [{"prediction_id": f"p{number}", "value": 1} for number in range(100)]

    assert_problem(fraud.client.post(URL, json=items), 413, "")
    assert send(fraud, items[:5])["pending"] == 5


def test_only_post(fraud: "Service") -> None:
    """The store is not to be read there."""
    assert fraud.client.get(URL).status_code == 405


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Another process holds the store's write lock."""
    ready, done = os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            os.write(ready[1], b".")
            os.close(done[1])
            os.read(done[0], 1)
        os._exit(0)
    os.read(ready[0], 1)
    try:
        yield
    finally:
        for fd in (*ready, *done):
            os.close(fd)
        os.waitpid(pid, 0)


@contextmanager
def displaced(path: Path) -> Iterator[None]:
    """A folder lies in the store's place."""
    away = path.with_suffix(".away")
    path.rename(away)
    path.mkdir()
    yield
    path.rmdir()
    away.rename(path)


@pytest.mark.filterwarnings("ignore:This process.*fork:DeprecationWarning")
@pytest.mark.parametrize("trouble", [locked, displaced])
def test_while_the_store_is_down(
    live: "Service", trouble: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """503 with Retry-After, nothing recorded, counted or signalled; afterwards it works again."""
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.2)
    keys = [predicted(live), predicted(live)]
    assert live.flush()
    items = [{"prediction_id": key, "value": 1} for key in (*keys, "early")]
    path = live.runtime.database.path
    live.runtime.database.close()
    heard: list[Any] = []

    def hear(app: Any, **sent: Any) -> None:
        heard.append(sent)

    with signals.ground_truth_recorded.connected_to(hear, live.app):
        with trouble(path):
            answer = live.client.post(URL, json=items, headers=BEARER)
            with live.app.app_context(), pytest.raises(StoreUnavailable):
                live.monitor.record_ground_truth(keys[0], 1)
        assert_problem(answer, 503, "nothing was recorded")
        assert int(answer.headers["Retry-After"]) > 0
        assert heard == []
    live.runtime.database.close()

    assert values(live) == {}
    assert count_pending(live.runtime.database) == 0
    assert counted(live) == {}
    assert send(live, items, headers=BEARER) == {**NOTHING, "accepted": 2, "pending": 1}


def test_while_the_monitor_could_not_start(
    serve: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """503 as well, not a 500 of ours."""
    config = {"TESTING": False, "MLMONITOR_DATA_DIR": str(tmp_path / "data")}
    service = serve(lambda: {"prediction": 1}, config={**config, "MLMONITOR_API_TOKEN": "s=cret"})
    (tmp_path / "data").write_text("a file is in the folder's place")
    assert service.post().get_json() == {"prediction": 1}
    answer = service.client.post(URL, json=[], headers=BEARER)

    assert_problem(answer, 503, str(tmp_path / "data"))
    assert service.client.get("/metrics").status_code == 503
    assert "The monitor could not start" in caplog.text


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (True, "true"),
        (3, "3"),
        (2.5, "2.5"),
        ("yes", '"yes"'),
        (np.int64(3), "3"),
        (np.float64(2.5), "2.5"),
        (np.float32(0.5), "0.5"),
        (np.bool_(True), "true"),
        (np.str_("yes"), '"yes"'),
        (np.array(3), "3"),
    ],
)
def test_from_python(fraud: "Service", value: Any, kept: str) -> None:
    """What models and data frames hold is taken as it is."""
    key = predicted(fraud)
    time = datetime(2026, 5, 28, 20, 26, 40, tzinfo=UTC)
    with fraud.app.app_context():
        assert fraud.monitor.record_ground_truth(key, value, time=time) == "accepted"
        assert fraud.monitor.record_ground_truth(key, value, time=time) == "updated"
        assert fraud.monitor.record_ground_truth("nobody's", value) == "pending"

    assert stored(fraud) == {key: (kept, 1_780_000_000)}


@pytest.mark.parametrize(
    ("key", "value", "time", "told"),
    [
        ("p1", None, None, "a value must be"),
        ("p1", np.array([1, 2]), None, "a value must be"),
        ("p1", np.float64("nan"), None, "a value must be"),
        ("p1", [1], None, "a value must be"),
        ("", 1, None, "prediction_id must be a text"),
        (7, 1, None, "prediction_id must be a text"),
        ("p1", 1, datetime(2026, 5, 28), "give an aware datetime"),  # noqa: DTZ001
    ],
)
def test_what_python_may_not_give(
    fraud: "Service", key: Any, value: Any, time: Any, told: str
) -> None:
    """An error names it and says what to give."""
    with fraud.app.app_context(), pytest.raises(ConfigError, match=told):
        fraud.monitor.record_ground_truth(key, value, time=time)


def test_when_monitoring_is_off(make_service: "MakeService", tmp_path: Path) -> None:
    """Nothing is kept, nothing is written, and the caller's code goes on as it is."""
    service = make_service(
        MLMONITOR_ENABLED=False, TESTING=False, MLMONITOR_DATA_DIR=str(tmp_path / "data")
    )
    with service.app.app_context():
        assert service.monitor.record_ground_truth("p1", 1) == "pending"

    assert list(tmp_path.iterdir()) == []
    assert service.client.post(URL, json=[]).status_code == 404


def test_its_signal(fraud: "Service") -> None:
    """For each value that was recorded, with the prediction's own id; none for a wrong one."""
    key = predicted(fraud, headers={"X-Request-ID": "order-7"})
    heard: list[tuple[GroundTruth, str]] = []

    def hear(app: Any, ground_truth: GroundTruth, result: str) -> None:
        heard.append((ground_truth, result))

    with signals.ground_truth_recorded.connected_to(hear, fraud.app):
        items = [
            {"external_id": "order-7", "value": 1, "time": 5},
            {"prediction_id": key, "value": 0, "time": 6},
            {"prediction_id": "nobody's", "value": 1, "time": 7},
            {"prediction_id": key},
        ]
        send(fraud, items)

    assert heard == [
        (GroundTruth(key, 1, 5.0), "accepted"),
        (GroundTruth(key, 0, 6.0), "updated"),
        (GroundTruth("nobody's", 1, 7.0), "pending"),
    ]


def test_a_failing_receiver(fraud: "Service", caplog: pytest.LogCaptureFixture) -> None:
    """What it raises is counted and logged; the sender's answer is unchanged."""
    key = predicted(fraud)

    def fail(app: Any, **_: Any) -> None:
        raise RuntimeError("the receiver is broken")

    with signals.ground_truth_recorded.connected_to(fail, fraud.app):
        assert send(fraud, {"prediction_id": key, "value": 1})["accepted"] == 1

    assert fraud.samples("mlmonitor_internal_errors_total")["signal",] == 1
    assert "the receiver is broken" in caplog.text
