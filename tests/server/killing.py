"""Predictions from concurrent callers while workers are killed."""

import contextlib
import random
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import psutil

from tests.server import traffic
from tests.server.serving import Server

CALLERS: Final = 8
BODIES: Final = 100


@dataclass
class Campaign:
    """Keeps several callers busy, and kills a random worker again and again.

    :param predictions: ends after so many complete answers.
    :param every: kill -9 after each so many answers.
    :ivar ids: of the complete answers.
    :ivar unanswered: requests whose answer was lost.
    """

    server: Server
    predictions: int
    every: int
    seed: int = 1
    ids: list[str] = field(default_factory=list)
    kills: int = 0
    unanswered: int = 0

    def __post_init__(self) -> None:
        self._dice = random.Random(self.seed)
        self._lock = threading.Lock()
        self._problems: list[str] = []

    def run(self) -> None:
        """Call until there are enough answers."""
        sent = traffic.bodies(BODIES)
        callers = [threading.Thread(target=self._call, args=(sent,)) for _ in range(CALLERS)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
        if self._problems:
            raise AssertionError(self._problems[0])

    def _call(self, sent: Sequence[bytes]) -> None:
        number = 0
        with self.server.caller() as caller:
            while len(self.ids) < self.predictions and not self._problems:
                number += 1
                answer = caller.call("POST", "/predict", sent[number % len(sent)])
                if answer is None:
                    with self._lock:
                        self.unanswered += 1
                elif answer.status != 200 or answer.prediction_id is None:
                    self._problems.append(f"an answer that nobody expects: {answer}")
                else:
                    self._note(answer.prediction_id)

    def _note(self, prediction_id: str) -> None:
        with self._lock:
            self.ids.append(prediction_id)
            if len(self.ids) % self.every == 0 and len(self.ids) < self.predictions:
                self._kill()

    def _kill(self) -> None:
        if living := self.server.living():
            with contextlib.suppress(psutil.NoSuchProcess):
                self._dice.choice(living).kill()
                self.kills += 1
