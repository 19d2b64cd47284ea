"""Requests at a steady rate, whatever the answers take: who plans to ask is not put off."""

import threading
import time
from collections.abc import Sequence
from itertools import count
from types import TracebackType
from typing import Final, NamedTuple, Self

from tests.server import traffic
from tests.server.serving import Answer, Gunicorn

CALLERS: Final = 16
BODIES: Final = 100


class Sample(NamedTuple):
    """One request: when it was to be sent, and how much later its answer was complete.

    :param prediction_id: ``None`` where the answer was not as it should be.
    """

    planned: float
    latency: float
    prediction_id: str | None


class SteadyLoad:
    """Asks for predictions in threads, as a context manager: until the block ends.

    :param rate: requests per second.
    :ivar failures: answers that were none, or not with 200 and an id.
    """

    def __init__(self, server: Gunicorn, rate: float) -> None:
        self.samples: list[Sample] = []
        self.failures: list[Answer | None] = []
        self._server = server
        self._pause = 1 / rate
        self._numbers = count()
        self._sent = traffic.bodies(BODIES)
        self._done = threading.Event()
        self._threads = [threading.Thread(target=self._call) for _ in range(CALLERS)]

    def __enter__(self) -> Self:
        self._began = time.monotonic()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._done.set()
        for thread in self._threads:
            thread.join()

    @property
    def ids(self) -> list[str]:
        """The predictions that were acknowledged."""
        return [sample.prediction_id for sample in self.samples if sample.prediction_id]

    def between(self, start: float, end: float) -> Sequence[Sample]:
        """Return the requests that were planned in a span of the monotonic clock."""
        return [sample for sample in self.samples if start <= sample.planned < end]

    def _call(self) -> None:
        with self._server.caller() as caller:
            for number in self._numbers:
                planned = self._began + number * self._pause
                if self._done.wait(max(0.0, planned - time.monotonic())):
                    return
                answer = caller.call("POST", "/predict", self._sent[number % BODIES])
                latency = time.monotonic() - planned
                right = answer is not None and answer.status == 200 and answer.prediction_id
                self.samples.append(Sample(planned, latency, right or None))
                if not right:
                    self.failures.append(answer)
