"""Whether the monitor works; not whether the app does."""

from typing import Final

from flask_mlmonitor._app import AppState
from flask_mlmonitor.exceptions import StoreError

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
        problems["journal"] = f"predictions cannot be recorded: {runtime.journal.error}"
    try:
        backlog = runtime.drain.backlog()
    except StoreError as error:
        problems["store"] = f"the store does not answer: {error}"
    else:
        if backlog.lag > LONGEST_LAG:
            problems["drain"] = f"the oldest record waits for {backlog.lag:.0f} s"
    return problems
