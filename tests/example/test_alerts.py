"""The service's alerts, from end to end: a station breaks, the model fails, and both are over."""

import shutil
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pandas as pd
import pytest

from example_service.callers import Callers, Troubles
from example_service.data import WEATHER, rows
from example_service.files import BASELINE, MODEL, OUTAGE
from example_service.inbox import Inbox
from example_service.replay import Replay
from example_service.schedule import Flight
from example_service.server import Server
from tests.example import hurried

SECONDS: Final = 200
"""How long there are flights; on a machine that has time, a fourth is enough."""
FLIGHTS_PER_SECOND: Final = 60
EXPECTED: Final = {"data_drift", "data_quality", "fallback"}


@dataclass(slots=True, kw_only=True)
class Broken(Callers):
    """Dispatchers whose weather station lies or is silent, and a model that fails, until each has
    been told."""

    inbox: Inbox

    def is_out(self, elapsed: float) -> bool:
        """Tell whether nobody knows of the model yet."""
        return "fallback" not in families(self.inbox)

    def is_troubled(self, flight: Flight) -> bool:
        """Tell whether nobody knows of the station yet."""
        return not families(self.inbox) >= {"data_drift", "data_quality"}


def families(inbox: Inbox) -> set[str]:
    """What people have been told of."""
    return {one["family"] for one in inbox.messages}


def timetable(sample: pd.DataFrame) -> list[Flight]:
    """Flights of the training weeks in any order: nothing about them is new."""
    chosen = sample.sample(SECONDS * FLIGHTS_PER_SECOND, replace=True, random_state=2013)
    flights = zip(rows(chosen), chosen["outcome"], strict=True)
    return [
        Flight(number / FLIGHTS_PER_SECOND, number / FLIGHTS_PER_SECOND + 1, *flight)
        for number, flight in enumerate(flights)
    ]


@pytest.fixture
def server(trained: Path, tmp_path: Path, inbox: Inbox) -> Iterator[Server]:
    """The trained service under gunicorn, in a hurry."""
    for name in (MODEL, BASELINE):
        shutil.copy(trained / name, tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    settings = {
        "GUNICORN_CMD_ARGS": f"--config {hurried.__file__}",
        "FLASK_MLMONITOR_WINDOWS": "1m",
        "FLASK_MLMONITOR_EVALUATION_INTERVAL": "2",
        "FLASK_MLMONITOR_WEBHOOK_URL": inbox.url,
    }
    with Server(tmp_path, port=port, workers=2, settings=settings) as server:
        yield server


@pytest.mark.slow
@pytest.mark.timeout(2 * SECONDS)
def test_what_breaks_is_told_once_and_its_end_once(
    server: Server, inbox: Inbox, sample: pd.DataFrame
) -> None:
    """All features of the station are one message; each caller gets a prediction meanwhile."""
    troubles = Troubles(malformed=0, broken_sensor=1, nulls=0.5)
    callers = Broken(troubles, SECONDS, inbox=inbox)
    replay = Replay(server.client(connections=8), callers, outage=server.directory / OUTAGE)

    tally = replay.run(
        timetable(sample), goes_on=lambda _: not families(inbox) >= EXPECTED or bool(inbox.open())
    )

    told = {name: [one for one in inbox.messages if one["family"] == name] for name in EXPECTED}
    actions = {name: [one["action"] for one in messages] for name, messages in told.items()}
    assert actions == {name: ["trigger", "resolve"] for name in EXPECTED}
    drifted = told["data_drift"][0]
    assert {alert["feature"] for alert in drifted["alerts"]} >= set(WEATHER)
    assert drifted["severity"] == "critical"
    assert set(tally.predictions) == {"success", "fallback"}
