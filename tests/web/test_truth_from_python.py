"""Ground truth from Python, and its signal."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from flask_mlmonitor import ConfigError, GroundTruth, signals

if TYPE_CHECKING:
    from tests.conftest import MakeService, Service
from tests.web.truths import URL, predicted, send, stored


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
        (Decimal("2.50"), "2.5"),
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
        (7, 1, None, "'prediction_id': 7, .*prediction_id must be a text"),
        ("p1", Decimal("Infinity"), None, "a value must be"),
        ("p1", 1, "2026-05-28T20:26:40Z", "time = '2026-05-28T20:26:40Z': give an aware datetime"),
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
