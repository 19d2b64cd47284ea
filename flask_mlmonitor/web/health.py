"""Whether the monitor works; not whether the app does."""

from collections.abc import Iterable
from typing import Final

from flask_mlmonitor._app import AppState
from flask_mlmonitor.clock import as_datetime
from flask_mlmonitor.exceptions import StoreError
from flask_mlmonitor.records import Gap
from flask_mlmonitor.store.patience import in_a_request

LONGEST_LAG: Final = 60.0


def find_problems(state: AppState) -> dict[str, str]:
    """Return what does not work: the part, and what is known about it."""
    if state.problem is not None:
        return {"start": state.problem}
    runtime = state.runtime
    problems = {}
    if runtime.folders.borrowed:
        problems["data_dir"] = f"the data folder cannot be written; using {runtime.folders.data}"
    if runtime.journal.error is not None:
        missing = _told(runtime.journal.missing())
        problems["journal"] = f"predictions cannot be recorded: {runtime.journal.error}{missing}"
    officer = runtime.election.officer()
    if officer is not None and officer.trouble is not None:
        problems["store"] = f"process {officer.pid} cannot use the store: {officer.trouble}"
    try:
        with in_a_request():
            backlog = runtime.drain.backlog()
    except StoreError as error:
        problems["store"] = f"the store does not answer: {error}"
    except OSError as error:
        problems["spool"] = f"the journal cannot be read: {error}"
    else:
        if backlog.lag > LONGEST_LAG:
            problems["drain"] = f"the oldest record waits for {backlog.lag:.0f} s"
    return problems


def _told(gaps: Iterable[Gap]) -> str:
    return "".join(
        f"; {gap.count} are missing since {as_datetime(gap.start):%H:%M:%S} UTC ({gap.reason})"
        for gap in gaps
    )
