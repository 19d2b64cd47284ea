"""Each minute once, from the store to CloudWatch."""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from flask_mlmonitor.background.exporting import REACH_SECONDS, Export
from flask_mlmonitor.cloudwatch.figures import Datum
from flask_mlmonitor.cloudwatch.sender import Sender
from flask_mlmonitor.exceptions import StoreError
from tests.alerts.windows import drift
from tests.background.watching import Station, subject
from tests.conftest import MakeService

MINUTE = 60.0


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


class Exporter:
    """A process in office, at the beginning of a minute."""

    def __init__(self, url: str) -> None:
        self.station = Station(url, began=time.time() // MINUTE * MINUTE + 10)
        self.sender = Kept()
        self.waits = False
        self.export = Export(
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
def exporter(store_url: str) -> Iterator[Exporter]:
    """A process that puts figures, on each kind of store."""
    made = Exporter(store_url)
    made.export.turn(1)
    yield made
    made.station.close()


def test_each_minute_once(exporter: Exporter) -> None:
    """However often it is its turn; also an idle one."""
    expected = []
    for number in (3, 0, 2):
        expected.append((exporter.serve(number), number))
        for _ in range(3):
            exporter.export.turn(1)

    assert exporter.sender.minutes() == expected
    assert exporter.station.faults == []


def test_minutes_that_are_made_up_for(exporter: Exporter) -> None:
    """Those for which the store's rows were waited, up to an hour."""
    exporter.waits = True
    expected = [(exporter.serve(number), number) for number in (3, 2)]
    exporter.export.turn(1)
    assert exporter.sender.sent == []
    exporter.waits = False
    exporter.export.turn(1)
    assert exporter.sender.minutes() == expected

    exporter.waits = True
    exporter.station.time += REACH_SECONDS + 5 * MINUTE
    exporter.export.turn(1)
    assert len(exporter.sender.minutes()) == 2 + REACH_SECONDS / MINUTE


def test_a_new_office(exporter: Exporter) -> None:
    """What was before may have been told by another; what comes is told."""
    exporter.serve(3)
    exporter.export.turn(2)
    assert exporter.sender.sent == []
    second = exporter.serve(4)
    exporter.export.turn(2)

    assert exporter.sender.minutes() == [(second, 4)]


def test_a_clock_that_is_put_back(exporter: Exporter) -> None:
    """It goes on from there."""
    exporter.station.time -= 600
    exporter.export.turn(1)
    assert exporter.sender.sent == []
    minute = exporter.serve(1)
    exporter.export.turn(1)

    assert [time for time, _ in exporter.sender.minutes()] == [minute]


def test_evaluations(exporter: Exporter) -> None:
    """The last one is told with each minute."""
    moved = drift(0.7)
    assert moved.psi is not None
    exporter.station.evaluated(exporter.station.hour(drift={"plan": moved}))
    minutes = []
    for _ in range(2):
        minutes.append((exporter.serve(1), moved.psi.score))
        exporter.export.turn(1)

    assert exporter.sender.minutes("DataDriftPSI") == minutes


def test_faults(exporter: Exporter, monkeypatch: pytest.MonkeyPatch) -> None:
    """One model is in no other's way; what its app fails of, is not in the alerts' way."""
    from flask_mlmonitor.background import exporting

    exporter.station.subjects = (subject("broken"), subject())
    read: Callable[..., Any] = exporting.read_latest

    def damaged(database: Any, of: tuple[str, str]) -> Any:
        if of[0] == "broken":
            raise ValueError("damaged")
        return read(database, of)

    monkeypatch.setattr(exporting, "read_latest", damaged)
    exporter.serve(2)
    exporter.export.turn(1)
    assert [one.model for one in exporter.sender.sent] == [subject().model] * 3
    assert [str(one) for one in exporter.station.faults] == ["damaged"]

    def away(database: Any, of: tuple[str, str]) -> Any:
        raise StoreError("away")

    monkeypatch.setattr(exporting, "read_latest", away)
    exporter.serve(1)
    with pytest.raises(StoreError):
        exporter.export.turn(1)
    monkeypatch.setattr(exporting, "read_latest", read)
    exporter.sender.sent.clear()
    exporter.export.turn(1)
    assert len(exporter.sender.minutes()) == 2  # of two models
    exporter.station.subjects = None  # type: ignore[assignment]
    exporter.serve(1)
    exporter.export.turn(1)
    assert [type(one) for one in exporter.station.faults] == [ValueError, TypeError]


def test_only_who_is_told_to(make_service: MakeService, production: dict[str, Any]) -> None:
    """Without the key there is nothing that could put anything."""
    shop = make_service("shop", **production)
    bank = make_service("bank", **production, MLMONITOR_CLOUDWATCH_NAMESPACE="MLOps/Models")
    for service in (shop, bank):
        service.flush()

    assert shop.runtime.duties["shop"].export is None
    assert bank.runtime.duties["bank"].export is not None
