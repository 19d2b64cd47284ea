"""The callers of a replay: who sends what, and what goes wrong only on request."""

import json

import pytest

from example_service.callers import Callers, Request, Troubles
from example_service.schedule import Flight

SECONDS = 30.0
CALM, TROUBLED = 1.0, 15.0
NO_TROUBLES = Troubles(malformed=0)


def flight(leaves: float, origin: str = "EWR") -> Flight:
    """One flight at some time of a replay."""
    features = {"dep_delay": 2.0, "carrier": "UA", "origin": origin, "dest": "IAH", "temp": 50.0}
    return Flight(leaves, leaves + 1, features, "on time")


def sent(troubles: Troubles, *flights: Flight) -> list[Request]:
    """What the callers send for the flights."""
    return list(Callers(troubles, SECONDS).requests(flights))


def test_one_airport_sends_batches() -> None:
    """Flights of Kennedy go as one batch, the others one by one, and none twice."""
    flights = [flight(CALM, origin) for origin in ("JFK", "EWR", "JFK", "LGA")]
    batch, *singles = sent(NO_TROUBLES, *flights)

    assert batch.is_batch
    assert json.loads(batch.body) == {"instances": [flights[0].features, flights[2].features]}
    assert [json.loads(single.body)["origin"] for single in singles] == ["EWR", "LGA"]


@pytest.mark.parametrize(
    ("troubles", "feature", "expected"),
    [
        (Troubles(malformed=0, broken_sensor=1), "temp", 10.0),
        (Troubles(malformed=0, nulls=1), "pressure", None),
    ],
)
def test_sensors_fail_in_the_middle_third(
    troubles: Troubles, feature: str, expected: float | None
) -> None:
    """A lying thermometer reports Celsius, a dead station nothing, and both recover."""
    before, during, after = (
        json.loads(request.body)
        for request in sent(troubles, flight(CALM), flight(TROUBLED), flight(SECONDS - 1))
    )

    assert during[feature] == expected
    assert before == after == flight(CALM).features


def test_flood_sends_each_flight_again() -> None:
    """Three times as much comes in the middle third only."""
    assert len(sent(Troubles(malformed=0, flood=3), flight(CALM), flight(TROUBLED))) == 4


def test_malformed_requests_differ_from_the_flight() -> None:
    """No malformed body is what a sane caller would have sent."""
    requests = sent(Troubles(malformed=1), *[flight(CALM)] * 50)

    assert json.dumps(flight(CALM).features).encode() not in {each.body for each in requests}
    assert len({each.body for each in requests}) == 6


def test_outage_begins_with_the_middle_third_and_ends() -> None:
    """The model is out for as many seconds as asked."""
    callers = Callers(Troubles(outage=5), SECONDS)

    assert [callers.is_out(at) for at in (9.9, 10.0, 14.9, 15.0)] == [False, True, True, False]
