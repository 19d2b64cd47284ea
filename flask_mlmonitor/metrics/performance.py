"""The metrics of how well the models do."""

from collections.abc import Iterator
from typing import Final

from flask_mlmonitor.metrics.metric import Metric
from flask_mlmonitor.stats.verdicts.evaluation import Evaluation

_MODEL: Final = ("model", "version")
_CLASSIFICATION: Final = {
    "accuracy": "The share of predictions that are right",
    "precision": "The precision, weighted by class",
    "recall": "The recall, weighted by class",
    "f1_score": "The F1 score, weighted by class",
    "roc_auc": "The area under the ROC curve",
    "log_loss": "The log loss of the probabilities",
    "brier_score": "The Brier score of the probabilities",
}
_REGRESSION: Final = {
    "mse": "The mean squared error",
    "rmse": "The root of the mean squared error",
    "mae": "The mean absolute error",
    "r2": "The share of the variance that is explained",
}

MEASURED: Final = {
    figure: Metric(f"ml_model_{figure}", "gauge", _MODEL, f"{text}, by the ground truth.")
    for figure, text in (_CLASSIFICATION | _REGRESSION).items()
}
ESTIMATED: Final = {
    figure: Metric(
        f"ml_model_estimated_{figure}",
        "gauge",
        _MODEL,
        f"{text}, as expected from the scores, without any ground truth.",
    )
    for figure, text in _CLASSIFICATION.items()
}
CONCEPT: Final = Metric(
    "ml_concept_drift_status",
    "gauge",
    _MODEL,
    "0 stable, 1 moderate, 2 significant, -1 not enough data: whether the model errs more or less "
    "often than its scores say.",
)
LABEL_PSI: Final = Metric(
    "ml_label_drift_psi", "gauge", _MODEL, "How far the ground truth moved from the baseline's."
)
STATUS: Final = {"not_enough_data": -1, "stable": 0, "moderate": 1, "significant": 2}

METRICS: Final = (*MEASURED.values(), *ESTIMATED.values(), CONCEPT, LABEL_PSI)


def measured_samples(one: Evaluation) -> Iterator[tuple[Metric, float]]:
    """Yield what is known by the ground truth of a window."""
    for figure, metric in MEASURED.items():
        if figure in one.performance:
            yield metric, one.performance[figure]
    if one.concept_drift is not None:
        yield CONCEPT, STATUS[one.concept_drift.status]
    if one.label_drift is not None and one.label_drift.psi is not None:
        yield LABEL_PSI, one.label_drift.psi.score


def estimated_samples(one: Evaluation) -> Iterator[tuple[Metric, float]]:
    """Yield what is expected from the scores of a window."""
    for figure, metric in ESTIMATED.items():
        if figure in one.estimated:
            yield metric, one.estimated[figure]
