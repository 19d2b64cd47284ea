"""How well a model did on predictions that a program holds in its hands."""

from typing import Any

from flask_mlmonitor._app import AppState, Declaration, load_baseline
from flask_mlmonitor._checking import check_performance
from flask_mlmonitor._evaluations import limits_of
from flask_mlmonitor.clock import as_datetime, now
from flask_mlmonitor.exceptions import ConfigError
from flask_mlmonitor.stats.performance.measuring import measure_arrays
from flask_mlmonitor.stats.verdicts.evaluation import worst
from flask_mlmonitor.stats.verdicts.harm import find_harm, measured_limits


def evaluate_arrays(
    state: AppState,
    predictions: Any,
    ground_truth: Any,
    *,
    model: str | None,
    version: str | None,
    probabilities: Any,
) -> dict[str, Any]:
    """Measure by scikit-learn, and compare the figures with the limits as they are.

    :raises ConfigError: when it is not clear which model is meant, or for arrays that do not fit
        together.
    """
    declaration = _declaration(state, model, version)
    baseline = None
    if declaration is not None:
        baseline = load_baseline(declaration.baseline, state.root)
    found = measure_arrays(
        predictions,
        ground_truth,
        probabilities=probabilities,
        baseline=baseline,
        task=None if declaration is None else declaration.task,
    )
    limits = limits_of(state, None if declaration is None else declaration.model)
    bounds = measured_limits({} if baseline is None else baseline.performance, limits)
    exact = {name: (value, value) for name, value in found.figures.items()}
    harm = find_harm(found.figures, exact, bounds, level=0.5)
    alerts = []
    if _is_watched(state, declaration):
        with state.runtime.faults.guard("store"):
            owner = (
                (None, None) if declaration is None else (declaration.model, declaration.version)
            )
            alerts = check_performance(state, found.figures, *owner)
    return {
        **found.figures,
        "n": found.n,
        "intervals": dict(found.intervals),
        "per_class": dict(found.per_class),
        "alerts": alerts,
        "severity": worst([one.severity for one in harm.values()]),
        "timestamp": as_datetime(now()),
    }


def _declaration(state: AppState, model: str | None, version: str | None) -> Declaration | None:
    """Return the model that is meant; of an app with one, that need not be said."""
    if model is not None:
        return state.declaration(model, version)
    declarations = [one for one in state.declarations() if version in (None, one.version)]
    if version is not None and len(declarations) != 1:
        models = sorted({one.model for one in state.declarations()})
        raise ConfigError("model", None, f"say whose version {version} it is: one of {models}")
    return declarations[0] if len(declarations) == 1 else None


def _is_watched(state: AppState, declaration: Declaration | None) -> bool:
    """Return whether it is clear whom an alert would be about, and who would end it."""
    known = state.declarations()
    return state.settings.enabled and (not known or declaration in known)
