"""An app's models as the evaluator knows them, and what happens when they are evaluated."""

import time
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from blinker import Signal

from flask_mlmonitor import signals
from flask_mlmonitor._app import AppState, load_baseline
from flask_mlmonitor.background.evaluator import keep, run
from flask_mlmonitor.background.runtime import Runtime
from flask_mlmonitor.background.schedule import Schedule
from flask_mlmonitor.background.subjects import Subject
from flask_mlmonitor.clock import now, seconds_of
from flask_mlmonitor.exceptions import ConfigError
from flask_mlmonitor.stats.verdicts.evaluation import Evaluation
from flask_mlmonitor.stats.verdicts.limits import Limits
from flask_mlmonitor.store.levels import MINUTE

FLUSH_SECONDS: Final = 10.0


def subjects_of(state: AppState) -> list[Subject]:
    """Return the app's models with their baselines and limits.

    :raises BaselineError: when a baseline cannot be read.
    """
    subjects = []
    for declaration in state.declarations():
        settings = state.settings.for_model(declaration.model)
        subjects.append(
            Subject(
                model=declaration.model,
                version=declaration.version,
                windows=settings.windows,
                second_reference=settings.second_reference,
                alarm_budget=settings.alarm_budget,
                limits=limits_of(state, declaration.model),
                baseline=load_baseline(declaration.baseline, state.root),
                task=declaration.task,
            )
        )
    return subjects


def limits_of(state: AppState, model: str | None) -> Limits:
    """Return from where on a model's figures matter; without a model, those of the app."""
    settings = state.settings if model is None else state.settings.for_model(model)
    return Limits(**{name: getattr(settings, name) for name in Limits.__struct_fields__})


def schedule_of(state: AppState, runtime: Runtime) -> Schedule:
    """Return the schedule of the app's evaluations."""
    return Schedule(
        state.name,
        runtime.database,
        runtime.folders.store_url,
        lambda: subjects_of(state),
        waits=runtime.waits_for,
        on_finished=lambda evaluations: tell_evaluated(state, evaluations),
    )


def evaluate_now(state: AppState, model: str | None, at: datetime | None) -> tuple[Evaluation, ...]:
    """Evaluate in this process, store the results and tell the listeners.

    :raises ConfigError: for an unknown model, or a time without a time zone.
    :raises StoreUnavailable: when the store does not answer.
    """
    moment = now() if at is None else seconds_of("at", at)
    subjects = subjects_of(state)
    if model is not None:
        known = sorted({one.model for one in subjects})
        subjects = [one for one in subjects if one.model == model]
        if not subjects:
            raise ConfigError("model", model, f"name one of the app's models {known}")
    runtime = state.runtime
    runtime.flush(FLUSH_SECONDS)
    began = time.monotonic()
    found = run(runtime.database, subjects, moment)
    seconds = time.monotonic() - began
    over = abs(moment - now()) > MINUTE + seconds
    keep(runtime.database, found, seconds=seconds, replace=True, told=over)
    tell_evaluated(state, found.evaluations)
    if runtime.inline and not over:
        runtime.duties[state.name].watch.look()
        runtime.duties[state.name].watch.delivery.run()
    return tuple(found.evaluations)


def tell_evaluated(state: AppState, evaluations: Sequence[Evaluation]) -> None:
    """Send the signals of evaluations that were stored."""
    for one in evaluations:
        tell(state, signals.evaluation_finished, evaluation=one)
        new = [name for name in one.drifted if one.since.get(name) == one.end]
        if new:
            tell(state, signals.drift_detected, evaluation=one, features=new)


def tell(state: AppState, signal: Signal, **told: object) -> None:
    """Send a signal from a background thread; a receiver that fails is in no other's way."""
    app = state.app()
    if app is None or signal.is_muted:
        return
    with app.app_context():
        for receiver in signal.receivers_for(app):
            with state.runtime.faults.guard("signal"):
                app.ensure_sync(receiver)(app, **told)
