"""Alerts as a user sees them: fired by windows and by hand, told, shown, and over."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from blinker import NamedSignal
from pytest_httpserver import HTTPServer

from flask_mlmonitor import Baseline, ConfigError, signals
from flask_mlmonitor.alerts.alert import Alert
from flask_mlmonitor.cli import cli
from flask_mlmonitor.views.alerts import read_alerts_at, read_shown_alerts
from tests.conftest import MakeService, Serve, Service

DRIFTED: dict[str, Any] = {"age": 76, "income": 1200.5, "plan": "paid", "member": True}


@contextmanager
def heard(signal: NamedSignal) -> Iterator[list[Any]]:
    """What a signal tells meanwhile."""
    told: list[Any] = []

    def receive(_sender: object, **given: Any) -> None:
        told.append(next(iter(given.values())))

    with signal.connected_to(receive):
        yield told


@pytest.fixture
def service(serve: Serve, baseline: Baseline, httpserver: HTTPServer) -> Service:
    """A service that tells a webhook."""
    httpserver.expect_request("/hook", method="POST").respond_with_data("")
    config = {
        "MLMONITOR_WEBHOOK_URL": httpserver.url_for("/hook"),
        "MLMONITOR_ALERT_ROUTE_WARNING": "webhook",
        "MLMONITOR_ALERT_ROUTE_CRITICAL": "webhook",
    }
    return serve(lambda: {"predictions": [True] * 300}, baseline=baseline, config=config)


def told(httpserver: HTTPServer) -> list[dict[str, Any]]:
    """What the webhook was told."""
    return [request.get_json()["data"] for request, _ in httpserver.log]


def test_a_drift_alerts_once(service: Service, httpserver: HTTPServer) -> None:
    """All features together are one message, and a second look adds none."""
    service.post([DRIFTED] * 300)
    with heard(signals.alert_fired) as fired, service.app.app_context():
        service.monitor.evaluate()
        service.monitor.evaluate()
        active = service.monitor.alerts.active()

    drifts = [one for one in active if one.metric == "data_drift"]
    assert {one.feature for one in drifts} >= {"age", "plan"}
    assert {one.id for one in fired} == {one.id for one in active}
    (message,) = [one for one in told(httpserver) if one["family"] == "data_drift"]
    assert (message["action"], message["severity"]) == ("trigger", "critical")
    assert message["title"].startswith("fraud 2: ")
    assert 'ml_alert_active{alert="data_drift",model="fraud"' in metrics(service)


@pytest.mark.parametrize("minutes", [-3, 0, 3])
def test_as_of_now_is_now(service: Service, minutes: int) -> None:
    """An alert is about what is, not about what was evaluated of another time."""
    service.post([DRIFTED] * 300)
    with service.app.app_context():
        service.monitor.evaluate(at=datetime.now(UTC) + timedelta(minutes=minutes))
        found = {one.metric for one in service.monitor.alerts.active()}

    assert ("data_drift" in found) is (minutes == 0)


def metrics(service: Service) -> str:
    """The lines of alerts on the page of metrics, their labels in order."""
    lines = []
    for line in service.client.get("/metrics").text.splitlines():
        name, _, rest = line.partition("{")
        labels, _, value = rest.partition("}")
        lines.append(f"{name}{{{','.join(sorted(labels.split(',')))}}}{value}")
    return "\n".join(lines)


def test_a_figure_by_hand(service: Service, httpserver: HTTPServer) -> None:
    """At once above the threshold, told once, and over with the first that is well."""
    with heard(signals.alert_resolved) as resolved, service.app.app_context():
        alerts = service.monitor.alerts
        assert alerts.check_latency(0.4) is None
        warning = alerts.check_latency(0.6)
        critical = alerts.check_latency(2.5)
        again = alerts.check_latency(2.6)
        assert alerts.check_latency(0.1) is None
        assert alerts.active() == []

    assert warning is not None
    assert critical is not None
    assert again is not None
    assert warning.id == critical.id == again.id == resolved[0].id
    assert [one.severity for one in (warning, critical, again)] == ["warning", *["critical"] * 2]
    assert (critical.value, critical.threshold) == (2.5, 2.0)
    assert [one["reason"] for one in told(httpserver)] == ["new", "escalated", "resolved"]


@pytest.mark.parametrize(
    ("name", "well", "bad", "severity"),
    [
        ("check_error_rate", 0.01, 0.02, "warning"),
        ("check_error_rate", 0.0, 0.06, "critical"),
        ("check_accuracy", 0.86, 0.84, "warning"),
        ("check_accuracy", 0.85, 0.74, "critical"),
        ("check_latency", 2.0, 2.1, "critical"),
    ],
)
def test_each_check(service: Service, name: str, well: float, bad: float, severity: str) -> None:
    """A breach is beyond the threshold, not on it."""
    with service.app.app_context():
        check = getattr(service.monitor.alerts, name)
        alert = check(bad)
        check(well)

    assert alert is not None
    assert alert.severity == severity
    assert (alert.model, alert.version) == ("fraud", "2")


@pytest.mark.parametrize(
    ("psi", "severity"), [(0.05, None), (0.1, "warning"), (0.19, "warning"), (0.2, "critical")]
)
def test_a_psi_on_its_threshold_has_reached_it(
    service: Service, psi: float, severity: str | None
) -> None:
    """Each feature has an alert of its own."""
    with service.app.app_context():
        service.monitor.alerts.check_data_drift(0.5, "plan")
        alert = service.monitor.alerts.check_data_drift(psi, "age")
        assert {one.feature for one in service.monitor.alerts.active()} >= {"plan"}

    assert (alert and alert.severity) == severity


def test_throughput_has_two_sides(serve: Serve, baseline: Baseline) -> None:
    """Off until it is configured."""
    config = {"MLMONITOR_MIN_THROUGHPUT": 10, "MLMONITOR_MAX_THROUGHPUT": 1000}
    quiet = serve(lambda: {"prediction": True}, baseline=baseline)
    with quiet.app.app_context():
        assert quiet.monitor.alerts.check_throughput(0.0) is None
    loud = serve(lambda: {"prediction": True}, baseline=baseline, config=config)
    with loud.app.app_context():
        low = loud.monitor.alerts.check_throughput(9)
        assert loud.monitor.alerts.check_throughput(500) is None
        high = loud.monitor.alerts.check_throughput(1001)

    assert low is not None
    assert high is not None
    assert (low.metric, high.metric) == ("throughput_low", "throughput_high")


def test_words_of_ones_own(service: Service, httpserver: HTTPServer) -> None:
    """Sent as they are, each time."""
    with service.app.app_context():
        alerts = service.monitor.alerts
        alert = alerts.send_alert("critical", "The queue is full.", "queue", 17)
        alerts.send_alert("critical", "The queue is full.", "queue", 18)
        assert alerts.active() == []

    assert isinstance(alert, Alert)
    assert (alert.severity, alert.value, alert.metric) == ("critical", 17, "queue")
    assert [one["text"] for one in told(httpserver)] == ["The queue is full."] * 2


def test_what_cannot_be_asked(service: Service) -> None:
    """The error names the argument and the remedy."""
    with service.app.app_context():
        alerts = service.monitor.alerts
        with pytest.raises(ConfigError, match=r"model.*fraud 2"):
            alerts.check_latency(3, model="frod")
        with pytest.raises(ConfigError, match="value"):
            alerts.check_latency(float("nan"))
        with pytest.raises(ConfigError, match=r"severity.*critical"):
            alerts.send_alert("fatal", "x", "y", 1)
        for wrong in ("soon", 0, 1e300):
            with pytest.raises(ConfigError, match="duration"):
                alerts.silence(wrong)


@pytest.mark.parametrize("name", ["message", "metric", "feature", "threshold"])
def test_what_is_no_text_is_refused(service: Service, name: str) -> None:
    """It would be written, and never read again."""
    given: dict[str, Any] = {"message": "x", "metric": "y", "feature": "z", name: ["queue"]}
    with service.app.app_context():
        alerts = service.monitor.alerts
        with pytest.raises(ConfigError, match=f"{name} = .*give a"):
            alerts.send_alert("info", value=1, **given)
        with pytest.raises(ConfigError, match="alert_id"):
            alerts.acknowledge(7)  # type: ignore[arg-type]
        with pytest.raises(ConfigError, match="feature"):
            alerts.check_data_drift(0.5, 7)  # type: ignore[arg-type]
        with pytest.raises(ConfigError, match="why"):
            alerts.silence("2h", why=7)  # type: ignore[arg-type]
        assert (alerts.active(), alerts.silences()) == ([], [])


@pytest.mark.parametrize("kind", [np.float64, np.float32, np.int64, Fraction, int])
def test_every_kind_of_number(service: Service, kind: Callable[[int], Any]) -> None:
    """A mean of numpy's is a number too; what is kept of it is a float."""
    with service.app.app_context():
        alert = service.monitor.alerts.check_latency(kind(3))
        sent = service.monitor.alerts.send_alert("info", "x", "y", kind(3), threshold=kind(2))

    assert alert is not None
    assert [repr(one) for one in (alert.value, sent.value, sent.threshold)] == ["3.0", "3.0", "2.0"]


def test_an_app_without_models(make_service: MakeService) -> None:
    """Its alerts are about itself, or whom it names, and last until it says otherwise."""
    service = make_service()
    with service.app.app_context():
        alerts = service.monitor.alerts
        own = alerts.check_latency(3)
        named = alerts.check_error_rate(0.5, model="nightly", version="7")
        measured = service.monitor.evaluate_batch([1, 0, 0, 0], [1, 1, 1, 1])
        service.monitor.evaluate()
        service.monitor.alerts.check_throughput(1)
        assert len(alerts.active()) == 3
        assert alerts.check_latency(0.1) is None

    assert own is not None
    assert named is not None
    assert (own.model, own.version) == ("__monitor__", "-")
    assert (named.model, named.version) == ("nightly", "7")
    assert {one.metric for one in measured["alerts"]} == {"accuracy"}
    assert "faults store" not in service.tally()


def test_a_silence_and_an_acknowledgement(service: Service, httpserver: HTTPServer) -> None:
    """Nobody is told; the alert is there all the same."""
    with service.app.app_context():
        alerts = service.monitor.alerts
        silence = alerts.silence("2h", metric="latency", why="a release")
        alert = alerts.check_latency(3)
        assert alert is not None
        assert [one.id for one in alerts.active()] == [alert.id]
        assert alerts.acknowledge(alert.id) == alert
        assert alerts.acknowledge("nothing") is None

    assert told(httpserver) == []
    assert silence.why == "a release"


def test_a_silence_ends(service: Service, httpserver: HTTPServer) -> None:
    """Before its time; then people are told of what lasts."""
    with service.app.app_context():
        alerts = service.monitor.alerts
        silence = alerts.silence("2h", model="fraud")
        alerts.check_latency(3)
        assert alerts.silences() == [silence]
        assert alerts.unsilence(silence.id)
        assert not alerts.unsilence(silence.id)
        assert alerts.silences() == []
        alerts.check_latency(3)

    assert [one["reason"] for one in told(httpserver)] == ["new"]


@pytest.mark.parametrize("given", [{"model": "frod"}, {"version": "9"}, {"metric": "latencies"}])
def test_a_silence_of_nothing(service: Service, given: dict[str, str]) -> None:
    """It is refused: whoever misspells a name would be told all the same."""
    (name,) = given
    with (
        service.app.app_context(),
        pytest.raises(ConfigError, match=f"{name}.*(fraud|2|latency)"),
    ):
        service.monitor.alerts.silence("2h", **given)


def test_listeners_that_fail(service: Service, httpserver: HTTPServer) -> None:
    """They are in the way of no message, and of no other listener."""

    def fail(_sender: object, **_given: Any) -> None:
        raise RuntimeError("out of order")

    with (
        signals.alert_fired.connected_to(fail),
        heard(signals.alert_fired) as fired,
        signals.alert_fired.connected_to(fail),
        service.app.app_context(),
    ):
        alert = service.monitor.alerts.check_latency(3)
        sent = service.monitor.alerts.send_alert("info", "Hello.", "greeting", 1)

    assert fired == [alert, sent]
    assert [one["reason"] for one in told(httpserver)] == ["new"]
    assert service.tally()["faults signal"] == 2


def test_listeners_of_every_kind(service: Service) -> None:
    """They may be coroutines, and a signal may be muted."""
    seen = []

    async def receive(_sender: object, alert: Alert) -> None:
        seen.append(alert.metric)

    with signals.alert_fired.connected_to(receive), service.app.app_context():
        service.monitor.alerts.check_latency(3)
        with signals.alert_fired.muted():
            service.monitor.alerts.check_error_rate(0.5)

    assert seen == ["latency"]


def test_nobody_to_tell(serve: Serve, baseline: Baseline, caplog: pytest.LogCaptureFixture) -> None:
    """The log is told of all; what to set is said once."""
    service = serve(lambda: {"prediction": True}, baseline=baseline)
    with service.app.app_context():
        service.monitor.alerts.check_latency(3)
        service.monitor.alerts.check_error_rate(0.5)

    lines = [record.getMessage() for record in caplog.records]
    (said,) = [line for line in lines if line.startswith("Nobody but the log")]
    assert "MLMONITOR_SLACK_WEBHOOK_URL" in said
    assert len([one for one in caplog.records if one.name == "flask_mlmonitor.alerts"]) == 2


def test_as_of_then(service: Service) -> None:
    """What was active at a moment is what had fired and was not over; what was sent never is."""
    with service.app.app_context():
        alerts = service.monitor.alerts
        first, worse = alerts.check_latency(0.6), alerts.check_latency(3)
        alerts.send_alert("critical", "The queue is full.", "queue", 17)
        second = alerts.check_error_rate(0.5)
        alerts.check_latency(0.1)
    history = read_shown_alerts(service.state, ("fraud", "2")).history
    times = [one.time.timestamp() - 1e-5 for one in reversed(history)]
    seen = [read_alerts_at(service.state, ("fraud", "2"), at) for at in (*times, times[-1] + 1)]

    assert [one.event for one in reversed(history)] == [
        *("fired", "escalated", "sent", "fired", "resolved")
    ]
    assert first is not None
    assert worse is not None
    assert second is not None
    of_latency = [(first.id, "warning")], [(first.id, "critical")], [(first.id, "critical")]
    assert [[(one.id, one.severity) for one in then.active] for then in seen] == [
        *([], *of_latency, [(second.id, "critical"), (first.id, "critical")]),
        [(second.id, "critical")],
    ]
    assert seen[-1].history == history


def test_over_http(service: Service) -> None:
    """Which there are, who knows, and what nobody wants to hear."""
    client = service.client
    assert client.get("/mlmonitor/api/alerts").get_json() == {"active": [], "history": []}
    with service.app.app_context():
        alert = service.monitor.alerts.check_latency(3)
    assert alert is not None
    found = client.get("/mlmonitor/api/alerts").get_json()
    assert [one["id"] for one in found["active"]] == [alert.id]
    assert found["history"][0]["event"] == "fired"
    url = f"/mlmonitor/api/alerts/{alert.id}"
    assert client.post(f"{url}/acknowledge", json={}).get_json()["id"] == alert.id
    silence = client.post(f"{url}/silence", json={"duration": "30m"}).get_json()
    until = datetime.fromtimestamp(silence["until"], UTC)
    assert timedelta(minutes=29) < until - datetime.now(UTC) < timedelta(minutes=31)
    assert silence["metric"] == "latency"


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("x/acknowledge", {}, 404),
        ("x/silence", {}, 404),
        ("x/silence", [], 400),
        ("x/silence", {"duration": "soon"}, 400),
        ("x/silence", {"duration": 0}, 400),
    ],
)
def test_wrong_changes_over_http(service: Service, path: str, body: Any, status: int) -> None:
    """A problem document, and nothing else happens."""
    answer = service.client.post(f"/mlmonitor/api/alerts/{path}", json=body)

    assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")


def test_what_became_of_messages(service: Service) -> None:
    """Each with its channel, its state and its tries."""
    run = service.app.test_cli_runner()
    assert "no messages" in run.invoke(cli, ["alerts", "messages"]).output
    with service.app.app_context():
        service.monitor.alerts.check_latency(3)
    shown = run.invoke(cli, ["alerts", "messages"]).output
    found = json.loads(run.invoke(cli, ["alerts", "messages", "--json"]).output)

    assert "webhook" in shown
    assert {one["channel"]: one["state"] for one in found} == {
        "log": "delivered",
        "webhook": "delivered",
    }


def test_on_the_command_line(service: Service) -> None:
    """A table for people, JSON for programs."""
    run = service.app.test_cli_runner()
    assert "No alert is active." in run.invoke(cli, ["alerts"]).output
    with service.app.app_context():
        alert = service.monitor.alerts.check_latency(3)
    assert alert is not None
    assert alert.id in run.invoke(cli, ["alerts"]).output
    assert json.loads(run.invoke(cli, ["alerts", "--json"]).output)[0]["id"] == alert.id
    assert "Acknowledged" in run.invoke(cli, ["alerts", "acknowledge", alert.id]).output
    assert "Nothing is silenced." in run.invoke(cli, ["alerts", "silences"]).output
    silent = run.invoke(cli, ["alerts", "silence", "2h", "--metric", "latency"]).output
    assert "Silent until" in silent
    assert "latency" in run.invoke(cli, ["alerts", "silences"]).output
    unsilence = ["alerts", "unsilence", silent.split()[-1]]
    assert [run.invoke(cli, unsilence).exit_code for _ in range(2)] == [0, 1]
    assert run.invoke(cli, ["alerts", "silence", "2h", "--model", "frod"]).exit_code == 2
    assert run.invoke(cli, ["alerts", "acknowledge", "x"]).exit_code == 1
    assert run.invoke(cli, ["alerts", "silence", "soon"]).exit_code == 2


def test_alertmanager_by_the_models_route(serve: Serve, httpserver: HTTPServer) -> None:
    """It hears of those that go to it, and are not silenced."""
    httpserver.expect_request("/api/v2/alerts", method="POST").respond_with_data("")
    config = {
        "MLMONITOR_ALERTMANAGER_URL": httpserver.url_for("/"),
        "MLMONITOR_ALERT_ROUTE_CRITICAL": "log",
        "MLMONITOR_MODELS": {"fraud": {"ALERT_ROUTE_CRITICAL": "alertmanager"}},
    }
    service = serve(lambda: {"prediction": True}, config=config)
    service.monitor.register("churn")
    with service.app.app_context():
        alerts = service.monitor.alerts
        alerts.silence("1h", metric="error_rate")
        alerts.check_error_rate(0.5, model="fraud")
        alerts.check_latency(3, model="churn")
        assert httpserver.log == []
        alerts.check_latency(3, model="fraud")

    posted = [one for request, _ in httpserver.log for one in request.get_json()]
    assert {(one["labels"]["model"], one["labels"]["alertname"]) for one in posted} == {
        ("fraud", "MLModelLatency")
    }


def test_a_healthy_app_under_test(serve: Serve, httpserver: HTTPServer) -> None:
    """Its monitor complains of nothing, neither with requests nor without."""
    config = {
        "MLMONITOR_WEBHOOK_URL": httpserver.url_for("/hook"),
        "MLMONITOR_ALERT_ROUTE_WARNING": "webhook",
        "MLMONITOR_MIN_THROUGHPUT": 10,
        "MLMONITOR_ALERT_FOR": 0,
    }
    service = serve(lambda: {"prediction": True}, config=config)
    with service.app.app_context():
        service.monitor.evaluate()
        for _ in range(30):
            service.post()
        service.monitor.evaluate()
        assert service.monitor.alerts.active() == []

    assert httpserver.log == []
    assert "faults background" not in service.tally()
