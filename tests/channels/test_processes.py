"""Several processes send from one store, and die in the middle of it."""

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from flask_mlmonitor.channels.delivery import Delivery
from flask_mlmonitor.channels.webhook import Webhook
from flask_mlmonitor.store import outbox
from flask_mlmonitor.store.database import Database
from flask_mlmonitor.store.outbox import add_messages, count_waiting, read_outbox
from flask_mlmonitor.store.urls import open_store
from tests.channels.notices import notification
from tests.processes import Child

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")

PROCESSES, MESSAGES = 4, 24
KILLED = (3, 11, 19)
"""The requests whose senders die before they get an answer."""
REFUSED = {1: 500, 5: 429, 6: 503, 13: 502, 14: 429, 15: 500}


class Receiver:
    """It answers with all kinds of refusals, and tells messages that it has by their ids."""

    def __init__(self) -> None:
        self.taken: Counter[str] = Counter()
        self.senders: dict[int, Child] = {}
        self.killed: list[int] = []
        self.at_once = 0
        self._requests = 0
        self._answering = 0
        self._lock = threading.Lock()

    def __call__(self, request: Request) -> Response:
        """Answer a request, after a while."""
        with self._lock:
            number, self._requests = self._requests, self._requests + 1
            self._answering += 1
            self.at_once = max(self.at_once, self._answering)
        try:
            time.sleep(0.02)
            return self._answer(request, number)
        finally:
            with self._lock:
                self._answering -= 1

    def _answer(self, request: Request, number: int) -> Response:
        if number in REFUSED:
            return Response("", REFUSED[number], {"Retry-After": "1"} if number % 2 else {})
        self.taken[request.headers["webhook-id"]] += 1
        if number in KILLED:
            pid = int(request.args["pid"])
            self.senders[pid].kill()
            self.killed.append(pid)
        return Response("")


@pytest.fixture
def server() -> Iterator[HTTPServer]:
    """One that answers any number of requests at once."""
    with HTTPServer(host="127.0.0.1", threaded=True) as server:
        yield server


@pytest.fixture
def short_claims(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the dead were sending is free after a second."""
    monkeypatch.setattr(outbox, "CLAIM_SECONDS", 1.0)


def send(store_url: str, url: str) -> None:
    """Send for ever, as the elected process does; here all of them do."""
    signal.alarm(60)
    channel = Webhook(f"{url}?pid={os.getpid()}")
    delivery = Delivery(
        "shop",
        open_store(store_url),
        {"webhook": channel},
        count=lambda channel, outcome: None,
        on_fault=lambda fault: None,
    )
    while True:
        delivery.turn()
        time.sleep(0.02)


@pytest.mark.slow
@pytest.mark.usefixtures("short_claims")
def test_senders_die(database: Database, store_url: str, server: HTTPServer) -> None:
    """Nothing is lost; what comes twice is one message by its id, and only the dead repeat it."""
    receiver = Receiver()
    server.expect_request("/hook").respond_with_handler(receiver)
    ids = [f"n{number}" for number in range(MESSAGES)]
    with database.writing() as connection:
        messages = [(notification(id=one, key=one), ["webhook"]) for one in ids]
        add_messages(connection, "shop", messages, created=time.time())
    database.close()
    with ExitStack() as stack:
        for _ in range(PROCESSES):
            child = Child(lambda: send(store_url, server.url_for("/hook")))
            receiver.senders[child.pid] = child
            stack.callback(child.kill)
        ends = time.monotonic() + 60
        while count_waiting(database):
            assert time.monotonic() < ends
            time.sleep(0.05)

    assert len(set(receiver.killed)) == len(KILLED)
    assert sorted(receiver.taken) == sorted(ids)
    assert sum(receiver.taken.values()) == MESSAGES + len(KILLED)
    assert receiver.at_once == 1
    assert {entry.state for entry in read_outbox(database, "shop")} == {"delivered"}
