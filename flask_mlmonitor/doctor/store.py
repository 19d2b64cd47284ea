"""Checks of the store."""

import sqlite3
from collections.abc import Iterator
from typing import Final

from flask_mlmonitor.doctor.case import Case
from flask_mlmonitor.doctor.findings import Finding
from flask_mlmonitor.doctor.places import in_container
from flask_mlmonitor.store.examining import clock_skew, count_missing, count_waiting, is_local
from flask_mlmonitor.store.reading import count_dead_letters

MOST_SKEW: Final = 2.0
DAY: Final = 86400.0
_MENDED: Final = (3, 51, 3)


def store(case: Case) -> Iterator[Finding]:
    """A store that does not answer, or is of a later version."""
    if case.store_problem is not None:
        problem = f"the store {case.database.name} cannot be used: {case.store_problem}"
        remedy = "Until it can, the journal keeps predictions, and ground truth is refused."
        yield Finding("error", problem, remedy)
    elif not case.database.exists():
        problem = f"there is no store {case.database.name} yet"
        yield Finding("info", problem, "It is made when the first prediction is stored.")


def replicas(case: Case) -> Iterator[Finding]:
    """Replicas of a container, each with a store of its own."""
    if is_local(case.database) and in_container():
        problem = (
            "this is a container, and its store is a file: each replica keeps its own, and ground "
            "truth may reach one that does not know the prediction"
        )
        remedy = "For more than one replica, set MLMONITOR_STORE_URL to a PostgreSQL database."
        yield Finding("warning", problem, remedy)


def sqlite_version(case: Case) -> Iterator[Finding]:
    """A SQLite library that can damage a file which two connections write at once."""
    if is_local(case.database) and sqlite3.sqlite_version_info < _MENDED:
        problem = f"SQLite {sqlite3.sqlite_version} can damage a file that two connections write"
        remedy = (
            "Here only one at a time does, by a lock beside the file: let nothing else write it."
        )
        yield Finding("info", problem, remedy)


def clocks(case: Case) -> Iterator[Finding]:
    """Clocks of this host and of the store that differ."""
    if is_local(case.database) or not case.store_answers:
        return
    skew = clock_skew(case.database, case.clock)
    if abs(skew) > MOST_SKEW:
        problem = f"the store's clock is {skew:+.1f} s from this host's"
        yield Finding("warning", problem, "Let both follow NTP: windows and leases go by them.")


def lost_predictions(case: Case) -> Iterator[Finding]:
    """Predictions that could not be recorded in the last day, or that the store refused."""
    if not case.store_answers:
        return
    missing = count_missing(case.database, case.clock() - DAY)
    if missing:
        reasons = ", ".join(f"{number} {reason}" for reason, number in missing.items())
        problem = f"in the last 24 hours predictions could not be recorded: {reasons}"
        yield Finding("warning", problem, "The reasons are explained in reference/metrics.")
    letters = count_dead_letters(case.database)
    if letters:
        problem = f"the store refused {letters} records; they are in the table dead_letters"
        yield Finding("warning", problem, "Look at their column `reason`; then delete them.")


def waiting_truth(case: Case) -> Iterator[Finding]:
    """Ground truth whose predictions do not come."""
    if not case.store_answers:
        return
    waiting = count_waiting(case.database, case.clock() - DAY)
    if waiting:
        problem = f"{waiting} values of ground truth wait for their prediction for over a day"
        remedy = "Their ids are wrong, or the predictions are in another host's store."
        yield Finding("warning", problem, remedy)
