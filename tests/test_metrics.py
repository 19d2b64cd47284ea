"""What Prometheus sees: every metric, under its name, where and for whom it should be."""

import itertools
import re
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as parse_text

from flask_mlmonitor import Baseline, MLMonitor
from flask_mlmonitor.counters.requests import NotificationCounters
from flask_mlmonitor.metrics import METRICS
from flask_mlmonitor.records import (
    ERROR_TYPES,
    FALLBACK_REASONS,
    NOTIFICATION_OUTCOMES,
    RULES,
    STATUSES,
)
from flask_mlmonitor.store.outbox import add_messages
from tests.channels.notices import notification

if TYPE_CHECKING:
    from tests.conftest import MakeService, Serve, Service
from tests.scraping import LABELS, MODEL, OPENMETRICS, SUFFIXES, predict, samples, scrape, value

FEW = 40


def measure(monitor: MLMonitor) -> None:
    """Let a classification and a regression predict, and know what was true."""
    places = range(400)
    scored = Baseline.from_dataframe(
        pd.DataFrame({"age": places}),
        target=[place % 4 < 2 for place in places],
        predictions=[place % 2 == 0 for place in places],
        probabilities=[0.6 if place % 2 == 0 else 0.4 for place in places],
    )
    monitor.register("scored", baseline=scored)
    monitor.register("price", task="regression")
    for place in range(FEW):
        yes = place % 2 == 0
        key = monitor.record_prediction(
            "scored", {"age": place}, yes, probability=0.6 if yes else 0.4
        )
        monitor.record_ground_truth(key, place % 4 < 2)
        key = monitor.record_prediction("price", {"age": place}, place)
        monitor.record_ground_truth(key, place + 0.5)


def test_every_metric(serve: "Serve", baseline: Baseline, customer: dict[str, Any]) -> None:
    """Each one of the table, of its kind, with exactly its labels and its help; and no other."""
    config = {"MLMONITOR_MIN_SAMPLES": FEW}
    service = serve(predict, baseline=baseline, timeout=20, fallback=predict, config=config)
    key = service.post(customer).headers["X-Prediction-ID"]
    service.client.post("/mlmonitor/ground-truth", json={"prediction_id": key, "value": 1})
    for _ in range(FEW):
        service.post(customer)
    with service.app.app_context():
        measure(service.monitor)
        service.monitor.evaluate()
    families = scrape(service)

    assert set(families) == {metric.name.removesuffix("_total") for metric in METRICS}
    for metric in METRICS:
        family = families[metric.name.removesuffix("_total")]
        assert (family.type, family.documentation) == (metric.kind, metric.help)
        names = {metric.name + end for end in SUFFIXES.get(metric.kind, ("",))}
        assert {sample.name for sample in family.samples} == names
        for sample in family.samples:
            bucket = {"le"} if sample.name.endswith("_bucket") else set[str]()
            assert set(sample.labels) == LABELS[metric.name] | bucket


def test_children_exist_from_the_start(serve: "Serve", baseline: Baseline) -> None:
    """At 0, before the first prediction of a model: else `rate()` would miss the first error."""
    hook = {"MLMONITOR_WEBHOOK_URL": "http://127.0.0.1:1/hook"}
    service = serve(predict, baseline=baseline, timeout=20, fallback=predict, config=hook)
    service.monitor.register("churn", version="7")
    families = scrape(service)
    found = samples(families)
    churn = {"model": "churn", "version": "7"}
    expected = [
        *(
            ("ml_predictions_total", {**model, "status": status})
            for model, status in itertools.product((MODEL, churn), STATUSES)
        ),
        *(("ml_prediction_errors_total", {**MODEL, "error_type": name}) for name in ERROR_TYPES),
        *(("ml_fallback_total", {**MODEL, "reason": name}) for name in FALLBACK_REASONS),
        *(
            ("ml_validation_failures_total", {**MODEL, "feature": feature, "rule": rule})
            for feature, rule in itertools.product(baseline.feature_names, RULES)
        ),
        (
            "ml_validation_failures_total",
            {**MODEL, "feature": "__extra__", "rule": "extra"},
        ),
        *(
            ("ml_ground_truth_total", {**MODEL, "result": result})
            for result in ("accepted", "updated", "pending", "invalid")
        ),
        ("ml_prediction_latency_seconds_count", MODEL),
        ("ml_ground_truth_delay_seconds_count", MODEL),
        ("ml_predictions_in_progress", MODEL),
        ("ml_circuit_open", MODEL),
        ("ml_abandoned_calls_total", MODEL),
        ("ml_abandoned_calls_in_progress", MODEL),
        ("ml_requests_per_second", MODEL),
        ("mlmonitor_internal_errors_total", {"where": "journal"}),
        ("mlmonitor_records_dropped_total", {"reason": "journal_full"}),
        *(
            ("mlmonitor_notifications_total", {"channel": channel, "outcome": outcome})
            for channel, outcome in itertools.product(("log", "webhook"), NOTIFICATION_OUTCOMES)
        ),
        ("mlmonitor_outbox_messages", {}),
    ]

    for name, labels in expected:
        assert found[name, frozenset(labels.items())] == 0, (name, labels)


def test_notifications(fraud_service: "Service") -> None:
    """What waits is counted in the store, the tries in each process."""
    runtime = fraud_service.runtime
    with runtime.database.writing() as connection:
        add_messages(connection, "shop", [(notification(), ["log", "slack"])], created=0)
    NotificationCounters(runtime.slot, fraud_service.state.channels).came("log", "delivered")

    assert fraud_service.samples("mlmonitor_outbox_messages") == {(): 2}
    tries = fraud_service.samples("mlmonitor_notifications_total")
    assert {key: count for key, count in tries.items() if count} == {("log", "delivered"): 1}


def test_no_label_comes_from_a_client(serve: "Serve", baseline: Baseline) -> None:
    """Not the name of a field, nor that of an id."""
    service = serve(predict, baseline=baseline)
    service.post({"from the client": "from the client"}, headers={"X-Request-ID": "from-a-client"})
    body = {"prediction_id": "from the client", "value": "from the client"}
    service.client.post("/mlmonitor/ground-truth", json=body)

    shown = service.client.get("/metrics").text
    assert "from the client" not in shown
    assert "from-a-client" not in shown


def test_openmetrics(fraud_service: "Service") -> None:
    """A scraper that asks for OpenMetrics gets it; the values are those of the text format."""
    fraud_service.post()
    text = fraud_service.client.get("/metrics")
    answer = fraud_service.client.get("/metrics", headers=OPENMETRICS)

    assert text.content_type.startswith("text/plain; version=")
    assert answer.content_type.startswith("application/openmetrics-text; version=1.0.0")
    assert answer.text.endswith("# EOF\n")
    families = {family.name: family for family in parse_openmetrics(answer.text)}  # type: ignore[no-untyped-call]
    assert value(families, "ml_predictions_total", **MODEL, status="success") == 1
    assert set(samples(families)) == set(
        samples({family.name: family for family in parse_text(text.text)})
    )


@pytest.fixture
def fraud_service(serve: "Serve") -> "Service":
    """A model without a baseline."""
    return serve(predict)


def test_without_a_path(serve: "Serve") -> None:
    """`METRICS_PATH = None` adds no route; the rest goes on."""
    service = serve(predict, config={"MLMONITOR_METRICS_PATH": None})

    assert service.client.get("/metrics").status_code == 404
    assert service.post().status_code == 200
    assert service.tally() == {"predictions success": 1, "timed": 1}


def test_another_path_and_prefix(serve: "Serve") -> None:
    """The models' metrics take the prefix, the monitor's own keep their names."""
    config = {"MLMONITOR_METRICS_PATH": "/internal/metrics", "MLMONITOR_METRICS_PREFIX": "shop"}
    service = serve(predict, config=config)
    service.post()

    assert service.client.get("/metrics").status_code == 404
    families = scrape(service, "/internal/metrics")
    assert value(families, "shop_predictions_total", **MODEL, status="success") == 1
    assert value(families, "shop_prediction_latency_seconds_count", **MODEL) == 1
    assert {name.partition("_")[0] for name in families} == {"shop", "mlmonitor"}


def test_a_token(serve: "Serve", production: dict[str, Any]) -> None:
    """With METRICS_TOKEN only its bearer may scrape; the API's token does not open it."""
    config = {"MLMONITOR_METRICS_TOKEN": "scraper", "MLMONITOR_API_TOKEN": "writer"}
    client = serve(predict, config=config | production).client

    refused = client.get("/metrics")
    assert refused.status_code == 401
    assert "MLMONITOR_METRICS_TOKEN" in refused.get_json()["detail"]
    assert client.get("/metrics", headers={"Authorization": "Bearer writer"}).status_code == 401
    assert client.get("/metrics", headers={"Authorization": "Bearer scraper"}).status_code == 200
    assert client.get("/metrics", auth=("prometheus", "scraper")).status_code == 200


def test_open_without_a_token(serve: "Serve", production: dict[str, Any]) -> None:
    """The API's token is none of the scraper's business."""
    service = serve(predict, config={**production, "MLMONITOR_API_TOKEN": "writer"})

    assert service.client.get("/metrics").status_code == 200


def test_never_the_default_registry(fraud_service: "Service") -> None:
    """What an app registers there is not shown here, and nothing of ours is registered there."""
    fraud_service.post()
    ours = set(scrape(fraud_service))
    theirs = {family.name for family in REGISTRY.collect()}

    assert theirs
    assert not ours & theirs


def test_in_a_registry_of_the_apps_own(fraud_service: "Service") -> None:
    """Registering collects nothing; collecting shows what `/metrics` shows."""
    registry = CollectorRegistry()
    registry.register(fraud_service.monitor.collector(fraud_service.app))
    fraud_service.post()
    families = {family.name: family for family in parse_text(generate_latest(registry).decode())}

    assert value(families, "ml_predictions_total", **MODEL, status="success") == 1
    assert set(families) == set(scrape(fraud_service))


def test_a_path_that_the_app_serves_too(
    make_service: "MakeService", caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged as an error that names the view and the key to set."""
    service = make_service()
    service.app.get("/metrics", endpoint="their_metrics")(lambda: "theirs")
    service.client.get("/")

    (message,) = [r.getMessage() for r in caplog.records if r.levelname == "ERROR"]
    assert "'their_metrics' answers /metrics too" in message
    assert "MLMONITOR_METRICS_PATH" in message


def test_paths_that_do_not_clash(
    make_service: "MakeService", caplog: pytest.LogCaptureFixture
) -> None:
    """Another method, or another path, is no clash."""
    service = make_service()
    service.app.post("/metrics", endpoint="push")(lambda: "")
    service.app.get("/metrics/all", endpoint="all")(lambda: "")
    service.client.get("/")

    assert [r for r in caplog.records if r.levelname == "ERROR"] == []


def test_the_names_in_common_queries(fraud_service: "Service") -> None:
    """Queries that people write for requests work as they stand."""
    queries = """
        rate(ml_predictions_total[5m])
        rate(ml_prediction_latency_seconds_sum[5m]) / rate(ml_prediction_latency_seconds_count[5m])
        histogram_quantile(0.95, rate(ml_prediction_latency_seconds_bucket[5m]))
    """
    fraud_service.post()
    names = {name for name, _ in samples(scrape(fraud_service))}

    assert set(re.findall(r"ml_\w+", queries)) <= names


def test_buckets_of_the_latency(fraud_service: "Service") -> None:
    """They rise to the count, and the thresholds of the alerts are among their bounds."""
    fraud_service.post()
    family = scrape(fraud_service)["ml_prediction_latency_seconds"]
    buckets = [s for s in family.samples if s.name.endswith("_bucket")]
    counts = [sample.value for sample in buckets]

    assert counts == sorted(counts)
    assert counts[-1] == 1
    assert {"0.5", "2.0", "+Inf"} <= {sample.labels["le"] for sample in buckets}
