"""Checks of what people are told."""

from collections.abc import Iterator
from typing import Final

from flask_mlmonitor.alerts.routing import keys_to_set
from flask_mlmonitor.doctor.case import Case
from flask_mlmonitor.doctor.findings import Finding
from flask_mlmonitor.store.levels import DAY
from flask_mlmonitor.store.outbox import count_dead

_LOG: Final = {"log"}


def channels(case: Case) -> Iterator[Finding]:
    """Alerts that nobody hears of, and messages that lead nowhere."""
    settings, there = case.settings, case.state.channels
    missing = " or ".join(keys_to_set(settings, there))
    if missing and set(there) == _LOG:
        problem = "nobody but the log is told of alerts"
        yield Finding("warning", problem, f"Set {missing}; try it with flask mlmonitor notify.")
    elif missing:
        problem = "alerts are routed to channels that are not configured"
        yield Finding("info", problem, f"Set {missing}, or change MLMONITOR_ALERT_ROUTE_….")
    if set(there) > _LOG and settings.runbook_url is None:
        problem = "messages do not link to the runbook, because nobody knows its address"
        remedy = f"Set MLMONITOR_RUNBOOK_URL, such as https://…{settings.url_prefix}/runbook."
        yield Finding("info", problem, remedy)


def undelivered(case: Case) -> Iterator[Finding]:
    """Messages of the last day that were given up."""
    if not case.store_answers:
        return
    dead = count_dead(case.database, case.state.name, since=case.clock() - DAY)
    if dead:
        problem = f"messages of the last 24 hours could not be delivered: {dead}"
        yield Finding("error", problem, "See why: flask mlmonitor alerts messages.")
