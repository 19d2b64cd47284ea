"""What is said of a model's performance."""

from collections.abc import Iterator, Mapping
from typing import Final

from flask_mlmonitor.stats.baseline import Baseline
from flask_mlmonitor.stats.concept import ConceptDrift
from flask_mlmonitor.stats.evaluation import Evaluation, has_drifted
from flask_mlmonitor.stats.harm import ESTIMATED
from flask_mlmonitor.stats.limits import Limits

_NAMES: Final = {
    "accuracy": "accuracy",
    "f1_score": "F1",
    "rmse": "RMSE",
    "mae": "MAE",
}
"""The figures that a verdict names."""


def knows_harm(found: Evaluation, baseline: Baseline | None) -> bool:
    """Return whether the figures would show it if the model did worse than it should."""
    if found.measured:
        return True
    return bool(found.estimated and baseline and "accuracy" in baseline.performance)


def on_performance(found: Evaluation, baseline: Baseline | None, limits: Limits) -> Iterator[str]:
    """Say how well the model does, and whether what drifted does harm."""
    was = {} if baseline is None else baseline.performance
    if found.performance:
        yield _measured(found, was, limits)
    if found.estimated:
        yield _estimated(found, was)
    if has_drifted(found.label_drift):
        yield "The ground truth is distributed otherwise than in the baseline."
    if found.concept_drift is not None and found.concept_drift.status in _CONCEPT:
        yield _concept(found.concept_drift)
    moved = found.drifted or has_drifted(found.prediction_drift)
    if moved and not found.harm and knows_harm(found, baseline):
        yield "No harm to the model is seen."


_CONCEPT: Final = ("moderate", "significant")


def _concept(one: ConceptDrift) -> str:
    gap = one.recent if one.worse and one.recent is not None else one.gap
    than = "the scores let expect" if one.reference == "estimate" else "in the baseline"
    since = "" if one.since is None else f", since {one.since:%Y-%m-%d %H:%M} UTC"
    words = f"{abs(gap or 0):.2g} {'worse' if one.worse else 'better'} than {than}{since}"
    return f"Concept drift: the model does {words}."


def _measured(found: Evaluation, was: Mapping[str, float], limits: Limits) -> str:
    known = f"the ground truth of {found.labelled} predictions"
    if found.coverage is not None:
        known += f" ({found.coverage:.0%})"
    figures = _figures(found, found.performance, found.intervals, was, "")
    if found.labelled < limits.min_samples:
        return f"By {known}, too few to judge, {figures}."
    if found.open:
        return f"By {known}, with more to come, {figures}."
    return f"By {known}, {figures}."


def _estimated(found: Evaluation, was: Mapping[str, float]) -> str:
    words = _figures(found, found.estimated, found.estimated_intervals, was, ESTIMATED)
    return f"By the scores alone, {words}."


def _figures(
    found: Evaluation,
    figures: Mapping[str, float],
    intervals: Mapping[str, tuple[float, float]],
    was: Mapping[str, float],
    prefix: str,
) -> str:
    parts = []
    for name, word in _NAMES.items():
        if name not in figures:
            continue
        part = f"{prefix.replace('_', ' ')}{word} {figures[name]:.3g}"
        if name in intervals:
            low, high = intervals[name]
            part += f" ({low:.3g} to {high:.3g})"
        if name in was:
            part += f", {was[name]:.3g} in the baseline"
        harm = found.harm.get(f"{prefix}{name}")
        if harm is not None:
            part += f": {harm.severity}"
        parts.append(part)
    return "; ".join(parts)
