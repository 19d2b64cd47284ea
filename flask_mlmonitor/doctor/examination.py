"""All checks, one after the other."""

from collections.abc import Callable, Iterator
from typing import Final

from flask_mlmonitor._app import AppState
from flask_mlmonitor.background.folders import Folders
from flask_mlmonitor.clock import Clock, now
from flask_mlmonitor.doctor import configuration, folders, journal, models, store, telling
from flask_mlmonitor.doctor.case import Case
from flask_mlmonitor.doctor.findings import LEVELS, Finding

Check = Callable[[Case], Iterator[Finding]]

ANYWHERE: Final[tuple[Check, ...]] = (
    configuration.metrics_path,
    models.models,
    models.views,
    models.baselines,
)
"""The checks that make sense in a test, too."""
DEPLOYED: Final[tuple[Check, ...]] = (
    configuration.access,
    telling.channels,
    telling.undelivered,
    folders.data_folder,
    folders.file_systems,
    folders.free_space,
    store.store,
    store.replicas,
    store.sqlite_version,
    store.clocks,
    store.lost_predictions,
    store.waiting_truth,
    journal.backlog,
    journal.segments,
    journal.drain,
)


def examine(state: AppState, *, clock: Clock = now) -> list[tuple[str, Finding]]:
    """Return what is not as it should be, each with its check's name; the worst first.

    A check that fails is a finding as well, and in nobody's way.
    """
    app = state.app()
    assert app is not None, "an app that is gone"
    if not state.settings.enabled:
        remedy = "Set MLMONITOR_ENABLED=true to monitor."
        return [("enabled", Finding("info", "MLMONITOR_ENABLED is false: nothing is done", remedy))]
    found = []
    checks = ANYWHERE if app.testing else (*ANYWHERE, *DEPLOYED)
    if app.testing:
        problem = "the app is under TESTING: everything it keeps is temporary"
        found.append(("testing", Finding("info", problem, "Examine it as it is deployed.")))
    case = Case(state, app, Folders.expected(state.settings), clock)
    try:
        for check in checks:
            found += [(check.__name__, finding) for finding in _findings(check, case)]
    finally:
        case.database.close()
    return sorted(found, key=lambda one: LEVELS.index(one[1].level))


def _findings(check: Check, case: Case) -> list[Finding]:
    try:
        return list(check(case))
    except Exception as error:  # noqa: BLE001  one check is not in the way of the others
        problem = f"this could not be checked: {type(error).__name__}: {error}"
        return [Finding("error", problem, "Mend that first, or report it.")]
