"""That a model should be trained anew, as its webhook, its metrics and its listeners are told."""

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pytest_httpserver import HTTPServer

from flask_mlmonitor import Baseline, signals
from tests.conftest import Serve, Service

DRIFTED: dict[str, Any] = {"age": 76, "income": 1200.5, "plan": "paid", "member": True}


def drifting(serve: Serve, baseline: Baseline, **config: str) -> Service:
    """A service whose last hours have nothing of its baseline."""
    service = serve(lambda: {"predictions": [True] * 300}, baseline=baseline, config=config)
    earlier = datetime.now(UTC) - timedelta(hours=2)
    with service.app.app_context():
        for _ in range(300):
            service.monitor.record_prediction("fraud", DRIFTED, True, time=earlier)
        service.monitor.evaluate(at=earlier)
    service.post([DRIFTED] * 300)
    return service


def test_it_is_said_once_to_everybody(
    serve: Serve, baseline: Baseline, httpserver: HTTPServer
) -> None:
    """The webhook gets a message that says why; nothing of it is a fault."""
    httpserver.expect_request("/train", method="POST").respond_with_data("")
    service = drifting(serve, baseline, MLMONITOR_RETRAIN_WEBHOOK_URL=httpserver.url_for("/train"))
    heard: list[Any] = []

    def listen(sender: object, recommendation: Any) -> None:
        heard.append(recommendation)

    with signals.retraining_recommended.connected_to(listen), service.app.app_context():
        service.monitor.evaluate()
        service.monitor.evaluate()

    (message,) = [request.get_json()["data"] for request, _ in httpserver.log]
    (recommendation,) = heard
    assert (message["family"], message["model"], message["version"]) == ("retraining", "fraud", "2")
    assert message["text"] == " ".join(recommendation.reasons)
    assert message["text"].startswith("The largest PSI of the last window is ")
    assert service.samples("ml_retraining_recommended_total") == {("fraud", "2"): 1}
    delivered = service.samples("mlmonitor_notifications_total")
    assert delivered["retraining", "delivered"] == 1
    assert not [name for name in service.tally() if name.startswith("faults")]


def test_that_only_the_log_is_told_is_said_once(
    serve: Serve, baseline: Baseline, caplog: pytest.LogCaptureFixture
) -> None:
    """With the keys to set; not with each of the messages."""
    service = drifting(serve, baseline)
    with service.app.app_context():
        service.monitor.evaluate()
        service.monitor.alerts.check_latency(3)

    said = [one.message for one in caplog.records if "Nobody but the log" in one.message]
    assert said == [
        "Nobody but the log is told of alerts: set MLMONITOR_SLACK_WEBHOOK_URL or "
        "MLMONITOR_PAGERDUTY_ROUTING_KEY or MLMONITOR_SMTP_URL."
    ]


def test_nothing_is_missing_where_the_log_is_wanted(
    serve: Serve, baseline: Baseline, caplog: pytest.LogCaptureFixture
) -> None:
    """A route of the log alone is a choice."""
    config = {"MLMONITOR_ALERT_ROUTE_WARNING": "log", "MLMONITOR_ALERT_ROUTE_CRITICAL": "log"}
    service = drifting(serve, baseline, **config)
    caplog.set_level(logging.WARNING)
    with service.app.app_context():
        service.monitor.alerts.check_latency(3)

    assert not [one.message for one in caplog.records if "Nobody but the log" in one.message]
