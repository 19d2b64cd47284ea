"""A sample of the predictions is stored; all of them are counted."""

from typing import TYPE_CHECKING, Any

import pytest
from flask import request

from flask_mlmonitor import Baseline, Prediction, signals
from flask_mlmonitor.records import STATUSES
from flask_mlmonitor.request.ids import is_sampled, new_id
from flask_mlmonitor.store.reading import ModelTotals, read_totals
from tests.ledgers import add_rollups, read_ledger

if TYPE_CHECKING:
    from tests.conftest import MakeService, Serve, Service

HALF = {"MLMONITOR_SAMPLE_RATE": 0.5}


def predict() -> Any:
    payload = request.get_json()
    if isinstance(payload, list):
        return {"predictions": [1] * len(payload)}
    if payload["age"] == 0:
        raise ValueError("no such age")
    return {"prediction": 1}


def totals(service: "Service") -> ModelTotals:
    """Return the totals of the only model."""
    (found,) = read_totals(service.runtime.database)
    return found


def test_what_is_stored_has_an_id(serve: "Serve", baseline: Baseline) -> None:
    """Who holds an id finds its prediction; all are counted, in the cells of their values too."""
    config = HALF | {"PROPAGATE_EXCEPTIONS": False}
    service = serve(predict, baseline=baseline, config=config)
    ages = [0 if number % 10 == 0 else 41 for number in range(100)]
    answers = [service.post({"age": age}) for age in ages]
    keys = [key for answer in answers if (key := answer.headers.get("X-Prediction-ID"))]
    rows = service.rows()

    assert 20 < len(keys) < 80
    assert [row.id for row in rows] == sorted(keys)
    assert all(is_sampled(key, 0.5) for key in keys)
    bounds = service.state.settings.latency_buckets
    rollup = add_rollups(service.runtime.database, baseline.binning(latency_bounds=bounds))
    assert rollup.operations.rows == dict.fromkeys(STATUSES, 0) | {"success": 90, "error": 10}
    assert rollup.operations.requests == sum(rollup.operations.latencies) == 100
    assert rollup.operations.stored == sum(row.status == "success" for row in rows)
    assert rollup.feature("age").n == 100
    assert rollup.moments("age").n == 100
    assert rollup.predictions is None or rollup.predictions.n == 90
    assert totals(service)[2:] == (100, sum(row.status == "success" for row in rows), 0)
    tally = service.tally()
    assert (tally["predictions success"], tally["predictions error"]) == (90, 10)


def test_coverage_is_that_of_the_stored(serve: "Serve") -> None:
    """Ground truth can only come for them: with all of it the coverage is 1."""
    service = serve(predict, config=HALF)
    answers = [service.post() for _ in range(50)]
    keys = [key for answer in answers if (key := answer.headers.get("X-Prediction-ID"))]
    for key in keys:
        truth = {"prediction_id": key, "value": 1}
        answer = service.client.post("/mlmonitor/ground-truth", json=truth).get_json()
        assert answer["accepted"] == 1

    assert totals(service)[2:] == (50, len(keys), len(keys))
    assert service.samples("ml_ground_truth_coverage_ratio") == {("fraud", "2"): 1.0}


def test_nothing_is_stored_at_a_rate_of_0(serve: "Serve", baseline: Baseline) -> None:
    """Only counts are kept, and there is no share of what cannot be."""
    service = serve(predict, baseline=baseline, config={"MLMONITOR_SAMPLE_RATE": 0})
    for _ in range(3):
        assert "X-Prediction-ID" not in service.post().headers
    service.post([{"age": 1}] * 4)
    service.flush()
    ledger = read_ledger(service.runtime.database)

    assert (ledger.ids, ledger.in_rollups, ledger.in_totals) == ([], 7, (7, 0, 0))
    assert service.samples("ml_ground_truth_coverage_ratio") == {}
    assert service.tally()["predictions success"] == 7


def test_the_rows_of_a_batch_stay_together(serve: "Serve") -> None:
    """A request is stored with all its rows or with none."""
    service = serve(predict, config=HALF)
    answers = [service.post([{"age": 1}, {"age": 2}, {"age": 3}]) for _ in range(40)]
    keys = [key for answer in answers if (key := answer.headers.get("X-Prediction-ID"))]

    assert 5 < len(keys) < 35
    assert [row.id for row in service.rows()] == [
        f"{key}:{n}" for key in sorted(keys) for n in range(3)
    ]
    assert totals(service)[2:] == (120, 3 * len(keys), 0)


def test_who_listens_hears_of_the_stored(serve: "Serve") -> None:
    """A signal has an id only of what is there."""
    heard: list[str] = []
    fell_back: list[str | None] = []

    def recorded(_: Any, prediction: Prediction, **__: Any) -> None:
        heard.append(prediction.id)

    def used(_: Any, prediction_id: str | None, **__: Any) -> None:
        fell_back.append(prediction_id)

    service = serve(predict, fallback=lambda: {"prediction": 0}, config=HALF)
    with (
        signals.prediction_recorded.connected_to(recorded),
        signals.fallback_used.connected_to(used),
    ):
        for _ in range(40):
            service.post({"age": 0})

    stored = [row.id for row in service.rows()]
    assert heard == stored
    assert [key for key in fell_back if key] == stored
    assert len(fell_back) == 40


def test_a_job_that_runs_again_stores_the_same(
    make_service: "MakeService", production: dict[str, Any]
) -> None:
    """The id decides, on every host: a second run adds nothing that the first left out."""
    service = make_service(**production, MLMONITOR_SAMPLE_RATE=0.3)
    with service.app.app_context():
        for _ in range(2):
            for number in range(100):
                service.monitor.record_prediction(
                    "churn", {"age": 41}, 1, prediction_id=f"order-{number}"
                )
    orders = [f"order-{number}" for number in range(100)]

    assert [row.id for row in service.rows()] == [key for key in orders if is_sampled(key, 0.3)]


@pytest.mark.parametrize("rate", [0.01, 0.3, 0.9])
def test_the_share_is_the_rate(rate: float) -> None:
    """For our ids; and a higher rate stores all that a lower one did."""
    keys = [new_id() for _ in range(20_000)]
    sample = {key for key in keys if is_sampled(key, rate)}

    assert len(sample) / len(keys) == pytest.approx(rate, abs=0.02)
    assert sample <= {key for key in keys if is_sampled(key, rate + 0.1)}
    assert not any(is_sampled(key, 0.0) for key in keys)
    assert all(is_sampled(key, 1.0) for key in keys)


def test_each_model_has_its_rate(make_service: "MakeService") -> None:
    """A busy model may be sampled beside one of which everything is stored."""
    service = make_service(MLMONITOR_MODELS={"busy": {"SAMPLE_RATE": 0}})
    with service.app.app_context():
        for model in ("busy", "quiet"):
            service.monitor.record_prediction(model, {"age": 41}, 1)

    assert [row.model for row in service.rows()] == ["quiet"]
    assert [total.predictions for total in read_totals(service.runtime.database)] == [1, 1]
