"""What is known about one window of one model: figures, and a verdict in words."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final, Literal

import msgspec

from flask_mlmonitor.stats.cells.quality import FeatureQuality
from flask_mlmonitor.stats.drift.comparing import FeatureDrift
from flask_mlmonitor.stats.measures.figures import ClassFigures
from flask_mlmonitor.stats.performance.concept import ConceptDrift

Severity = Literal["ok", "info", "warning", "critical"]
PREDICTION: Final = "__prediction__"
"""Stands for the predictions where the others are features."""
SEVERITIES: Final[tuple[Severity, ...]] = ("ok", "info", "warning", "critical")


class Verdict(msgspec.Struct, frozen=True):
    """What a window means.

    >>> worst(["info", "ok", "warning"])
    'warning'

    :param severity: the worst of all that was found.
    :param text: what moved, how much, and since when, in a few sentences.
    """

    severity: Severity
    text: str


class Harm(msgspec.Struct, frozen=True):
    """A figure of the model that is past its limit by more than chance.

    :param figure: its name; ``estimated_`` stands before the name of one that is estimated.
    :param limit: that was passed.
    """

    figure: str
    severity: Severity
    value: float
    limit: float


class Flaw(msgspec.Struct, frozen=True):
    """A share of a feature's values that is about as large as its limit, and not by chance.

    :param what: the field of :class:`~flask_mlmonitor.stats.cells.quality.FeatureQuality`.
    :param was: the share in the baseline.
    :param severity: "ok" for one that is still below its limit.
    """

    feature: str
    what: str
    share: float
    was: float
    severity: Severity


class Evaluation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One window of one model and version.

    :param window: as configured, such as "24h".
    :param start: the beginning of the window, aware.
    :param end: the first moment behind it, aware.
    :param n: predictions in it.
    :param status: "incomplete" when predictions of this time could not be recorded: such a window
        does not alarm.
    :param drift: each feature beside the baseline: covariate shift.
    :param second_drift: each feature, and ``__prediction__``, beside the second reference, where
        one is configured.
    :param prediction_drift: the predictions beside the baseline's: prior probability shift.
    :param quality: what is wrong with each feature's values.
    :param flaws: the shares of it that matter, or nearly so.
    :param extra: the share of predictions with fields that the baseline does not know.
    :param lost: predictions of this time that could not be recorded, at least.
    :param since: the end of the first window in an unbroken row in which a feature, or
        ``__prediction__``, had drifted.
    :param stored: predictions that are stored and have a value: those that can get ground truth.
    :param predicted: how many of these are of each predicted class; about, where a share of the
        predictions is sampled.
    :param labelled: predictions of the window whose ground truth is known by now.
    :param coverage: their share among the stored ones.
    :param class_coverage: likewise, for each predicted class.
    :param delay: how late that ground truth came, the mean in seconds.
    :param open: whether more ground truth is expected: what is measured is shown, but not judged.
    :param measured: whether enough ground truth is known, and the window is not open.
    :param performance: measured by the ground truth, by name, such as "accuracy" or "rmse".
    :param intervals: the 95 % interval of each figure that has one.
    :param per_class: precision, recall and F1 of each class.
    :param estimated: what is expected from the scores of all predictions, without any ground truth.
    :param estimated_intervals: likewise.
    :param label_drift: the ground truth beside the baseline's target: prior probability shift.
    :param concept_drift: whether the model errs more, or less, than its scores say.
    :param harm: by the figure's name.
    """

    model: str
    version: str
    window: str
    start: datetime
    end: datetime
    n: int
    status: Literal["complete", "incomplete", "not_enough_data"]
    verdict: Verdict
    drift: Mapping[str, FeatureDrift] = {}
    second_drift: Mapping[str, FeatureDrift] = {}
    prediction_drift: FeatureDrift | None = None
    quality: Mapping[str, FeatureQuality] = {}
    flaws: tuple[Flaw, ...] = ()
    extra: float = 0.0
    lost: int = 0
    since: Mapping[str, datetime] = {}
    stored: int = 0
    predicted: Mapping[str, int] = {}
    labelled: int = 0
    coverage: float | None = None
    class_coverage: Mapping[str, float] = {}
    delay: float | None = None
    open: bool = False
    measured: bool = False
    performance: Mapping[str, float] = {}
    intervals: Mapping[str, tuple[float, float]] = {}
    per_class: Mapping[str, ClassFigures] = {}
    estimated: Mapping[str, float] = {}
    estimated_intervals: Mapping[str, tuple[float, float]] = {}
    label_drift: FeatureDrift | None = None
    concept_drift: ConceptDrift | None = None
    harm: Mapping[str, Harm] = {}

    @property
    def drifted(self) -> list[str]:
        """The features that have drifted, the furthest first."""
        return drifted(self.drift, self.second_drift)


def drifted(drift: Mapping[str, FeatureDrift], second: Mapping[str, FeatureDrift]) -> list[str]:
    """Return what has drifted, the furthest first.

    Where there is a second reference that knows enough, it must differ from that too.
    """
    names = [
        name
        for name, one in drift.items()
        if has_drifted(one) and (name not in second or second[name].status != "stable")
    ]
    return sorted(names, key=lambda name: -float(drift[name].psi or 0))


def has_drifted(one: FeatureDrift | None) -> bool:
    """Return whether a drift is more than chance and large enough to matter."""
    return one is not None and one.status in ("moderate", "significant")


def longest(evaluations: Iterable[Evaluation]) -> Evaluation | None:
    """Return the one of the longest window that was judged; of those alike, the first."""
    judged = (one for one in evaluations if one.status != "not_enough_data")
    return max(judged, key=lambda one: one.end - one.start, default=None)


def worst(severities: list[Severity]) -> Severity:
    """Return the worst of some severities; "ok" of none."""
    return max(severities, key=SEVERITIES.index, default="ok")
