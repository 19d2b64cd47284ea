"""Plays flights in compressed time: each leaves, is predicted, and is reported hours later."""

import heapq
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import urllib3

from .callers import Callers, Request
from .client import Answer, Client
from .schedule import Flight

TICK: Final = 0.05
MAX_OPEN: Final = 500


@dataclass(slots=True)
class Tally:
    """What the replay saw from outside.

    :param predictions: rows by how they ended; ``unanswered`` where no response came.
    :param ground_truth: reported outcomes by what became of them.
    """

    predictions: Counter[str] = field(default_factory=Counter)
    ground_truth: Counter[str] = field(default_factory=Counter)


@dataclass(order=True, frozen=True, slots=True)
class Report:
    """An outcome that waits for its time."""

    due: float
    prediction_id: str
    outcome: str


class Replay:
    """One run of flights against a service.

    :param outage: the model raises while this file exists.
    """

    def __init__(self, client: Client, callers: Callers, *, outage: Path) -> None:
        self.tally = Tally()
        self._client = client
        self._callers = callers
        self._outage = outage
        self._asked: list[tuple[Request, Future[Answer | None]]] = []
        self._reported: list[Future[dict[str, int]]] = []
        self._reports: list[Report] = []

    def run(
        self,
        flights: Sequence[Flight],
        *,
        connections: int = 8,
        goes_on: Callable[[float], bool] = lambda _: True,
        notice: Callable[[float], object] = lambda _: None,
    ) -> Tally:
        """Play the flights until the last outcome is reported.

        :param goes_on: told the seconds since the start; when it says no, no more flights leave.
        :param notice: told the same, several times a second.
        """
        waiting = deque(flights)
        start = time.monotonic()
        pool = ThreadPoolExecutor(connections)
        try:
            while waiting or self._asked or self._reported or self._reports:
                elapsed = time.monotonic() - start
                if waiting and not goes_on(elapsed):
                    waiting.clear()
                self._step(pool, waiting, elapsed)
                notice(elapsed)
                time.sleep(TICK)
        finally:
            pool.shutdown(cancel_futures=True)
            self._outage.unlink(missing_ok=True)
        return self.tally

    def _step(self, pool: ThreadPoolExecutor, waiting: deque[Flight], elapsed: float) -> None:
        self._switch_outage(elapsed)
        if len(self._asked) < MAX_OPEN:
            for request in self._callers.requests(_leaving(waiting, elapsed)):
                self._asked.append((request, pool.submit(self._ask, request)))
        if due := self._due(elapsed):
            self._reported.append(pool.submit(self._client.send_ground_truth, due))
        self._collect()

    def _switch_outage(self, elapsed: float) -> None:
        if self._callers.is_out(elapsed):
            self._outage.touch()
        else:
            self._outage.unlink(missing_ok=True)

    def _ask(self, request: Request) -> Answer | None:
        try:
            return self._client.predict(request.body)
        except urllib3.exceptions.HTTPError:
            return None

    def _due(self, elapsed: float) -> list[dict[str, str]]:
        due = []
        while self._reports and self._reports[0].due <= elapsed:
            report = heapq.heappop(self._reports)
            due.append({"prediction_id": report.prediction_id, "value": report.outcome})
        return due

    def _collect(self) -> None:
        asked, self._asked = self._asked, []
        for request, answered in asked:
            if answered.done():
                self._count(request, answered.result())
            else:
                self._asked.append((request, answered))
        reported, self._reported = self._reported, []
        for result in reported:
            if result.done():
                self.tally.ground_truth.update(result.result())
            else:
                self._reported.append(result)

    def _count(self, request: Request, answer: Answer | None) -> None:
        ending = "unanswered" if answer is None else answer.ending
        self.tally.predictions[ending] += len(request.flights)
        if answer is None or answer.status != 200:
            return
        for place, flight in enumerate(request.flights):
            if flight.outcome is not None:
                prediction_id = f"{answer.id}:{place}" if request.is_batch else answer.id
                heapq.heappush(
                    self._reports, Report(flight.reported, prediction_id, flight.outcome)
                )


def _leaving(waiting: deque[Flight], elapsed: float) -> list[Flight]:
    leaving = []
    while waiting and waiting[0].leaves <= elapsed:
        leaving.append(waiting.popleft())
    return leaving
