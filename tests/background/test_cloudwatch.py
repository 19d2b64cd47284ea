"""Each minute once, from the store to CloudWatch."""

import time
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from pytest_httpserver import HTTPServer

from flask_mlmonitor.background.cloudwatch import REACH_SECONDS, CloudWatch
from flask_mlmonitor.cloudwatch.figures import Datum
from flask_mlmonitor.cloudwatch.sender import Sender
from flask_mlmonitor.exceptions import StoreError
from flask_mlmonitor.store.results import read_latest
from tests.alerts.windows import drift
from tests.background.watching import Station, subject
from tests.conftest import MakeService

MINUTE = 60.0
READ = "flask_mlmonitor.background.cloudwatch.read_latest"


class Kept(Sender):
    """Keeps what it is to send."""

    def __init__(self) -> None:
        super().__init__("Tests", on_fault=lambda error: None)
        self.sent: list[Datum] = []

    def send(self, data: Iterable[Datum]) -> None:
        """Keep figures."""
        self.sent += data

    def minutes(self, name: str = "Predictions") -> list[tuple[float, float]]:
        """Return the times and values of a figure."""
        return [(one.time, one.values[0]) for one in self.sent if one.name == name]


class Office:
    """A process in office, at the beginning of a minute."""

    def __init__(self, url: str) -> None:
        self.station = Station(url, began=time.time() // MINUTE * MINUTE + 10)
        self.sender = Kept()
        self.waits = False
        self.cloudwatch = CloudWatch(
            self.station.database,
            lambda: self.station.subjects,
            self.sender,
            waits=lambda moment: self.waits,
            on_fault=self.station.faults.append,
            clock=lambda: self.station.time,
        )

    def serve(self, number: int) -> float:
        """Serve so many in a minute, and return its beginning; then the next one begins."""
        minute = self.station.time // MINUTE * MINUTE
        self.station.serve(success=number)
        self.station.time += MINUTE
        return minute


@pytest.fixture
def office(store_url: str) -> Iterator[Office]:
    """A process that puts figures, on each kind of store."""
    made = Office(store_url)
    made.cloudwatch.turn(1)
    yield made
    made.station.close()


def test_each_minute_once(office: Office) -> None:
    """However often it is its turn; also an idle one."""
    expected = []
    for number in (3, 0, 2):
        expected.append((office.serve(number), number))
        for _ in range(3):
            office.cloudwatch.turn(1)

    assert office.sender.minutes() == expected
    assert office.station.faults == []


def test_minutes_that_are_made_up_for(office: Office) -> None:
    """Those for which the store's rows were waited, up to an hour."""
    office.waits = True
    expected = [(office.serve(number), number) for number in (3, 2)]
    office.cloudwatch.turn(1)
    assert office.sender.sent == []
    office.waits = False
    office.cloudwatch.turn(1)
    assert office.sender.minutes() == expected

    office.waits = True
    office.station.time += REACH_SECONDS + 5 * MINUTE
    office.cloudwatch.turn(1)
    assert len(office.sender.minutes()) == 2 + REACH_SECONDS / MINUTE


def test_a_new_office(office: Office) -> None:
    """What was before may have been told by another; what comes is told."""
    office.serve(3)
    office.cloudwatch.turn(2)
    assert office.sender.sent == []
    second = office.serve(4)
    office.cloudwatch.turn(2)

    assert office.sender.minutes() == [(second, 4)]


def test_a_clock_that_is_put_back(office: Office) -> None:
    """It goes on from there."""
    office.station.time -= 600
    office.cloudwatch.turn(1)
    assert office.sender.sent == []
    minute = office.serve(1)
    office.cloudwatch.turn(1)

    assert [time for time, _ in office.sender.minutes()] == [minute]


def test_evaluations(office: Office) -> None:
    """The last one is told with each minute."""
    moved = drift(0.7)
    assert moved.psi is not None
    office.station.evaluated(office.station.hour(drift={"plan": moved}))
    minutes = []
    for _ in range(2):
        minutes.append((office.serve(1), moved.psi.score))
        office.cloudwatch.turn(1)

    assert office.sender.minutes("DataDriftPSI") == minutes


def test_faults(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """One model is in no other's way; what its app fails of, is not in the alerts' way."""
    office.station.subjects = (subject("broken"), subject())

    def damaged(database: Any, of: tuple[str, str]) -> Any:
        if of[0] == "broken":
            raise ValueError("damaged")
        return read_latest(database, of)

    monkeypatch.setattr(READ, damaged)
    office.serve(2)
    office.cloudwatch.turn(1)
    assert [one.model for one in office.sender.sent] == [subject().model] * 3
    assert [str(one) for one in office.station.faults] == ["damaged"]

    def away(database: Any, of: tuple[str, str]) -> Any:
        raise StoreError("away")

    monkeypatch.setattr(READ, away)
    office.serve(1)
    with pytest.raises(StoreError):
        office.cloudwatch.turn(1)
    monkeypatch.setattr(READ, read_latest)
    office.sender.sent.clear()
    office.cloudwatch.turn(1)
    assert len(office.sender.minutes()) == 2  # of two models
    office.station.subjects = None  # type: ignore[assignment]
    office.serve(1)
    office.cloudwatch.turn(1)
    office.cloudwatch.turn(1)
    assert [type(one) for one in office.station.faults] == [ValueError, TypeError]


def test_without_the_key(make_service: MakeService, production: dict[str, Any]) -> None:
    """There is nothing that could put anything."""
    shop = make_service("shop", **production)
    shop.flush()

    assert shop.runtime.duties["shop"].cloudwatch is None


def test_an_app_in_office(
    make_service: MakeService,
    production: dict[str, Any],
    httpserver: HTTPServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its loop puts the last minute to where boto3 is told to."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDWATCH", httpserver.url_for("/"))
    httpserver.expect_request("/").respond_with_json({})
    service = make_service("bank", **production, MLMONITOR_CLOUDWATCH_NAMESPACE="MLOps/Models")
    service.app.post("/predict")(service.monitor.prediction("fraud")(lambda: {"prediction": 1}))
    service.post()
    assert service.flush()
    service.runtime.work()
    cloudwatch = service.runtime.duties["bank"].cloudwatch
    assert cloudwatch is not None
    service.wait_for(lambda: cloudwatch._until > 0)
    cloudwatch._until -= int(MINUTE)
    service.wait_for(lambda: httpserver.log)

    body = httpserver.log[0][0].get_data()
    for word in (b"MLOps", b"Predictions", b"Errors", b"fraud"):
        assert word in body
    assert "faults background" not in service.tally()
