"""Hosts whose model fails, and who is told of it."""

import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import psutil
from sqlalchemy import select
from werkzeug import Request, Response

from flask_mlmonitor.exceptions import StoreError
from flask_mlmonitor.store import tables
from flask_mlmonitor.store.urls import open_store
from tests.server.serving import Gunicorn, wait_until, worker

APP: Final = "tests.server.moody"
TICK: Final = 1
"""Seconds between two looks."""
SETTINGS: Final = {
    "MLMONITOR_EVALUATION_INTERVAL": TICK,
    "MLMONITOR_ALERT_FOR": 0,
    "MLMONITOR_ERROR_RATE_WARNING": 0.2,
    "MLMONITOR_ERROR_RATE_CRITICAL": 0.9,
    "DEBUG": True,
}
FEW: Final = 40
"""So many failures are enough for an alert."""
MANY: Final = json.dumps([{"age": 41}] * 6000).encode()
"""Beside so many successes they are a small share."""


class Receiver:
    """A webhook that answers as it is told to, and knows messages by their ids.

    :ivar taken: action and id of what it took, each time.
    :ivar refused: how it refused the others.
    """

    def __init__(self) -> None:
        self.answer = 200
        self.taken: list[tuple[str, str]] = []
        self.refused: list[int] = []

    def __call__(self, request: Request) -> Response:
        """Answer a request."""
        if self.answer != 200:
            self.refused.append(self.answer)
            return Response("", self.answer, {"Retry-After": "1"} if self.answer == 429 else {})
        action = json.loads(request.data)["data"]["action"]
        self.taken.append((action, request.headers["webhook-id"]))
        return Response("")

    def has_refused(self, status: int) -> bool:
        """Return whether it answered so."""
        return status in self.refused

    @property
    def actions(self) -> list[str]:
        """What it took, in its order."""
        return [action for action, _ in self.taken]


class Office:
    """Who of all processes looks after the alerts, as the store has it."""

    def __init__(self, store_url: str) -> None:
        self._database = open_store(store_url)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._database.close()

    @property
    def term(self) -> tuple[int, int]:
        """The epoch of the office, and the number of the process that holds it; zeros if none."""
        column = tables.leases.c
        query = select(column.epoch, column.holder).where(column.name == "alerts of moody")
        with suppress(StoreError), self._database.reading() as connection:
            row = connection.execute(query).first()
            if row is not None:
                return row.epoch, int(row.holder.split(":")[1])
        return 0, 0

    def under_way(self) -> bool:
        """Return whether a message is claimed by anybody."""
        with self._database.reading() as connection:
            query = select(tables.outbox.c.id).where(tables.outbox.c.holder.is_not(None))
            return connection.execute(query).first() is not None

    def kill(self) -> tuple[int, int]:
        """Kill the holder, which has no message in its hands; return whose term it was."""
        wait_until(lambda: not self.under_way(), "no message under way", pause=0.05)
        term = self.term
        psutil.Process(term[1]).kill()
        return term

    def wait_for_successor(self, term: tuple[int, int]) -> None:
        """Wait until another process holds it."""
        wait_until(lambda: self.term[0] > term[0], "a successor", pause=0.05)


def ask(host: Gunicorn, path: str, *, times: int = 1, body: bytes = b'{"age": 41}') -> None:
    """Ask for predictions, whoever dies meanwhile."""
    with host.caller() as caller:
        answered = 0
        while answered < times:
            answered += caller.call("POST", path, body) is not None


class Trouble:
    """Requests that fail, as a context manager: enough to be judged, until the block ends."""

    def __init__(self, *hosts: Gunicorn) -> None:
        self._hosts = hosts
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._go_on)

    def __enter__(self) -> Self:
        for host in self._hosts:
            ask(host, "/ill", times=FEW)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()

    def _go_on(self) -> None:
        while not self._over.wait(0.1):
            for host in self._hosts:
                ask(host, "/ill")


@contextmanager
def hosts(
    folder: Path, settings: Mapping[str, object], *, external: bool
) -> Iterator[tuple[Gunicorn, ...]]:
    """Serve on one host; or on two that share a store, where one leaves the work to workers."""
    with ExitStack() as stack:
        found = []
        for name in ("east", "west") if external else ("east",):
            own = folder / name
            own.mkdir(exist_ok=True)
            given = dict(settings)
            if name == "west":
                given["MLMONITOR_BACKGROUND"] = "external"
                for _ in range(2):
                    stack.enter_context(worker(own, given, app=APP))
            found.append(stack.enter_context(Gunicorn(own, app=APP, workers=2, settings=given)))
        yield tuple(found)


def alerts(host: Gunicorn) -> list[Any]:
    """Return the active alerts, as a program asks for them."""
    found: list[Any] = json.loads(host.get("/mlmonitor/api/alerts").body)["active"]
    return found


def settle(seconds: float = 3 * TICK) -> None:
    """Let some looks pass, in which nothing should happen."""
    time.sleep(seconds)
