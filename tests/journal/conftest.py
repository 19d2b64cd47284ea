"""What the journal's tests share: requests to write, a way to read, children to lose."""

import contextlib
import gc
import os
import signal
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from flask_mlmonitor.journal.spool import Segment, Spool
from flask_mlmonitor.journal.writer import Journal
from flask_mlmonitor.records import DROP_REASONS, Gap, Row, Schema, Served

VALUES = (1.5, -2, 3.25, None, True, "Zürich", "b")


class Clock:
    """The clock and the timer of a journal, moved by hand."""

    def __init__(self) -> None:
        self.time = 1_700_000_000.0

    def __call__(self) -> float:
        return self.time


class Faulty:
    """The functions of :mod:`os`; one of them fails as often as it is told.

    :param fault: an errno, or a function to call instead.
    :ivar replace: functions to call in the place of others, for as long as they stand here.
    """

    def __init__(self) -> None:
        self.name = ""
        self.fault: int | Callable[..., Any] = 0
        self.times = 0
        self.replace: dict[str, Callable[..., Any]] = {}

    def fail(self, name: str, fault: int | Callable[..., Any], times: int = 1) -> None:
        """Let the next *times* calls of *name* fail."""
        self.name, self.fault, self.times = name, fault, times

    def heal(self) -> None:
        """Let everything work."""
        self.times = 0

    def __getattr__(self, name: str) -> Any:
        function = self.replace.get(name) or getattr(os, name)

        def call(*args: Any) -> Any:
            if name != self.name or not self.times:
                return function(*args)
            self.times -= 1
            if callable(self.fault):
                return self.fault(*args)
            raise OSError(self.fault, os.strerror(self.fault))

        return call


class Rig:
    """A writer's surroundings: a spool, time that stands still, a disk that fails on demand.

    :ivar dropped: what was reported as dropped, by reason.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.spool = Spool(folder)
        self.clock = Clock()
        self.disk = Faulty()
        self.dropped: Counter[str] = Counter()
        self.journals: list[Journal] = []

    def journal(self, folder: Path | None = None, **options: Any) -> Journal:
        """Make a journal that will be closed."""
        seams: dict[str, Any] = {"clock": self.clock, "timer": self.clock, "system": self.disk}
        journal = Journal(folder or self.spool.path, on_drop=self.drop, **seams | options)
        self.journals.append(journal)
        return journal

    def drop(self, reason: str, count: int) -> None:
        """Count what a journal reports."""
        assert reason in DROP_REASONS
        self.dropped[reason] += count

    def records(self, spool: Spool | None = None) -> list[Served | Gap]:
        """Read every record of the spool."""
        records: list[Served | Gap] = []
        for path in (spool or self.spool).segments():
            with Segment(path) as segment:
                for chunk in segment.chunks(limit=100):
                    records += chunk.records
        return records

    def gaps(self, records: Iterable[Served | Gap] | None = None) -> list[Gap]:
        """Return the gaps among the spool's records, or among others."""
        chosen = self.records() if records is None else records
        return [record for record in chosen if isinstance(record, Gap)]

    def numbers(self, records: Iterable[Served | Gap] | None = None) -> list[int]:
        """Return the numbers of the requests in the spool, or of others."""
        chosen = self.records() if records is None else records
        return [
            int(record.id)
            for record in chosen
            if isinstance(record, Served) and record.id.isdecimal()
        ]

    def open_files(self) -> int:
        """Count what this process holds open of the folder; others may open and close their own."""
        gc.collect()
        opened = 0
        for fd in os.listdir("/proc/self/fd"):
            with contextlib.suppress(FileNotFoundError):
                opened += os.readlink(f"/proc/self/fd/{fd}").startswith(str(self.folder))
        return opened


@pytest.fixture
def served() -> Callable[..., Served]:
    """Make a request of one row whose id is a number."""

    def make(number: int = 0, *, values: Sequence[Any] = VALUES, **fields: Any) -> Served:
        rows = fields.pop("rows", [Row(values, 1, 0.75)])
        identity = f"{number:016}"
        return Served(0, identity, 1_700_000_000.0 + number, 0, 0.01, False, rows, **fields)

    return make


@pytest.fixture
def schema() -> Schema:
    """The schema of those requests."""
    return Schema("shop", "fraud", "2", b"any binning")


@pytest.fixture
def rig(tmp_path: Path) -> Iterator["Rig"]:
    """A writer's surroundings."""
    rig = Rig(tmp_path / "spool")
    yield rig
    for journal in rig.journals:
        journal.close()


@pytest.fixture
def forked() -> Callable[[Callable[[], object]], int]:
    """Run a function in a forked child and return its exit code."""

    def run(function: Callable[[], object]) -> int:
        pid = os.fork()
        if pid == 0:
            signal.alarm(20)
            status = 1
            try:
                function()
                status = 0
            finally:
                if status:
                    traceback.print_exc()
                os._exit(status)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    return run
