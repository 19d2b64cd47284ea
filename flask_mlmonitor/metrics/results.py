"""What evaluations show on ``/metrics``: of each model the longest window that has enough data."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from flask_mlmonitor.metrics import performance
from flask_mlmonitor.metrics.metric import Metric
from flask_mlmonitor.metrics.performance import STATUS, estimated_samples, measured_samples
from flask_mlmonitor.metrics.table import (
    CHI_SQUARE,
    CRITICAL_PSI,
    DRIFT_STATUS,
    DRIFTED,
    KS,
    MISSING,
    OUT_OF_RANGE,
    OUTLIERS,
    PREDICTION_PSI,
    PREDICTION_STATUS,
    PSI,
    UNSEEN,
)
from flask_mlmonitor.stats.verdicts.evaluation import Evaluation, longest

Samples = list[tuple[tuple[str, ...], float]]


def samples_of(
    evaluations: Sequence[Evaluation], measured: Sequence[Evaluation]
) -> Mapping[Metric, Samples]:
    """Return the samples of each metric.

    :param evaluations: the last one of each window.
    :param measured: the last one of each window of whose predictions enough got ground truth.
    """
    metrics = (*_FEATURES, *_MODELS, *performance.METRICS)
    samples: dict[Metric, Samples] = {metric: [] for metric in metrics}
    for one in _longest(measured):
        for metric, value in measured_samples(one):
            samples[metric].append(((one.model, one.version), value))
    for one in _longest(evaluations):
        for metric, value in (*_of_model(one), *estimated_samples(one)):
            samples[metric].append(((one.model, one.version), value))
        for name in one.drift:
            for metric, value in _of_feature(one, name):
                samples[metric].append(((one.model, one.version, name), value))
    return samples


_MODELS: Final = (DRIFTED, PREDICTION_PSI, PREDICTION_STATUS)
_FEATURES: Final = (
    *(PSI, CRITICAL_PSI, KS, CHI_SQUARE, DRIFT_STATUS),
    *(MISSING, OUTLIERS, OUT_OF_RANGE, UNSEEN),
)


def _longest(evaluations: Iterable[Evaluation]) -> Iterator[Evaluation]:
    """Yield one evaluation for each model and version: of the longest window that was judged."""
    of_models: dict[tuple[str, str], list[Evaluation]] = {}
    for one in evaluations:
        of_models.setdefault((one.model, one.version), []).append(one)
    for windows in of_models.values():
        found = longest(windows)
        if found is not None:
            yield found


def _of_model(one: Evaluation) -> Iterator[tuple[Metric, float]]:
    if one.drift:
        yield DRIFTED, len(one.drifted) / len(one.drift)
    if one.prediction_drift is not None:
        yield PREDICTION_STATUS, STATUS[one.prediction_drift.status]
        if one.prediction_drift.psi is not None:
            yield PREDICTION_PSI, one.prediction_drift.psi.score


def _of_feature(one: Evaluation, name: str) -> Iterator[tuple[Metric, float]]:
    drift, quality = one.drift[name], one.quality[name]
    yield DRIFT_STATUS, STATUS[drift.status]
    if drift.psi is not None:
        yield PSI, drift.psi.score
        yield CRITICAL_PSI, drift.psi.critical
    if drift.ks is not None:
        yield KS, drift.ks.score
    if drift.chi_square is not None:
        yield CHI_SQUARE, drift.chi_square.score
    yield MISSING, quality.missing
    if drift.kind == "numeric":
        yield OUTLIERS, quality.outliers
        yield OUT_OF_RANGE, quality.out_of_range
    else:
        yield UNSEEN, quality.unseen
