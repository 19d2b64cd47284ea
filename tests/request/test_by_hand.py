"""Predictions that are made outside a request: a batch job, another server, yesterday's file."""

import gc
import math
import sqlite3
import uuid
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from flask import Flask

from flask_mlmonitor import Baseline, ConfigError, MLMonitor, MLMonitorError, Prediction, signals
from flask_mlmonitor.request.route import Route
from flask_mlmonitor.store import tables

if TYPE_CHECKING:
    from tests.conftest import MakeService, Service

YESTERDAY = datetime.now(UTC) - timedelta(days=1)


def buckets(service: "Service") -> dict[int, int]:
    """Return how many predictions the rollups of each minute hold."""
    path = service.runtime.folders.store_url.removeprefix("sqlite:///")
    query = f"SELECT bucket, SUM(n) FROM {tables.rollups.name} GROUP BY bucket"
    connection = sqlite3.connect(path)
    try:
        return dict(connection.execute(query).fetchall())
    finally:
        connection.close()


def test_who_listens_hears_of_it(service: "Service") -> None:
    """As of one in a request; and a receiver that fails is in nobody's way."""
    heard: list[Prediction] = []

    def listen(_: object, prediction: Prediction, **__: object) -> None:
        heard.append(prediction)
        raise RuntimeError("out of order")

    with signals.prediction_recorded.connected_to(listen), service.app.app_context():
        key = service.monitor.record_prediction("churn", {"age": 41}, 1, time=YESTERDAY)

    assert heard == service.rows()
    assert (heard[0].id, heard[0].source) == (key, "primary")
    assert service.tally()["faults signal"] == 1


def test_a_prediction_by_hand(service: "Service", baseline: Baseline) -> None:
    """It is counted, validated and stored like one of a request, and its id is returned."""
    service.monitor.register("churn", version="7", baseline=baseline)
    features = {"age": 99, "income": 1200.5, "plan": "paid", "member": True}
    with service.app.app_context():
        key = service.monitor.record_prediction(
            "churn", features, 1, probability=0.75, latency=0.02
        )
    row = service.row()

    assert uuid.UUID(key).version == 7
    assert row == Prediction(
        id=key,
        external_id=None,
        app="shop",
        model="churn",
        version="7",
        time=row.time,
        features=features,
        prediction=1,
        probability=0.75,
        latency=0.02,
        source="primary",
        status="success",
    )
    assert row.time == pytest.approx(datetime.now(UTC).timestamp(), abs=30)
    assert service.tally() == {"predictions success": 1, "timed": 1, "failures age range": 1}


@pytest.mark.parametrize("latency", [np.float64(0.5), np.float32(0.5), np.int64(2), 2])
def test_a_latency_of_numpy(service: "Service", latency: Any) -> None:
    """A batch is timed with whatever numbers its program has."""
    with service.app.app_context():
        service.monitor.record_prediction("churn", {"age": 41}, "yes", latency=latency)

    assert service.row().latency == float(latency)
    assert service.tally() == {"predictions success": 1, "timed": 1}


def test_a_prediction_without_a_latency_is_not_timed(service: "Service") -> None:
    """Nobody knows how long it took."""
    with service.app.app_context():
        service.monitor.record_prediction("churn", {"age": 41}, "yes")

    assert service.row().latency is None
    assert service.tally() == {"predictions success": 1}


@pytest.mark.parametrize(
    "time",
    [
        YESTERDAY,
        YESTERDAY.astimezone(timezone(timedelta(hours=9))),
        datetime(2001, 2, 3, 4, 5, 59, 999999, tzinfo=UTC),
    ],
    ids=["yesterday", "elsewhere", "long-ago"],
)
def test_the_past_counts_as_the_past(service: "Service", time: datetime) -> None:
    """The row has its time, and the rollup of that minute has the row."""
    with service.app.app_context():
        service.monitor.record_prediction("churn", {"age": 41}, 1, time=time)
        service.monitor.record_prediction("churn", {"age": 41}, 1, time=time)

    assert [row.time for row in service.rows()] == [time.timestamp()] * 2
    assert buckets(service) == {int(time.timestamp()) // 60 * 60: 2}


def test_the_future_counts_as_now(service: "Service") -> None:
    """A clock that is wrong must not put predictions where no window will look."""
    with service.app.app_context():
        service.monitor.record_prediction(
            "churn", {"age": 41}, 1, time=datetime.now(UTC) + timedelta(days=400)
        )
    (bucket,) = buckets(service)

    assert bucket == pytest.approx(datetime.now(UTC).timestamp(), abs=90)


def test_an_id_of_the_callers_own(service: "Service") -> None:
    """It is the row's, so that ground truth can name it."""
    with service.app.app_context():
        given = service.monitor.record_prediction(
            "churn", {"age": 41}, 1, prediction_id="order-7:härte"
        )

    assert given == service.row().id == "order-7:härte"


def test_a_repeated_id_is_stored_once(service: "Service") -> None:
    """A job that runs twice changes nothing: the first prediction stays, beside new ones."""
    with service.app.app_context():
        for prediction, key in [(1, "a"), (0, "a"), (0, "b"), (1, "b"), (1, None)]:
            service.monitor.record_prediction("churn", {"age": 41}, prediction, prediction_id=key)
    rows = {row.id: row.prediction for row in service.rows()}

    assert len(rows) == 3
    assert (rows["a"], rows["b"]) == (1, 0)
    assert sum(buckets(service).values()) == 3


def test_the_version_may_be_left_out_where_there_is_one(service: "Service") -> None:
    """Of several, it must be named; a model that nobody declared is version 1."""
    service.monitor.register("churn", version="7")
    service.monitor.register("fraud", version="1")
    service.app.add_url_rule(
        "/", "fraud", service.monitor.prediction("fraud", version="2")(lambda: "")
    )
    with service.app.app_context():
        service.monitor.record_prediction("churn", {}, 1)
        service.monitor.record_prediction("new", {}, 1)
        service.monitor.record_prediction("fraud", {}, 1, version="2")
        service.monitor.record_prediction("churn", {}, 1, version="8")
        with pytest.raises(ConfigError, match="version"):
            service.monitor.record_prediction("fraud", {}, 1)

    assert sorted((row.model, row.version) for row in service.rows()) == [
        ("churn", "7"),
        ("churn", "8"),
        ("fraud", "2"),
        ("new", "1"),
    ]


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"model": "a b"}, "model"),
        ({"version": "a b"}, "version"),
        ({"features": [41]}, "features"),
        ({"features": None}, "features"),
        ({"time": datetime(2026, 1, 1)}, "time"),  # noqa: DTZ001
        ({"time": "2026-01-01T00:00:00Z"}, "time"),
        ({"time": 1_780_000_000}, "time"),
    ],
)
def test_what_cannot_be_used_is_refused(
    service: "Service", wrong: dict[str, Any], named: str
) -> None:
    """By name, and nothing is recorded."""
    given = {"model": "churn", "features": {"age": 41}, "prediction": 1, **wrong}
    with service.app.app_context(), pytest.raises(ConfigError, match=f"^{named} = "):
        service.monitor.record_prediction(**given)

    assert service.rows() == []
    assert service.tally() == {}


@pytest.mark.parametrize("key", [7, uuid.uuid4(), "", "x" * 257, b"order-7", "a\0b", "\ud83d"])
def test_an_id_that_ground_truth_could_not_name_is_refused(service: "Service", key: Any) -> None:
    """Text of 1 to 256 characters, as the ground truth's route takes it."""
    with service.app.app_context(), pytest.raises(ConfigError, match=r"^prediction_id = "):
        service.monitor.record_prediction("churn", {"age": 41}, 1, prediction_id=key)

    assert service.rows() == []


@pytest.mark.parametrize("number", [np.int64(41), np.float32(41), np.int8(41)])
def test_the_numbers_of_numpy_are_numbers(
    service: "Service", baseline: Baseline, customer: dict[str, Any], number: Any
) -> None:
    """A batch job has its features in arrays and frames."""
    service.monitor.register("churn", baseline=baseline)
    with service.app.app_context():
        service.monitor.record_prediction("churn", customer | {"age": number}, number)

    assert service.row().features == customer
    assert service.row().prediction == 41
    assert service.tally() == {"predictions success": 1}


@pytest.mark.parametrize("prediction", [math.nan, -math.inf, np.float32("nan"), [0.5, math.nan]])
def test_a_prediction_by_hand_that_is_no_finite_number(service: "Service", prediction: Any) -> None:
    """It is none of the successes, as it would be from a view."""
    with service.app.app_context():
        service.monitor.record_prediction("churn", {"age": 41}, prediction)

    assert service.row().status == "error"
    assert service.tally() == {"predictions error": 1, "errors nan_prediction": 1}


def test_any_value_can_be_recorded(service: "Service") -> None:
    """What JSON cannot say is stored as well as may be; nothing is lost and nothing raises."""
    features = {
        "when": YESTERDAY,
        "array": np.array([1.5, 2.5]),
        "huge": 10**400,
        "half": "\ud800",
        "bytes": b"\x00\xff",
        "own": object(),
        "nested": {"a": {"b": [1, {2, 3}]}},
    }
    with service.app.app_context():
        key = service.monitor.record_prediction("churn", features, np.int64(3))
        service.monitor.record_prediction("churn", {1: "one"}, 1)  # type: ignore[dict-item]
    row = next(row for row in service.rows() if row.id == key)

    assert set(row.features) == set(features)
    assert (row.features["array"], row.prediction) == ([1.5, 2.5], 3)
    assert service.tally() == {"predictions success": 2}


def test_an_undeclared_model_costs_no_memory_for_each_prediction(service: "Service") -> None:
    """A job of millions of rows for a model that nobody registered runs in bounded memory."""

    def routes() -> int:
        return sum(isinstance(known, Route) for known in gc.get_objects())

    with service.app.app_context():
        service.monitor.record_prediction("churn", {"age": 41}, 1)
        before = routes()
        for _ in range(50):
            service.monitor.record_prediction("churn", {"age": 41}, 1)

    assert routes() <= before + 1


def test_without_an_app_there_is_nothing_to_record_into() -> None:
    """An app that was never given to `init_app` is named, with the remedy."""
    app = Flask("forgotten")
    with app.app_context(), pytest.raises(MLMonitorError, match=r"'forgotten'.*init_app"):
        MLMonitor().record_prediction("churn", {"age": 41}, 1)


def test_a_disabled_monitor_records_nothing(make_service: "MakeService") -> None:
    """A job runs on, with an id that leads nowhere."""
    service = make_service(MLMONITOR_ENABLED=False)
    with service.app.app_context():
        assert uuid.UUID(service.monitor.record_prediction("churn", {"age": 41}, 1)).version == 7
        assert service.monitor.record_prediction("churn", {}, 1, prediction_id="a") == "a"
