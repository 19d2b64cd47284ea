"""What the airports' dispatchers send, and what goes wrong with it on request."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final

from .data import WEATHER, Features
from .schedule import Flight

# The dispatchers here send what leaves together as one batch, all others flight by flight.
BATCHES_FROM: Final = "JFK"


@dataclass(frozen=True, slots=True)
class Troubles:
    """How much goes wrong; all but *malformed* only during the middle third of the run.

    :param malformed: share of the single requests that no sane caller would send.
    :param nulls: share of flights without weather, as if a station were dead.
    :param broken_sensor: share of flights with a temperature in degrees Celsius.
    :param outage: seconds during which the model raises.
    :param flood: how often each flight is sent.
    """

    malformed: float = 0.01
    nulls: float = 0.0
    broken_sensor: float = 0.0
    outage: float = 5.0
    flood: int = 1


@dataclass(frozen=True, slots=True)
class Request:
    """One request of predictions, and the flights it is about."""

    flights: Sequence[Flight]
    body: bytes
    is_batch: bool = False


@dataclass(slots=True)
class Callers:
    """All dispatchers during one run of so many *seconds*."""

    troubles: Troubles
    seconds: float
    random: Random = field(default_factory=lambda: Random(2013))

    def requests(self, flights: Sequence[Flight]) -> Iterator[Request]:
        """Ask for the predictions of flights that leave at about the same time."""
        sent = [flight for flight in flights for _ in range(self._copies(flight))]
        together = [flight for flight in sent if flight.features["origin"] == BATCHES_FROM]
        if together:
            instances = [self._features(flight) for flight in together]
            yield Request(together, json.dumps({"instances": instances}).encode(), is_batch=True)
        for flight in sent:
            if flight.features["origin"] != BATCHES_FROM:
                yield Request([flight], self._body(self._features(flight)))

    def is_out(self, elapsed: float) -> bool:
        """Tell whether the model is to be out of order."""
        return 0 <= elapsed - self.seconds / 3 < self.troubles.outage

    def is_troubled(self, flight: Flight) -> bool:
        """Tell whether what is sent for a flight is to be troubled."""
        return self.seconds / 3 <= flight.leaves < self.seconds * 2 / 3

    def _copies(self, flight: Flight) -> int:
        return self.troubles.flood if self.is_troubled(flight) else 1

    def _features(self, flight: Flight) -> Features:
        features = dict(flight.features)
        if not self.is_troubled(flight):
            return features
        if features["temp"] is not None and self.random.random() < self.troubles.broken_sensor:
            features["temp"] = (features["temp"] - 32) / 1.8
        if self.random.random() < self.troubles.nulls:
            features.update(dict.fromkeys(WEATHER))
        return features

    def _body(self, features: Features) -> bytes:
        body = json.dumps(features).encode()
        if self.random.random() >= self.troubles.malformed:
            return body
        return self.random.choice(
            [
                body[: len(body) // 2],
                b"",
                b"{}",
                json.dumps({**features, "dep_delay": "ten minutes"}).encode(),
                json.dumps({**features, "carrier": ["UA", "DL"]}).encode(),
                json.dumps([features["dep_delay"], features["dest"]]).encode(),
            ]
        )
