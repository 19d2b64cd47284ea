"""What one process keeps for one data folder: journal, counters, store, and the thread."""

import atexit
import contextlib
import os
import shutil
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

from flask_mlmonitor.background.drain import Drain
from flask_mlmonitor.background.dropping import DropLog
from flask_mlmonitor.background.duties import Duties
from flask_mlmonitor.background.election import HostElection
from flask_mlmonitor.background.folders import Folders
from flask_mlmonitor.background.loop import Loop
from flask_mlmonitor.background.maintenance import Maintenance
from flask_mlmonitor.background.servers import warn_of_threads
from flask_mlmonitor.background.watch import TURN_SECONDS
from flask_mlmonitor.config import Settings
from flask_mlmonitor.counters.cells import Owner
from flask_mlmonitor.counters.faults import LOGGER, Faults
from flask_mlmonitor.counters.requests import UNKNOWN, MonitorCounters, TruthCounters
from flask_mlmonitor.counters.slots import Slot
from flask_mlmonitor.exceptions import StoreError
from flask_mlmonitor.journal.spool import Spool
from flask_mlmonitor.journal.writer import Journal
from flask_mlmonitor.store.patience import in_a_request
from flask_mlmonitor.store.truth import Claim, Matched, Verdict, record_ground_truth
from flask_mlmonitor.store.urls import open_store

POLL_SECONDS: Final = 0.25
"""How often the drain looks for more, while it has nothing to do."""
UPKEEP_SECONDS: Final = 0.5
"""How often a process looks after its journal and its counters."""

WEB_ROWS: Final = 200
"""Rows moved in one turn inside a web worker, and the share of time given to it in a backlog."""
WEB_DUTY: Final = 0.25
WORKER_ROWS: Final = 10_000
GOODBYE_SECONDS: Final = 2.0
"""How long a process that ends may go on moving what is journaled; the rest can wait."""


class Runtime:
    """One process's journal, counters, store and drain.

    :param inline: drain within the request and start no thread, for tests.
    :ivar on_closed: called when it is closed.
    """

    def __init__(self, settings: Settings, folders: Folders, *, inline: bool) -> None:
        self.pid = os.getpid()
        self.inline = inline
        self.folders = folders
        self.slot = Slot(folders.data / "slots")
        self.counters = MonitorCounters(self.slot)
        self.faults = Faults(self.counters)
        self.discreet_faults = Faults(self.counters, discreet=True)
        self.spool = Spool(folders.data / "spool")
        self.journal = Journal(
            self.spool.path,
            max_bytes=settings.journal_max_bytes,
            full=settings.journal_full,
            synced=settings.durability == "interval",
            on_drop=self._dropped,
        )
        self.database = open_store(folders.store_url)
        self.election = HostElection(folders.data / "drain.lock")
        self.drain = Drain(self.spool, self.database, self.counters, on_matched=self._matched)
        self.maintenance = Maintenance(
            self.database,
            retention_days=settings.retention_days,
            on_fault=lambda error: self.faults.happened("background", error),
        )
        self._draining = threading.Lock()
        self._drains = settings.background == "thread"
        self._rows = WEB_ROWS
        self.loop = Loop(self._turn, self.faults, task="drain", rest=POLL_SECONDS, duty=WEB_DUTY)
        self.upkeep = Loop(self._look_after, self.faults, task="journal", rest=UPKEEP_SECONDS)
        self.evaluation = Loop(
            self._evaluate, self.faults, task="evaluation", rest=settings.evaluation_interval
        )
        self.alerting = Loop(self._watch, self.faults, task="alerts", rest=TURN_SECONDS)
        self.duties: dict[str, Duties] = {}
        self._loops = (self.loop, self.upkeep, self.evaluation, self.alerting)
        self.on_closed: Callable[[], object] = lambda: None
        self._closed = False
        self._drops = DropLog(self.journal)

    def start(self) -> None:
        """Start the threads: one drains, unless a worker does; one looks after the journal.

        They are two, so that a store that lets the drain wait lets nothing else wait.
        """
        atexit.register(self.close)
        warn_of_threads()
        self._start_loops()

    def work(self) -> None:
        """From now on drain here at full speed; what ``flask mlmonitor worker`` does."""
        self._drains, self._rows, self.loop.duty = True, WORKER_ROWS, 1.0

    @property
    def running(self) -> bool:
        """Whether the threads run."""
        return all(loop.running for loop in self._loops)

    def stand_in(self) -> None:
        """After an append while no thread runs: in a test, move it to the store at once.

        Elsewhere the thread died, or never could be started: start it.
        """
        if self.inline:
            with self._draining:
                self.drain.run_once(sys.maxsize)
        else:
            self._start_loops()

    def flush(self, timeout: float) -> bool:
        """Move what is journaled to the store, or wait until the elected process has.

        :return: whether nothing waits any more.
        :raises StoreError: when the store cannot be used.
        """
        deadline = time.monotonic() + timeout
        while True:
            if self.inline or self.election.win():
                try:
                    with self._draining:
                        while self.drain.run_once(WORKER_ROWS):
                            pass
                finally:
                    if not self._drains:  # the office is the worker's
                        self.election.resign()
            waiting = self.drain.backlog().size
            if not waiting:
                return True
            if time.monotonic() > deadline:
                LOGGER.warning("%d bytes of the journal still wait to be stored.", waiting)
                return False
            time.sleep(POLL_SECONDS / 5)

    def record_ground_truth(self, claims: Sequence[Claim]) -> list[Verdict]:
        """Store ground truth and count it.

        :raises StoreError: when the store cannot be used; then nothing was recorded.
        """
        verdicts = record_ground_truth(self.database, claims)
        self._matched([v.matched for v in verdicts if v.matched and v.result == "accepted"])
        for (owner, result), number in Counter(map(_whose, verdicts)).items():
            if result != "accepted":  # those are counted with their delays
                with self.faults.guard("counters"):
                    TruthCounters(self.slot, owner).came(result, number)
        return verdicts

    def close(self) -> None:
        """Stop the thread, give back what is held, and leave the journal complete."""
        if self._closed or self.pid != os.getpid():
            return
        self._closed = True
        deadline = time.monotonic() + GOODBYE_SECONDS
        for loop in self._loops:
            loop.stop(0.0)
        for loop in (self.loop, self.upkeep, self.alerting):
            loop.stop(max(0.0, deadline - time.monotonic()))
        self._resign(deadline)
        self.evaluation.stop(max(0.0, deadline - time.monotonic()))
        for duties in self.duties.values():
            duties.watch.delivery.wait(max(0.0, deadline - time.monotonic()))
        self.journal.close()
        with self.faults.guard("journal"):
            self.journal.sync()
        if self._draining.acquire(timeout=max(0.0, deadline - time.monotonic())):
            try:
                self._last_turn(deadline)
            finally:
                self._draining.release()
        self.election.resign()
        self.slot.close()
        self.database.close()
        if self.inline:  # its app may be collected anywhere, also where the lock is held
            shutil.rmtree(self.folders.data, ignore_errors=True)
            return
        self.on_closed()

    def _start_loops(self) -> None:
        for loop in self._loops:
            with self.faults.guard("background"):  # without them app and journal go on
                loop.start()

    def _resign(self, deadline: float) -> None:
        with self.faults.guard("background"), contextlib.suppress(StoreError), in_a_request():
            for duties in self.duties.values():
                if self.loop.trouble is not None or time.monotonic() > deadline:
                    return  # what is not given back ends by itself
                duties.resign()

    def _last_turn(self, deadline: float) -> None:
        with self.faults.guard("background"):
            try:
                if self.loop.trouble is not None:  # another wait for the store would end like it
                    return
                while self._drains and self.election.win() and self.drain.run_once(WEB_ROWS):
                    if time.monotonic() > deadline:
                        return
            except StoreError:
                return  # the spool keeps it for the next process

    def _look_after(self) -> bool:
        trouble = self.loop.trouble
        self.election.sign(None if trouble is None else str(trouble))
        with self.faults.guard("counters"):
            self.slot.flush()
        self.journal.heartbeat()
        with self.faults.guard("journal"):
            self.journal.sync()
        self._drops.tell_end()
        if self.database.folder is not None:
            with contextlib.suppress(OSError):
                self.database.exists()  # from now on a file is away when it is not there
        return False

    def waits_for(self, moment: float) -> bool:
        """Return whether predictions of before *moment* still wait to be stored."""
        backlog = self.drain.backlog()
        return backlog.size > 0 and time.time() - backlog.lag < moment

    def take_on(self, app: str, duties: Duties) -> None:
        """Evaluate and watch an app's models; of two apps of one name, those of the first."""
        known = self.duties.get(app)
        if known is None or not known.wanted():
            self.duties[app] = duties
        else:
            LOGGER.warning(
                "Two apps called %r share the data folder %s: only the models of the first one "
                "are evaluated and have alerts. Name them apart.",
                app, self.folders.data,
            )  # fmt: skip

    def _evaluate(self) -> bool:
        return self._each(lambda duties: duties.schedule.turn())

    def _watch(self) -> bool:
        return self._each(lambda duties: duties.look())

    def _each(self, turn: Callable[[Duties], object]) -> bool:
        """Take a turn for each app, if elected: one that fails is not in the way of others."""
        failed: list[Exception] = []
        if not (self._drains and self.election.win()):
            return False
        for duties in list(self.duties.values()):
            try:
                if duties.wanted():
                    turn(duties)
            except StoreError:
                break  # the drain tells of a store that is away
            except Exception as error:  # noqa: BLE001  raised below
                failed.append(error)
        for other in failed[1:]:
            self.faults.happened("background", other)
        if failed:
            raise failed[0]
        return False

    def _turn(self) -> bool:
        if not (self._drains and self.election.win()):
            return False
        with self._draining:
            backlog = self.drain.run_once(self._rows) >= self._rows
            return backlog or self.maintenance.run_once()

    def _dropped(self, reason: str, number: int) -> None:
        self._drops.tell(reason, number)
        with self.faults.guard("counters"):
            self.counters.add("dropped", reason, amount=number)

    def _matched(self, matched: Sequence[Matched]) -> None:
        delays: dict[Owner, list[float]] = {}
        for match in matched:
            delays.setdefault(Owner(match.model, match.version), []).append(match.delay)
        for owner, seconds in delays.items():
            with self.faults.guard("counters"):
                TruthCounters(self.slot, owner).accepted(seconds)


def _whose(verdict: Verdict) -> tuple[Owner, str]:
    known = verdict.matched
    return Owner(known.model, known.version) if known else UNKNOWN, verdict.result
