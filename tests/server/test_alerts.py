"""Alerts beside real servers: one process of all tells of them, whoever dies or hangs."""

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer

from tests.channels.alertmanagers import AlertmanagerServer
from tests.channels.receivers import hanging
from tests.server.serving import wait_until
from tests.server.telling import (
    MANY,
    SETTINGS,
    Office,
    Receiver,
    Trouble,
    alerts,
    ask,
    hosts,
    settle,
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]
REFUSALS = (500, 429, 503)


@pytest.fixture
def listener() -> Iterator[HTTPServer]:
    """A server that answers any number of requests at once."""
    with HTTPServer(host="127.0.0.1", threaded=True) as server:
        yield server


@pytest.fixture
def new_url(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[bool], str]:
    """Makes the URL of a store: in a file, or where several hosts share it."""

    def make(shared: bool) -> str:
        if shared:
            return str(request.getfixturevalue("postgres_url"))
        return f"sqlite:///{tmp_path / 'store.sqlite3'}"

    return make


@pytest.mark.parametrize("external", [False, True], ids=["one host", "two hosts"])
def test_senders_die_and_all_is_restarted(
    tmp_path: Path, listener: HTTPServer, new_url: Callable[[bool], str], external: bool
) -> None:
    """The beginning and the end are told once each, whoever is killed, and however refused."""
    receiver, url = Receiver(), new_url(external)
    listener.expect_request("/hook").respond_with_handler(receiver)
    settings = {
        **SETTINGS,
        "MLMONITOR_STORE_URL": url,
        "MLMONITOR_WEBHOOK_URL": listener.url_for("/hook"),
        "MLMONITOR_ALERT_ROUTE_WARNING": "webhook",
        "MLMONITOR_ALERT_ROUTE_CRITICAL": "webhook",
    }
    with Office(url) as office:
        with hosts(tmp_path, settings, external=external) as served, Trouble(*served):
            for status in REFUSALS:
                receiver.answer = status
                wait_until(partial(receiver.has_refused, status), f"a message, refused by {status}")
                office.wait_for_successor(office.kill())
            receiver.answer = 200
            wait_until(lambda: bool(receiver.taken), "the message")
            settle()
            assert receiver.actions == ["trigger"]
            assert {one["metric"] for one in alerts(served[0])} == {"error_rate"}
            assert b'ml_alert_active{alert="error_rate"' in served[0].get("/metrics").body
            before = office.term
        with hosts(tmp_path, settings, external=external) as served:
            with Trouble(*served):
                office.wait_for_successor(before)
                settle()
            assert receiver.actions == ["trigger"]
            for host in served:
                ask(host, "/well", body=MANY)
            wait_until(lambda: len(receiver.taken) > 1, "the end of it")
            settle()
            assert receiver.actions == ["trigger", "resolve"]
            assert alerts(served[0]) == []


def test_a_receiver_that_hangs(tmp_path: Path, listener: HTTPServer) -> None:
    """It delays no other channel, no request, and not the end of the server."""
    listener.expect_request("/slack").respond_with_data("ok")
    with hanging() as stuck:
        settings = {
            **SETTINGS,
            "MLMONITOR_WEBHOOK_URL": stuck.url,
            "MLMONITOR_SLACK_WEBHOOK_URL": listener.url_for("/slack"),
            "MLMONITOR_ALERT_ROUTE_CRITICAL": "webhook,slack",
        }
        with hosts(tmp_path, settings, external=False) as (host,), Trouble(host):
            wait_until(lambda: stuck.connections > 0, "somebody who waits")
            wait_until(lambda: len(listener.log) > 0, "the other channel")
            ask(host, "/well", times=100)
        assert "moods 1" in json.dumps(listener.log[0][0].get_json())


def test_alertmanager(tmp_path: Path, listener: HTTPServer) -> None:
    """It tells of an alert once, through a restart of the service, and of its end."""
    listener.expect_request("/told").respond_with_data("")

    def told() -> list[list[str]]:
        bodies = [request.get_json()["alerts"] for request, _ in listener.log]
        return [sorted({one["status"] for one in body}) for body in bodies]

    with AlertmanagerServer(tmp_path, listener.url_for("/told")) as alertmanager:
        settings = {
            **SETTINGS,
            "MLMONITOR_ALERTMANAGER_URL": alertmanager.url,
            "MLMONITOR_ALERT_ROUTE_CRITICAL": "alertmanager",
        }
        with hosts(tmp_path, settings, external=False) as (host,), Trouble(host):
            wait_until(lambda: bool(told()), "Alertmanager's message")
        with hosts(tmp_path, settings, external=False) as (host,):
            with Trouble(host):
                settle()
            labels = [one["labels"] for one in alertmanager.alerts()]
            assert {one["alertname"] for one in labels} == {"MLModelErrorRate"}
            assert told() == [["firing"]]
            ask(host, "/well", body=MANY)
            wait_until(lambda: len(told()) > 1, "the end of it")
            assert told() == [["firing"], ["resolved"]]
