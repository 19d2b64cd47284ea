"""How well a model does: measured by ground truth, and estimated without."""

from collections.abc import Mapping
from datetime import datetime
from typing import Self

import msgspec

from flask_mlmonitor.background.subjects import Subject
from flask_mlmonitor.stats.drift.comparing import FeatureDrift
from flask_mlmonitor.stats.measures.figures import ClassFigures
from flask_mlmonitor.stats.performance.concept import ConceptDrift
from flask_mlmonitor.stats.verdicts.evaluation import Evaluation, Harm
from flask_mlmonitor.stats.verdicts.harm import Limit, measured_limits
from flask_mlmonitor.views.choosing import Chosen


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of one evaluation, as an :class:`~flask_mlmonitor.Evaluation` has them."""

    start: datetime
    end: datetime
    n: int
    stored: int
    labelled: int
    coverage: float | None
    class_coverage: Mapping[str, float]
    delay: float | None
    open: bool
    measured: bool
    performance: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]]
    per_class: Mapping[str, ClassFigures]
    estimated: Mapping[str, float]
    estimated_intervals: Mapping[str, tuple[float, float]]
    label_drift: FeatureDrift | None
    concept_drift: ConceptDrift | None
    harm: Mapping[str, Harm]

    @classmethod
    def of(cls, one: Evaluation) -> Self:
        """Return those of an evaluation."""
        return cls(**{name: getattr(one, name) for name in cls.__struct_fields__})


class Performance(msgspec.Struct, frozen=True, kw_only=True):
    """How well a model does in one window.

    :param windows: those that can be asked for.
    :param baseline: the figures on the training data.
    :param limits: from where on a measured figure is bad.
    :param latest: the last evaluation of the window.
    :param measured: the last one of whose predictions enough got ground truth.
    """

    model: str
    version: str
    window: str
    windows: tuple[str, ...]
    baseline: Mapping[str, float]
    limits: Mapping[str, Limit]
    latest: Figures
    measured: Figures | None


def performance_of(chosen: Chosen) -> Performance:
    """Return how well a model does in a window."""
    one = chosen.evaluation
    return Performance(
        model=one.model,
        version=one.version,
        window=one.window,
        windows=chosen.windows,
        baseline=usual(chosen.subject),
        limits=measured_limits(usual(chosen.subject), chosen.subject.limits),
        latest=Figures.of(one),
        measured=None if chosen.measured is None else Figures.of(chosen.measured),
    )


def usual(subject: Subject) -> Mapping[str, float]:
    """Return the figures that a model had on the training data."""
    return {} if subject.baseline is None else subject.baseline.performance
