"""From the outbox to the receivers: at their pace, and none in the way of another."""

import itertools
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from flask_mlmonitor.alerts.alert import Notification
from flask_mlmonitor.channels import delivery
from flask_mlmonitor.channels.channel import LIMIT_SECONDS, Channel
from flask_mlmonitor.channels.delivery import Delivery
from flask_mlmonitor.channels.log import Log
from flask_mlmonitor.channels.outcome import Outcome
from flask_mlmonitor.channels.pagerduty import PagerDuty
from flask_mlmonitor.channels.slack import Slack
from flask_mlmonitor.channels.webhook import Webhook
from flask_mlmonitor.exceptions import StoreError
from flask_mlmonitor.store.database import Database
from flask_mlmonitor.store.outbox import Entry, add_messages, count_waiting, read_outbox
from tests.channels.notices import NOON, notification, resolved
from tests.channels.receivers import hanging

APP = "shop"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second of two quick tries comes more quickly."""
    monkeypatch.setattr(delivery, "QUICK_SECONDS", 0.01)


class Rig:
    """A store with messages, channels, and a clock that the test moves."""

    def __init__(self, database: Database, channels: Mapping[str, Channel]) -> None:
        self.database = database
        self.channels = channels
        self.time = NOON.timestamp()
        self.counts: Counter[tuple[str, str]] = Counter()
        self.faults: list[Exception] = []
        self.delivery = Delivery(
            APP,
            database,
            channels,
            count=lambda channel, outcome: self.counts.update([(channel, outcome)]),
            on_fault=self.faults.append,
            clock=lambda: self.time,
        )

    def add(self, *messages: Notification) -> None:
        """Add messages for every channel."""
        with self.database.writing() as connection:
            pairs = [(one, list(self.channels)) for one in messages]
            add_messages(connection, APP, pairs, created=self.time)

    def run(self, at: float = 0.0) -> None:
        """Send what is due, *at* seconds after noon."""
        self.time = NOON.timestamp() + at
        self.delivery.run()

    def entries(self) -> dict[str, Entry]:
        """Return the messages by id; of one channel."""
        return {entry.id: entry for entry in read_outbox(self.database, APP)}

    def pause(self) -> float:
        """Return how long the only message waits."""
        (entry,) = self.entries().values()
        return entry.due - self.time


Answers = Callable[..., HTTPServer]


@pytest.fixture
def answering(httpserver: HTTPServer) -> Answers:
    """Let the receiver answer with one status after another, the last one from then on."""

    def answer(*statuses: int, **headers: str) -> HTTPServer:
        left = list(statuses)

        def handle(_: Request) -> Response:
            status = left.pop(0) if len(left) > 1 else left[0]
            return Response("", status, {n.replace("_", "-"): v for n, v in headers.items()})

        httpserver.expect_request("/hook").respond_with_handler(handle)
        return httpserver

    return answer


def hook(server: HTTPServer) -> dict[str, Channel]:
    """A webhook to a server."""
    return {"webhook": Webhook(server.url_for("/hook"))}


def sent(server: HTTPServer) -> list[str]:
    """Return the ids of the messages that came."""
    return [request.headers["webhook-id"] for request, _ in server.log]


def test_it_is_delivered(database: Database, answering: Answers) -> None:
    """Once, and counted."""
    server = answering(200)
    rig = Rig(database, hook(server))
    database.prepare()
    rig.run()
    rig.add(notification(), notification(id="n2", key="two"))
    rig.run()
    rig.run(1000)

    assert sorted(sent(server)) == ["n1", "n2"]
    assert rig.counts == {("webhook", "delivered"): 2}
    assert count_waiting(database) == 0


def test_without_a_store_there_is_nothing(sqlite: Database) -> None:
    """And none is made."""
    Rig(sqlite, {"log": Log()}).run()

    assert not sqlite.exists()


def test_two_quick_tries(sqlite: Database, answering: Answers) -> None:
    """A receiver that is restarted is not worth a pause."""
    server = answering(503, 200)
    rig = Rig(sqlite, hook(server))
    rig.add(notification())
    rig.run()

    assert sent(server) == ["n1", "n1"]
    assert rig.counts == {("webhook", "delivered"): 1}


@pytest.mark.parametrize("status", [502, 504])
def test_no_quick_try_of_what_may_have_been_taken(
    sqlite: Database, answering: Answers, status: int
) -> None:
    """A gateway does not know; so it gets time to find out."""
    server = answering(status, 200)
    rig = Rig(sqlite, hook(server))
    rig.add(notification())
    rig.run()

    assert sent(server) == ["n1"]
    assert rig.counts == {("webhook", "serverError"): 1}


def test_pauses_grow(sqlite: Database, answering: Answers) -> None:
    """1, 2, 4 … 300 s, a quarter more or less; after a day it is given up, and seen to be."""
    server = answering(500)
    rig = Rig(sqlite, hook(server))
    rig.add(notification())
    pauses, at = [], 0.0
    while rig.entries()["n1"].state == "waiting":
        rig.run(at)
        pauses.append(rig.pause())
        at = max(at, rig.entries()["n1"].due - NOON.timestamp())
        if pauses[-1] > 200 and at < 80_000:
            at = 86_000.0
    expected = [min(2.0**number, 300.0) for number in range(len(pauses) - 1)]

    assert all(0.74 * e <= p <= 1.26 * e for p, e in zip(pauses, expected, strict=False))
    assert at >= 86_000
    assert rig.entries()["n1"].outcome == "serverError"
    assert rig.counts == {("webhook", "serverError"): len(pauses), ("webhook", "dead"): 1}
    rig.run(200_000)
    assert len(server.log) == 2 * len(pauses)


@pytest.mark.parametrize("status", [302, 400, 401, 404])
def test_what_will_not_pass_is_given_up(
    sqlite: Database, answering: Answers, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    """At once, with a word in the log."""
    server = answering(status, Location="/hook")
    rig = Rig(sqlite, hook(server))
    rig.add(notification())
    rig.run()
    rig.run(10_000)
    reason = "authError" if status == 401 else "clientError"

    assert len(server.log) == 1
    assert rig.entries()["n1"].state == "dead"
    assert rig.counts == {("webhook", reason): 1, ("webhook", "dead"): 1}
    assert f"given up after 1 tries: {reason} ({status}" in caplog.text


@pytest.mark.parametrize(("said", "seconds"), [(120, 120), (3600, 3600), (86400, 3600)])
@pytest.mark.parametrize("as_date", [False, True])
@pytest.mark.parametrize("status", [429, 503])
def test_who_asks_to_wait_is_spared(
    sqlite: Database, answering: Answers, status: int, as_date: bool, said: int, seconds: int
) -> None:
    """By every message of the channel, an hour at most."""
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=said), usegmt=True)
    server = answering(status, 200, Retry_After=date if as_date else str(said))
    rig = Rig(sqlite, hook(server))
    rig.add(notification())
    rig.run()
    wait = rig.pause()
    assert seconds - 30 * as_date <= wait <= seconds
    rig.add(notification(id="n2", key="two"), notification(id="n3", reason="changed"))
    rig.run(wait - 1)
    assert sent(server) == ["n1"]
    rig.run(wait + 1)

    assert sorted(sent(server)) == ["n1", "n2", "n3"]


def test_a_day_without_the_receiver(database: Database, answering: Answers) -> None:
    """When it is back it gets one message of each group, and none of what is over."""
    server = answering(500)
    rig = Rig(database, hook(server))
    hours = 20
    for hour in range(hours):
        rig.time = NOON.timestamp() + 3600 * hour
        for group in ("one", "two", "three"):
            reason = "repeated" if hour else "new"
            rig.add(notification(id=f"{group} {hour}", key=group, reason=reason))
        rig.run(3600 * hour)
    rig.add(resolved(key="three"))
    tries = len(server.log)
    server.clear()
    server.expect_request("/hook").respond_with_data("")
    rig.run(3600 * hours)

    assert tries == 2 * 3 * hours
    assert sorted(sent(server)) == ["one 19", "two 19"]
    assert count_waiting(database) == 0


def test_one_under_one_key(sqlite: Database, httpserver: HTTPServer) -> None:
    """PagerDuty opens an incident and closes it."""
    httpserver.expect_request("/enqueue").respond_with_json({"status": "success"}, 202)
    url = httpserver.url_for("/enqueue")
    rig = Rig(sqlite, {"pagerduty": PagerDuty("R0UT1NG", url=url)})
    for at, one in enumerate((notification(), resolved())):
        rig.add(one)
        rig.run(at)
    events = [request.get_json() for request, _ in httpserver.log]

    assert [event["event_action"] for event in events] == ["trigger", "resolve"]
    assert events[0]["dedup_key"] == events[1]["dedup_key"]
    assert {event["routing_key"] for event in events} == {"R0UT1NG"}


def test_slack_gets_one_a_second(sqlite: Database, httpserver: HTTPServer) -> None:
    """However many wait, and however often the turn comes."""
    httpserver.expect_request("/hook").respond_with_data("ok")
    rig = Rig(sqlite, {"slack": Slack(httpserver.url_for("/hook"))})
    rig.add(*(notification(id=f"n{number}", key=str(number)) for number in range(3)))
    times: list[float] = []
    ends = time.monotonic() + 20
    while len(times) < 3:
        assert time.monotonic() < ends
        rig.run()
        times += [time.monotonic()] * (len(httpserver.log) - len(times))
        time.sleep(0.01)

    assert all(after - before > 0.95 for before, after in itertools.pairwise(times))


@contextmanager
def beside_one_that_hangs(database: Database, other: Channel) -> Iterator[Rig]:
    """A channel beside one that hangs."""
    with hanging() as dead:
        rig = Rig(database, {"a-dead-one": Webhook(dead.url), "webhook": other})
        yield rig
        rig.delivery.wait(LIMIT_SECONDS + 5)


def test_one_that_hangs_delays_no_other(sqlite: Database, answering: Answers) -> None:
    """Their threads are apart, and a turn waits for none; nor does it start a second one."""
    server = answering(200)
    with beside_one_that_hangs(sqlite, Webhook(server.url_for("/hook"))) as rig:
        rig.add(notification())
        began = time.monotonic()
        for number in range(2, 5):
            rig.delivery.turn()
            assert time.monotonic() - began < 4
            while len(server.log) < number - 1:
                assert time.monotonic() - began < 4
                time.sleep(0.01)
            rig.add(notification(id=f"n{number}", key=str(number)))
        names = [thread.name for thread in threading.enumerate()]

        assert names.count("mlmonitor-a-dead-one") == 1
        assert sent(server) == ["n1", "n2", "n3"]
        assert rig.delivery.wait(LIMIT_SECONDS + 5)
        assert time.monotonic() - began < LIMIT_SECONDS + 5
        assert rig.counts["a-dead-one", "noAnswer"] == 1


class Broken(Channel):
    """A channel with a fault, in a message that holds a secret."""

    def send(self, notification: Notification, timeout: float) -> Outcome:
        """Fail."""
        raise ValueError("https://hooks.example.com/T0K3N")


def test_a_fault_is_told_without_its_message(sqlite: Database) -> None:
    """It may hold a URL; and other channels go on."""
    rig = Rig(sqlite, {"a-broken-one": Broken(), "log": Log()})
    rig.add(notification())
    rig.run()

    assert [str(fault) for fault in rig.faults] == ["ValueError"]
    assert rig.counts == {("a-broken-one", "clientError"): 1, ("log", "delivered"): 1}
    details = {entry.channel: entry.detail for entry in read_outbox(sqlite, APP)}
    assert details == {"a-broken-one": "ValueError", "log": ""}


def test_nothing_can_be_counted(sqlite: Database) -> None:
    """A full disk: it is delivered all the same, and the thread ends in order."""

    def full(channel: str, outcome: str) -> None:
        raise OSError(28, "No space left on device")

    faults: list[Exception] = []
    rig = Rig(sqlite, {"log": Log()})
    rig.add(notification())
    unlucky = Delivery(APP, sqlite, rig.channels, count=full, on_fault=faults.append)
    unlucky.turn()
    assert unlucky.wait(10)

    assert [str(fault) for fault in faults] == ["OSError"]
    assert rig.entries()["n1"].state == "delivered"


def test_the_store_goes_away(sqlite: Database, answering: Answers) -> None:
    """A turn says so; what was sent meanwhile is sent again, under its id."""
    server = answering(200)
    rig = Rig(sqlite, hook(server))
    rig.add(notification())
    rig.delivery.run()
    assert sqlite.folder is not None
    moved = sqlite.folder.with_name("moved")
    sqlite.folder.rename(moved)
    try:
        with pytest.raises(StoreError):
            rig.delivery.turn()
    finally:
        moved.rename(sqlite.folder)
    rig.delivery.turn()
    assert rig.delivery.wait(10)


def test_nobody_else_sends_an_apps_messages(sqlite: Database) -> None:
    """Nor those for a channel that is not configured any more."""
    rig = Rig(sqlite, {"log": Log()})
    with sqlite.writing() as connection:
        add_messages(connection, "bank", [(notification(), ["log"])], created=rig.time)
        add_messages(connection, APP, [(notification(), ["gone"])], created=rig.time)
    rig.run()

    assert rig.counts == {}
    assert count_waiting(sqlite) == 2
