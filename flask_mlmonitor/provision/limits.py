"""The thresholds in force: those of the app, of its models, and of their baselines."""

from collections.abc import Mapping
from math import sqrt
from typing import Final

from flask_mlmonitor._app import AppState, Declaration, load_baseline
from flask_mlmonitor._evaluations import limits_of
from flask_mlmonitor.alerts.levels import Thresholds
from flask_mlmonitor.alerts.rule import Rule
from flask_mlmonitor.config import Settings
from flask_mlmonitor.provision.scopes import Judged, Node, Scope, scopes_of
from flask_mlmonitor.stats.baselines.baseline import Baseline
from flask_mlmonitor.stats.verdicts.harm import ESTIMATED, estimated_limits, measured_limits

SHARES: Final = {
    "missing": "missing",
    "wrong_type": "invalid",
    "outliers": "outliers",
    "out_of_range": "out_of_range",
    "unseen_categories": "unseen",
}
"""The share of a baseline's column that a rule compares with."""
ERRORS: Final = 3.0
"""So many standard errors above the baseline's share begins what is more than chance."""


def scopes(rule: Rule, state: AppState) -> list[Scope]:
    """Return what decides about a rule's figure, for each model of the app.

    :raises BaselineError: when a baseline cannot be read.
    """
    if rule.family == "monitor":
        return scopes_of(Node(_configured(rule, state.settings)))
    declared: dict[str, list[Declaration]] = {name: [] for name in state.settings.models}
    for one in state.declarations():
        declared.setdefault(one.model, []).append(one)
    models = {name: _model(rule, name, state, ones) for name, ones in declared.items()}
    return scopes_of(Node(_configured(rule, state.settings), "model", models))


def _model(rule: Rule, model: str, state: AppState, declared: list[Declaration]) -> Node:
    settings = state.settings.for_model(model)
    own = _configured(rule, settings)
    versions = {}
    for one in declared:
        baseline = load_baseline(one.baseline, state.root)
        if rule.relative is not None:
            versions[one.version] = Node(_relative(rule, state, model, baseline))
        elif rule.name in SHARES and baseline is not None:
            features = _features(rule, settings, baseline)
            versions[one.version] = Node(own, "feature", features)
    return Node(own, "version", versions)


def _configured(rule: Rule, settings: Settings) -> Judged | None:
    return _judged(rule.thresholds(settings), settings)


def _judged(limits: Thresholds, settings: Settings) -> Judged | None:
    if limits.warning is None and limits.critical is None:
        return None
    return Judged(limits, settings.alert_for)


def _relative(rule: Rule, state: AppState, model: str, baseline: Baseline | None) -> Judged | None:
    """Return the limits of a figure that is compared with the baseline's, as the evaluator has."""
    was = {} if baseline is None else baseline.performance
    find = estimated_limits if rule.name.startswith(ESTIMATED) else measured_limits
    limit = find(was, limits_of(state, model)).get(rule.name.removeprefix(ESTIMATED))
    if limit is None:
        return None
    thresholds = Thresholds(limit.warning, limit.critical, low=limit.low)
    return _judged(thresholds, state.settings.for_model(model))


def _features(rule: Rule, settings: Settings, baseline: Baseline) -> Mapping[str, Node]:
    """Return the limits of a share for each feature: more than chance makes of the baseline's."""
    found = {}
    for column in baseline.columns:
        was = getattr(column.quality, SHARES[rule.name])
        least = was + ERRORS * sqrt(was * (1 - was) / settings.min_samples)
        limits = rule.thresholds(settings)
        limits = limits._replace(
            warning=_raised(limits.warning, least), critical=_raised(limits.critical, least)
        )
        found[column.name] = Node(_judged(limits, settings))
    return found


def _raised(limit: float | None, least: float) -> float | None:
    """Return a limit that is at least so high; none where no share can be above it."""
    raised = None if limit is None else max(limit, round(least, 4))
    return raised if raised is not None and raised < 1 else None
