"""Checks of the models that the app declares."""

from collections.abc import Iterator
from typing import Final

from flask_mlmonitor._app import load_baseline
from flask_mlmonitor.doctor.case import Case
from flask_mlmonitor.doctor.findings import Finding
from flask_mlmonitor.exceptions import BaselineError
from flask_mlmonitor.request.prediction import ORDER, bypassed_views

OLD_DAYS: Final = 365


def models(case: Case) -> Iterator[Finding]:
    """Whether anything is monitored at all."""
    if not case.state.declarations():
        remedy = "Put @monitor.prediction(...) under a route, or call monitor.register(...)."
        yield Finding("warning", "no model is declared, so nothing is monitored", remedy)


def views(case: Case) -> Iterator[Finding]:
    """Views whose decorator stands above their route."""
    for view in bypassed_views(case.app):
        problem = f"the app's view {view!r} is decorated and yet not monitored"
        yield Finding("error", problem, ORDER)


def baselines(case: Case) -> Iterator[Finding]:
    """Baselines that are missing, damaged or old."""
    for declared in case.state.declarations():
        name = f"model {declared.model} {declared.version}"
        try:
            baseline = load_baseline(declared.baseline, case.state.root)
        except BaselineError as error:
            yield Finding("error", f"{name}: {error}", "Until then its views cannot be monitored.")
            continue
        if baseline is None:
            problem = f"{name} has no baseline: its input is not checked, drift is not looked for"
            remedy = "Build one: flask mlmonitor baseline build DATA -o FILE"
            yield Finding("info", problem, remedy)
        elif (days := (case.clock() - baseline.created.timestamp()) / 86400) > OLD_DAYS:
            problem = f"the baseline of {name} is {days:.0f} days old"
            remedy = "If the model was trained since, build it anew from that data."
            yield Finding("warning", problem, remedy)
