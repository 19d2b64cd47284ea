"""Alertmanager as Debian has it: it is told what lasts, and takes nothing for over that is not."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer

from flask_mlmonitor.alerts.alert import Alert
from flask_mlmonitor.channels.alertmanager import HORIZON, Alertmanager
from flask_mlmonitor.channels.feed import RESOLVED_SECONDS, Feed
from flask_mlmonitor.channels.outcome import Outcome
from flask_mlmonitor.clock import as_datetime
from tests.channels.alertmanagers import AlertmanagerServer
from tests.channels.notices import HOSTILE, NOON, alert, notification, resolved

RESEND = 0.5
Told = tuple[str, str, str]


class Place:
    """An Alertmanager, and what it has told."""

    def __init__(self, server: AlertmanagerServer, hook: HTTPServer) -> None:
        self.server = server
        self.active: list[Alert] = []
        self.channel = Alertmanager(server.url, resend=RESEND)
        self.feed = Feed(self.channel, lambda: self.active)
        self._hook = hook

    def told(self) -> list[list[Told]]:
        """Return status, severity and feature of the alerts in each of its messages."""
        bodies = [request.get_json()["alerts"] for request, _ in self._hook.log]
        return [
            sorted(
                (one["status"], one["labels"]["severity"], one["labels"].get("feature", ""))
                for one in body
            )
            for body in bodies
        ]

    def go_on(self, seconds: float, until: Callable[[], object] = lambda: False) -> None:
        """Take turns for a while, as the elected process does."""
        ends = time.monotonic() + seconds
        while time.monotonic() < ends and not until():
            outcome = self.feed.turn()
            assert outcome is None or outcome.delivered
            time.sleep(0.05)


@pytest.fixture
def place(httpserver: HTTPServer, tmp_path: Path) -> Iterator[Place]:
    """An Alertmanager."""
    httpserver.expect_request("/told").respond_with_data("")
    with AlertmanagerServer(tmp_path, httpserver.url_for("/told")) as server:
        yield Place(server, httpserver)


def drifting(*features: str, **given: Any) -> list[Alert]:
    """Alerts of features that began to drift a moment ago."""
    since = as_datetime(time.time() - 1)
    return [alert(id=name, feature=name, since=since, **given) for name in features]


def test_from_beginning_to_end(place: Place) -> None:
    """Told once, together; not over while it lasts, however long; over when it is."""
    names = [f"f{number}" for number in range(5)]
    place.active = drifting(*names)
    place.go_on(2 * HORIZON * RESEND)
    firing = [("firing", "warning", name) for name in names]
    assert place.told() == [firing]
    assert len(place.server.alerts()) == 5

    place.active = place.active[1:]
    place.go_on(10, until=lambda: len(place.told()) == 2)
    place.active = []
    place.go_on(10, until=lambda: len(place.told()) == 3)
    place.go_on(2 * RESEND)
    # What ended before is listed again: its end is repeated for a while.
    assert place.told()[1:] == [
        [*firing[1:], ("resolved", "warning", "f0")],
        [("resolved", "warning", name) for name in names],
    ]
    assert place.server.alerts() == []


def test_the_sender_dies(place: Place) -> None:
    """Alertmanager hears no more of it, and tells that it is over; a successor goes on."""
    place.active = drifting("age")
    place.go_on(10, until=place.told)
    time.sleep(HORIZON * RESEND / 2)
    place.feed = Feed(place.channel, lambda: place.active)
    place.go_on(HORIZON * RESEND)
    assert place.told() == [[("firing", "warning", "age")]]

    ends = time.monotonic() + 10
    while len(place.told()) < 2:
        assert time.monotonic() < ends
        time.sleep(0.05)
    assert place.told()[1] == [("resolved", "warning", "age")]


def test_it_gets_worse_and_better(place: Place) -> None:
    """The warning is told once, and over once: it is inhibited meanwhile."""
    place.active = drifting("age")
    place.go_on(10, until=lambda: len(place.told()) == 1)
    place.active = drifting("age", severity="critical")
    place.go_on(10, until=lambda: len(place.told()) == 2)
    place.go_on(3 * RESEND)
    place.active = drifting("age")
    place.go_on(10, until=lambda: len(place.told()) == 3)
    place.active = []
    place.go_on(10, until=lambda: len(place.told()) == 4)
    critical, warning = ("critical", "age"), ("warning", "age")

    assert [sorted(set(told)) for told in place.told()] == [
        [("firing", *warning)],
        [("firing", *critical)],
        [("firing", *warning), ("resolved", *critical)],
        [("resolved", *critical), ("resolved", *warning)],
    ]


def test_messages(place: Place) -> None:
    """A message is posted at once, and ends by itself where no feed goes on."""
    (one,) = drifting("age")
    now = as_datetime(time.time())
    assert place.channel.send(notification(alerts=(one,), time=now), 5).delivered
    assert len(place.server.alerts()) == 1
    assert place.channel.send(resolved(resolved=(one,), time=as_datetime(time.time())), 5).delivered
    assert place.server.alerts() == []
    assert place.channel.send(notification(alerts=()), 5) == Outcome("delivered", taken=True)


def test_any_name(place: Place) -> None:
    """It takes them all, each as an alert of its own."""
    since = as_datetime(time.time() - 1)
    many = tuple(
        alert(id=str(number), metric=name, feature=name, message=name, since=since)
        for number, name in enumerate(HOSTILE)
    )
    now = as_datetime(time.time())
    assert place.channel.send(notification(alerts=many, time=now), 5).delivered

    assert len(place.server.alerts()) == len(HOSTILE)


def test_a_bad_alert(place: Place) -> None:
    """It keeps the good ones of the batch, so the batch is not repeated."""
    good, bad = (next(place.channel.lasting(one)) for one in drifting("good", "bad"))
    bad["labels"]["not a name"] = "x"
    outcome = place.channel.post([good, bad], 5)

    assert (outcome.reason, outcome.retry) == ("clientError", False)
    assert [one["labels"]["feature"] for one in place.server.alerts()] == ["good"]


class Kept(Alertmanager):
    """Keeps what it would post."""

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__("http://127.0.0.1:1", clock=clock)
        self.batches: list[list[dict[str, Any]]] = []

    def post(self, batch: Any, timeout: float) -> Outcome:
        """Keep a batch."""
        self.batches.append(list(batch))
        return Outcome("delivered", taken=True)


def test_the_real_intervals() -> None:
    """Each minute, four minutes ahead; the end for a quarter of an hour, always the same one."""
    time, active = [NOON.timestamp()], [alert()]
    kept = Kept(lambda: time[0])
    feed = Feed(kept, lambda: active, clock=lambda: time[0])
    for second in range(600):
        time[0] = NOON.timestamp() + second
        feed.turn()
    assert len(kept.batches) == 10
    assert kept.batches[-1][0]["endsAt"] == as_datetime(NOON.timestamp() + 540 + 240).isoformat()

    active.clear()
    kept.batches.clear()
    for second in range(600, 2 * 3600):
        time[0] = NOON.timestamp() + second
        feed.turn()
    assert len(kept.batches) == RESOLVED_SECONDS / 60
    told = {one["annotations"]["value"] for batch in kept.batches for one in batch}
    assert told == {"was 0.3142 (threshold 0.1)"}
    ends = {one["endsAt"] for batch in kept.batches for one in batch}
    assert ends == {as_datetime(NOON.timestamp() + 600).isoformat()}


def test_where_it_posts(httpserver: HTTPServer) -> None:
    """Below the path of its URL, with the login of it."""
    httpserver.expect_request("/am/api/v2/alerts").respond_with_data("")
    url = f"http://me:pw@127.0.0.1:{httpserver.port}/am/"

    assert Alertmanager(url).send(notification(), 5).delivered
