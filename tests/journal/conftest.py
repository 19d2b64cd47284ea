"""What the journal's tests share: requests to write, a way to read, children to lose."""

import os
import signal
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from flask_mlmonitor.journal.spool import Segment, Spool
from flask_mlmonitor.records import Gap, Row, Schema, Served

VALUES = (1.5, -2, 3.25, None, True, "Zürich", "b")


@pytest.fixture
def served() -> Callable[..., Served]:
    """Make a request of one row whose id is a number."""

    def make(number: int = 0, *, values: Sequence[Any] = VALUES, **fields: Any) -> Served:
        rows = fields.pop("rows", [Row(values, 1, 0.75)])
        identity = number.to_bytes(16)
        return Served(0, identity, 1_700_000_000.0 + number, 0, 0.01, False, rows, **fields)

    return make


@pytest.fixture
def schema() -> Schema:
    """The schema of those requests."""
    return Schema("shop", "fraud", "2", b"any binning")


@pytest.fixture
def contents() -> Callable[[Path], list[Served | Gap]]:
    """Read every record of a spool."""

    def read(folder: Path) -> list[Served | Gap]:
        records: list[Served | Gap] = []
        for path in Spool(folder).segments():
            with Segment(path) as segment:
                for chunk in segment.chunks(limit=100):
                    records += chunk.records
        return records

    return read


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
