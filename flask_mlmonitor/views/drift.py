"""How far each feature of a window is from the baseline."""

from collections.abc import Iterator, Mapping
from datetime import datetime

import msgspec

from flask_mlmonitor._app import AppState
from flask_mlmonitor.background.counted import Counted
from flask_mlmonitor.stats.baselines.baseline import Baseline
from flask_mlmonitor.stats.cells.counts import FeatureCounts
from flask_mlmonitor.stats.drift.comparing import FeatureDrift
from flask_mlmonitor.stats.performance.concept import ConceptDrift
from flask_mlmonitor.stats.verdicts.evaluation import PREDICTION, Evaluation, Verdict
from flask_mlmonitor.views.choosing import Chosen
from flask_mlmonitor.views.distributions import Distribution, read_counts


class Feature(msgspec.Struct, frozen=True, kw_only=True):
    """A feature, or ``__prediction__``, beside the baseline.

    :param drift: each distance with its score, and the critical value and sizes of this window.
    :param second: beside the second reference, where one is configured.
    :param since: the end of the first window in an unbroken row in which it had drifted.
    :param distribution: ``None`` where nothing was counted over the baseline's bins.
    """

    name: str
    drift: FeatureDrift
    second: FeatureDrift | None
    since: datetime | None
    distribution: Distribution | None


class Drift(msgspec.Struct, frozen=True, kw_only=True):
    """A window beside the baseline.

    :param windows: those that can be asked for.
    :param psi_warning: from here on a feature whose difference is more than chance has drifted.
    :param psi_critical: likewise, significantly.
    :param features: the furthest first.
    :param label_drift: the ground truth beside the baseline's target.
    """

    model: str
    version: str
    window: str
    windows: tuple[str, ...]
    start: datetime
    end: datetime
    n: int
    status: str
    verdict: Verdict
    psi_warning: float
    psi_critical: float
    drifted: tuple[str, ...]
    features: tuple[Feature, ...]
    prediction: Feature | None
    label_drift: FeatureDrift | None
    concept_drift: ConceptDrift | None


def read_drift(state: AppState, chosen: Chosen) -> Drift:
    """Return how far each feature of a window is from the baseline.

    :raises StoreError: when the store does not answer.
    """
    one, subject = chosen.evaluation, chosen.subject
    counts = read_counts(Counted(state.runtime.database, subject), chosen)
    baseline = subject.baseline
    known = {} if baseline is None else {column.name: column.cells for column in baseline.columns}
    return Drift(
        model=one.model,
        version=one.version,
        window=one.window,
        windows=chosen.windows,
        start=one.start,
        end=one.end,
        n=one.n,
        status=one.status,
        verdict=one.verdict,
        psi_warning=subject.limits.psi_warning,
        psi_critical=subject.limits.psi_critical,
        drifted=tuple(one.drifted),
        features=tuple(sorted(_features(one, known, counts.features), key=_nearness)),
        prediction=_prediction(one, baseline, counts.predictions),
        label_drift=one.label_drift,
        concept_drift=one.concept_drift,
    )


def _features(
    one: Evaluation,
    expected: Mapping[str, FeatureCounts],
    observed: Mapping[str, FeatureCounts],
) -> Iterator[Feature]:
    for name, drift in one.drift.items():
        yield _feature(one, name, drift, _beside(expected.get(name), observed.get(name)))


def _prediction(
    one: Evaluation, baseline: Baseline | None, observed: FeatureCounts | None
) -> Feature | None:
    if one.prediction_drift is None:
        return None
    expected = baseline.prediction.cells if baseline and baseline.prediction else None
    return _feature(one, PREDICTION, one.prediction_drift, _beside(expected, observed))


def _feature(
    one: Evaluation, name: str, drift: FeatureDrift, distribution: Distribution | None
) -> Feature:
    return Feature(
        name=name,
        drift=drift,
        second=one.second_drift.get(name),
        since=one.since.get(name),
        distribution=distribution,
    )


def _beside(expected: FeatureCounts | None, observed: FeatureCounts | None) -> Distribution | None:
    if expected is None or observed is None or expected.bins != observed.bins:
        return None  # the baseline is another one by now
    return Distribution.of(expected, observed)


def _nearness(feature: Feature) -> float:
    return -float(feature.drift.psi or 0)
