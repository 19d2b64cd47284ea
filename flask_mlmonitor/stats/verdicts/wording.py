"""What is said of a model's performance."""

from collections.abc import Iterator, Mapping
from typing import Final

from flask_mlmonitor.stats.baselines.baseline import Baseline
from flask_mlmonitor.stats.performance.concept import ConceptDrift
from flask_mlmonitor.stats.verdicts.evaluation import Evaluation, has_drifted
from flask_mlmonitor.stats.verdicts.harm import ESTIMATED
from flask_mlmonitor.stats.verdicts.limits import Limits

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
    if found.label_drift is not None and has_drifted(found.label_drift):
        yield f"The ground truth drifted (PSI {float(found.label_drift.psi or 0):.2f})."
    if found.concept_drift is not None and found.concept_drift.status in _CONCEPT:
        yield _concept(found.concept_drift, "mae" in found.performance)
    moved = found.drifted or has_drifted(found.prediction_drift)
    if moved and not found.harm and knows_harm(found, baseline):
        yield "No harm to the model is seen."


_CONCEPT: Final = ("moderate", "significant")


def _concept(one: ConceptDrift, regression: bool) -> str:
    recent = one.worse and one.recent is not None
    gap = abs((one.recent if recent else one.gap) or 0)
    since = f" since {one.since:%Y-%m-%d %H:%M} UTC" if recent and one.since else ""
    if regression:
        more = "larger" if one.worse else "smaller"
        return f"Concept drift: errors are {gap:.0%} {more} than the baseline's{since}."
    than = "its scores promise" if one.reference == "estimate" else "the baseline's"
    more = "lower" if one.worse else "higher"
    return f"Concept drift: accuracy is {gap:.2g} {more} than {than}{since}."


def _measured(found: Evaluation, was: Mapping[str, float], limits: Limits) -> str:
    known = f"By the ground truth of {found.labelled} predictions"
    if found.coverage is not None:
        known += f" ({found.coverage:.0%})"
    if found.labelled < limits.min_samples:
        known += ", too few to judge"
    elif found.open:
        known += ", with more to come"
    return f"{known}: {_figures(found, found.performance, found.intervals, was, '')}."


def _estimated(found: Evaluation, was: Mapping[str, float]) -> str:
    words = _figures(found, found.estimated, found.estimated_intervals, was, ESTIMATED)
    return f"By the scores alone: {words}."


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
            part += f", {_change(figures[name], was[name], intervals.get(name))}"
        harm = found.harm.get(f"{prefix}{name}")
        if harm is not None:
            part += f": {harm.severity}"
        parts.append(part)
    return "; ".join(parts)


def _change(value: float, was: float, interval: tuple[float, float] | None) -> str:
    """Say how far a figure is from the baseline's, if that may be more than chance."""
    if interval is not None and interval[0] <= was <= interval[1]:
        return f"unchanged from {was:.3g}"
    return f"{'up' if value > was else 'down'} {abs(value - was):.2g} from {was:.3g}"
