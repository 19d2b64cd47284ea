"""Checks of the journal, and of who drains it."""

import resource
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from flask_mlmonitor.background.backlog import backlog_of
from flask_mlmonitor.background.election import HostElection
from flask_mlmonitor.doctor.case import Case
from flask_mlmonitor.doctor.findings import Finding
from flask_mlmonitor.journal.spool import QUARANTINED, Segment
from flask_mlmonitor.web.health import LONGEST_LAG

FULL: Final = 0.8
FEW_FILES: Final = 256


def backlog(case: Case) -> Iterator[Finding]:
    """Records that wait too long or take too much room."""
    if case.store_answers:
        waiting = backlog_of(case.spool, case.database, case.clock)
        if waiting.lag > LONGEST_LAG:
            problem = (
                f"{waiting.size} bytes of the journal wait to be stored, the oldest record for "
                f"{waiting.lag:.0f} s"
            )
            yield Finding("error", problem, "See who drains, and the app's log for why not.")
    most = case.settings.journal_max_bytes
    if (size := case.spool.size()) > FULL * most:
        problem = f"the journal takes {size} of the {most} bytes that it may"
        remedy = "Get the store to answer; when it is full, predictions are dropped."
        yield Finding("error", problem, remedy)


def segments(case: Case) -> Iterator[Finding]:
    """Files of the journal that nobody drains."""
    damaged = len(list(case.spool.path.glob(f"*{QUARANTINED}")))
    if damaged:
        problem = f"{damaged} damaged files of the journal lie in {case.spool.path}"
        remedy = "What could be read was stored; they are removed after a week. Check the disk."
        yield Finding("warning", problem, remedy)
    unreadable, foreign = [], []
    for path in case.spool.segments():
        try:
            with Segment(path) as segment:
                foreign += [path] * segment.foreign
        except FileNotFoundError:  # drained meanwhile
            continue
        except OSError:
            unreadable.append(path)
    if foreign:
        problem = f"{len(foreign)} files in {case.spool.path} are not of this version's format"
        remedy = "Run the version that wrote them once more, to drain them; or delete them."
        yield Finding("warning", problem, remedy)
    if unreadable:
        problem = f"{len(unreadable)} files in {case.spool.path} cannot be read by this user"
        yield Finding("warning", problem, "Run this, and everything, as the app's user.")


def drain(case: Case) -> Iterator[Finding]:
    """A process that moves the journal into the store."""
    officer = HostElection(case.data / "drain.lock").officer()
    external = case.settings.background == "external"
    if officer is not None and officer.trouble is not None:
        problem = f"process {officer.pid} cannot drain into the store: {officer.trouble}"
        yield Finding("error", problem, "It goes on trying; the journal keeps predictions.")
    elif officer is None and external:
        problem = "MLMONITOR_BACKGROUND is 'external', and no worker drains on this host"
        yield Finding("error", problem, "Start `flask mlmonitor worker` beside the app.")
    elif officer is None and case.living:
        problem = f"{case.living} processes of the app run here, and none of them drains"
        yield Finding("error", problem, "See the app's log for why not; restart it.")
    elif not case.living:
        problem = "no process of the app runs on this host, or none was asked anything yet"
        yield Finding("info", problem, "Run this where the app runs, while it does.")
    if officer is not None:
        yield from _files(officer.pid)


def _files(pid: int) -> Iterator[Finding]:
    with suppress(OSError, ProcessLookupError, AttributeError):  # another container's, or no Linux
        limit, _ = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        used = len(list(Path(f"/proc/{pid}/fd").iterdir()))
        if limit < FEW_FILES or used > FULL * limit:
            problem = f"process {pid} has {used} files open and may open {limit}"
            yield Finding("warning", problem, "Raise its limit: ulimit -n, or LimitNOFILE=.")
