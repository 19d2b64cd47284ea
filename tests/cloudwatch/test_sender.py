"""From a process to CloudWatch, or to something that does not answer."""

import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError, NoRegionError
from botocore.stub import ANY, Stubber
from moto import mock_aws

from flask_mlmonitor import ConfigError
from flask_mlmonitor.cloudwatch import sender
from flask_mlmonitor.cloudwatch.figures import Datum
from flask_mlmonitor.cloudwatch.payload import MOST_DATA
from flask_mlmonitor.cloudwatch.sender import MOST_WAITING, Sender, check_installed, connect
from tests.alerts.making import settings

NAMESPACE = "MLOps/Models"
DIMENSIONS = [{"Name": "Model", "Value": "fraud"}, {"Name": "Version", "Value": "2"}]


def datum(name: str = "Predictions", value: float = 7.0) -> Datum:
    """A figure of this minute."""
    return Datum(name, "fraud", "2", time.time() // 60 * 60, "Count", (value,))


def expected(*names: str) -> dict[str, Any]:
    """The request in which figures of these names are put."""
    data = [
        {
            "MetricName": name,
            "Dimensions": DIMENSIONS,
            "Timestamp": ANY,
            "Unit": "Count",
            "Values": [7.0],
            "Counts": [1.0],
        }
        for name in names
    ]
    return {"Namespace": NAMESPACE, "MetricData": data}


def ended(sender: Sender) -> bool:
    """Wait for its thread, and return whether it ended."""
    assert sender._thread is not None
    sender._thread.join(20)
    return not sender._thread.is_alive()


def test_requests_as_aws_wants_them() -> None:
    """What could not be put is put with what comes next, and before it."""
    client: Any = connect()
    faults: list[Exception] = []
    sender = Sender(NAMESPACE, on_fault=faults.append, connect=lambda: client)
    with Stubber(client) as stubber:
        stubber.add_client_error("put_metric_data", "AccessDenied", http_status_code=403)
        stubber.add_response("put_metric_data", {}, expected("Predictions", "Errors"))
        sender.send([datum()])
        assert ended(sender)
        assert [type(one) for one in faults] == [ClientError]
        sender.send([datum("Errors")])
        assert ended(sender)
        stubber.assert_no_pending_responses()

    assert len(faults) == 1


def test_a_part_is_not_put_twice() -> None:
    """Of two requests the second one fails: it alone is repeated."""
    client: Any = connect()
    faults: list[Exception] = []
    sender = Sender(NAMESPACE, on_fault=faults.append, connect=lambda: client)
    many = [datum()] * MOST_DATA
    with Stubber(client) as stubber:
        stubber.add_response("put_metric_data", {}, expected(*["Predictions"] * MOST_DATA))
        stubber.add_client_error("put_metric_data", "InternalServiceFault", http_status_code=500)
        stubber.add_response("put_metric_data", {}, expected("Errors"))
        sender.send([*many, datum("Errors")])
        assert ended(sender)
        sender.send([])
        assert ended(sender)
        stubber.assert_no_pending_responses()

    assert len(faults) == 1


@mock_aws
def test_what_was_put_is_there() -> None:
    """Through boto3's own client: percentiles, sums, dimensions."""
    faults: list[Exception] = []
    sender = Sender(NAMESPACE, on_fault=faults.append)
    minute = time.time() // 60 * 60
    latency = Datum("PredictionLatency", "fraud", "2", minute, "Seconds", (0.1, 0.5), (3, 1))
    sender.send([latency, datum()])
    assert ended(sender)
    assert faults == []

    client: Any = connect()
    (found,) = client.get_metric_statistics(
        Namespace=NAMESPACE,
        MetricName="PredictionLatency",
        Dimensions=DIMENSIONS,
        StartTime=minute - 60,
        EndTime=minute + 120,
        Period=60,
        Statistics=["Sum", "SampleCount", "Maximum"],
        Unit="Seconds",
    )["Datapoints"]
    assert (found["SampleCount"], found["Maximum"]) == (4, 0.5)
    assert found["Sum"] == pytest.approx(0.8)
    names = {one["MetricName"] for one in client.list_metrics(Namespace=NAMESPACE)["Metrics"]}
    assert names == {"PredictionLatency", "Predictions"}


def test_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of an endpoint that takes connections and says nothing, the caller notices nothing."""
    monkeypatch.setattr(sender, "READ_SECONDS", 0.1)
    faults: list[Exception] = []
    with socket.create_server(("127.0.0.1", 0), backlog=8) as silent:
        monkeypatch.setenv(
            "AWS_ENDPOINT_URL_CLOUDWATCH", f"http://127.0.0.1:{silent.getsockname()[1]}"
        )
        one = Sender(NAMESPACE, on_fault=faults.append)
        one.send([datum()])
        first = one._thread
        one.send([datum("Errors")])
        assert one._thread is first  # it still waits, and this call did not
        assert ended(one)
        assert [type(fault).__name__ for fault in faults] == ["ReadTimeoutError"]
        silent.settimeout(0.5)
        tries = 0
        while True:
            try:
                silent.accept()[0].close()
            except TimeoutError:
                break
            tries += 1
        assert tries == sender.ATTEMPTS


def test_what_waits_is_bounded() -> None:
    """Behind a call that does not end, the oldest give way."""
    go_on = threading.Event()
    put: list[float] = []

    class Client:
        def put_metric_data(self, **request: Any) -> None:
            go_on.wait(10)
            put.extend(one["Values"][0] for one in request["MetricData"])

    one = Sender(NAMESPACE, on_fault=lambda error: None, connect=Client)
    one.send([datum(value=-1)])
    one.send([datum(value=number) for number in range(MOST_WAITING + 5)])
    go_on.set()
    assert ended(one)
    one.send([])
    assert ended(one)

    assert put == [-1, *range(5, MOST_WAITING + 5)]


def test_no_region(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a fault of each try, not of the start; it may be there the next time."""
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    faults: list[Exception] = []
    one = Sender(NAMESPACE, on_fault=faults.append)
    one.send([datum()])
    assert ended(one)

    assert [type(fault) for fault in faults] == [NoRegionError]
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    with mock_aws():
        one.send([])
        assert ended(one)
        found = connect().list_metrics(Namespace=NAMESPACE)["Metrics"]
    assert [metric["MetricName"] for metric in found] == ["Predictions"]
    assert len(faults) == 1


def test_what_must_be_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The start says so; an app that puts nothing there needs nothing."""
    absent: Callable[[str], None] = lambda _: None  # noqa: E731
    monkeypatch.setattr(sender, "find_spec", absent)
    check_installed(settings())
    with pytest.raises(ConfigError, match=r"pip install 'flask-mlmonitor\[cloudwatch\]'"):
        check_installed(settings(CLOUDWATCH_NAMESPACE=NAMESPACE))
