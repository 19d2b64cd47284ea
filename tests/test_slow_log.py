"""A slow prediction is logged, at most once per interval and host."""

import logging
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.processes import run_in_child

if TYPE_CHECKING:
    from tests.conftest import MakeService, Service

pytestmark = pytest.mark.filterwarnings("ignore:This process.*fork:DeprecationWarning")
LIMIT = 0.002
ENDLESS = "1000d"


def slow() -> Any:
    began = time.perf_counter()
    while time.perf_counter() - began < 2 * LIMIT:
        pass
    return {"prediction": 1}


def build(make_service: "MakeService", **config: Any) -> "Service":
    """Make an app with a slow view and a quick one, and little patience."""
    config = {"MLMONITOR_LATENCY_WARNING": LIMIT, "MLMONITOR_EVALUATION_INTERVAL": ENDLESS} | config
    service = make_service(**config)
    service.app.post("/predict")(service.monitor.prediction("fraud", version="2")(slow))
    service.app.post("/other")(service.monitor.prediction("churn")(lambda: slow()))
    return service


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the warnings of slow predictions."""
    return [
        record.getMessage()
        for record in caplog.records
        if record.levelno == logging.WARNING and " took " in record.getMessage()
    ]


def test_a_slow_prediction_is_logged_once(
    make_service: "MakeService", caplog: pytest.LogCaptureFixture
) -> None:
    """With its model, its time and the limit; a flood of them is one line."""
    service = build(make_service)
    for _ in range(5):
        service.post()
        service.client.post("/other", json={"age": 41})

    (message,) = warnings(caplog)
    assert "fraud 2" in message
    assert "more than 0.002 s" in message


def test_a_quick_prediction_is_not_logged(
    make_service: "MakeService", caplog: pytest.LogCaptureFixture
) -> None:
    """The limit is its model's own, where it has one."""
    service = build(
        make_service,
        MLMONITOR_LATENCY_WARNING=10,
        MLMONITOR_LATENCY_CRITICAL=20,
        MLMONITOR_MODELS={"churn": {"LATENCY_WARNING": LIMIT}},
    )
    service.post()
    assert warnings(caplog) == []
    service.client.post("/other", json={"age": 41})

    assert len(warnings(caplog)) == 1
    assert "churn 1" in warnings(caplog)[0]


def test_the_next_interval_is_told_again(
    make_service: "MakeService", production: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """And what was noted for the one before is tidied away."""
    service = build(make_service, **production | {"MLMONITOR_EVALUATION_INTERVAL": 0.05})
    service.wait_for(lambda: service.post().json and len(warnings(caplog)) >= 3)

    assert len(list(service.runtime.folders.data.glob("*.once"))) == 1


def test_the_processes_of_a_host_log_one_line_together(
    make_service: "MakeService", production: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """Eight workers are not eight times as slow."""
    service = build(make_service, **production)

    def work() -> None:
        service.post()

    assert [run_in_child(work) for _ in range(2)] == [0, 0]
    service.post()

    assert warnings(caplog) == []
    assert len(list(service.runtime.folders.data.glob("*.once"))) == 1
