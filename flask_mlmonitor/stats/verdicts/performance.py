"""How well the model does in a window: measured where the ground truth came, else estimated."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from msgspec.structs import replace

from flask_mlmonitor.stats.baselines.baseline import Baseline
from flask_mlmonitor.stats.cells.scores import Scores
from flask_mlmonitor.stats.drift.comparing import FeatureDrift, compare
from flask_mlmonitor.stats.performance.concept import ConceptDrift, judge_concept
from flask_mlmonitor.stats.performance.estimates import Calibration, estimate
from flask_mlmonitor.stats.performance.measuring import measure
from flask_mlmonitor.stats.performance.truth import TruthSums
from flask_mlmonitor.stats.verdicts.evaluation import Evaluation
from flask_mlmonitor.stats.verdicts.harm import (
    ESTIMATED,
    estimated_limits,
    find_harm,
    measured_limits,
)
from flask_mlmonitor.stats.verdicts.limits import Limits

HELD_OPEN: Final = 0.8
"""A window is open while its coverage is below this share of what is usual for the model."""
UNEVEN: Final = 0.5
"""Or while one predicted class has less than this share of the best covered class's coverage."""
FEW: Final = 30
"""Of so few predictions of a class, its coverage says nothing."""


class Truth(NamedTuple):
    """What is known of a window by its ground truth.

    :param usual: the coverage that the model's predictions have in the end.
    :param hours: the start of each hour whose ground truth came, and its sums.
    """

    sums: TruthSums
    usual: float | None = None
    hours: Sequence[tuple[int, TruthSums]] = ()


def measured(
    of: Evaluation, truth: Truth, baseline: Baseline | None, limits: Limits, level: float
) -> dict[str, Any]:
    """Return the fields of an evaluation that follow from the ground truth."""
    sums = truth.sums
    if not sums.n:
        return {"coverage": 0.0 if of.stored else None}
    found = measure(sums)
    was = {} if baseline is None else baseline.performance
    coverage = min(1.0, sums.n / of.stored) if of.stored else None
    by_class = _class_coverage(of, sums)
    is_open = _is_open(coverage, by_class, truth.usual)
    is_measured = sums.n >= limits.min_samples and not is_open
    bounds = measured_limits(was, limits) if is_measured else {}
    return {
        "labelled": sums.n,
        "coverage": coverage,
        "class_coverage": by_class,
        "delay": sums.delay,
        "open": is_open,
        "measured": is_measured,
        "performance": found.figures,
        "intervals": found.intervals,
        "per_class": found.per_class,
        "label_drift": None if is_open else _label_drift(sums, baseline, limits, level),
        "concept_drift": None if is_open else _concept_drift(truth, baseline, limits, level),
        "harm": find_harm(found.figures, found.intervals, bounds, level),
    }


def estimated(
    scores: Mapping[str, Scores], baseline: Baseline, limits: Limits, level: float
) -> dict[str, Any]:
    """Return the fields of an evaluation that follow from the scores alone."""
    calibration = Calibration.of(baseline)
    found = None if calibration is None else estimate(scores, calibration)
    if found is None or found.n < limits.min_samples:
        return {}
    bounds = estimated_limits(baseline.performance, limits)
    harm = find_harm(found.figures, found.intervals, bounds, level)
    return {
        "estimated": found.figures,
        "estimated_intervals": found.intervals,
        "harm": {
            f"{ESTIMATED}{name}": replace(one, figure=f"{ESTIMATED}{name}")
            for name, one in harm.items()
        },
    }


def _class_coverage(of: Evaluation, sums: TruthSums) -> dict[str, float]:
    """Return the coverage of each predicted class that was predicted often enough to say."""
    labelled = Counter[str]()
    for (_, said), number in sums.confusion.items():
        labelled[said] += number
    return {
        name: min(1.0, labelled[name] / number)
        for name, number in of.predicted.items()
        if number >= FEW
    }


def _is_open(coverage: float | None, by_class: Mapping[str, float], usual: float | None) -> bool:
    """Return whether more ground truth is to come, or came of one class only."""
    if coverage is None:
        return False
    if coverage < HELD_OPEN * (usual or 0.0):
        return True
    return min(by_class.values(), default=1.0) < UNEVEN * max(by_class.values(), default=0.0)


def _label_drift(
    sums: TruthSums, baseline: Baseline | None, limits: Limits, level: float
) -> FeatureDrift | None:
    if baseline is None or baseline.target is None or sums.target is None:
        return None
    return compare(
        baseline.target.cells,
        sums.target,
        alpha=level,
        psi_warning=limits.psi_warning,
        psi_critical=limits.psi_critical,
        min_samples=limits.min_samples,
    )


def _concept_drift(
    truth: Truth, baseline: Baseline | None, limits: Limits, level: float
) -> ConceptDrift | None:
    if baseline is None:
        return None
    return judge_concept(
        truth.sums,
        truth.hours,
        Calibration.of(baseline),
        baseline,
        level=level,
        drop_warning=limits.accuracy_drop_warning,
        drop_critical=limits.accuracy_drop_critical,
        min_samples=limits.min_samples,
    )
