"""How well the model did on the training data, by scikit-learn."""

import numpy as np

from flask_mlmonitor.stats.binning import Binning
from flask_mlmonitor.stats.columns import Floats
from flask_mlmonitor.stats.scores import Places


def classification(
    binning: Binning, true: Places, predicted: Places | None, p: Floats | None
) -> dict[str, float]:
    """Return accuracy, weighted precision, recall and F1, ROC-AUC, log loss and Brier score.

    Those that need what was not given, or are not defined on it, are left out.

    :param true: the places of the classes, -1 for unknown; *predicted* likewise.
    :param p: the probabilities of the scored classes.
    """
    figures: dict[str, float] = {}
    if predicted is not None:
        known = (true >= 0) & (predicted >= 0)
        figures |= _of_classes(true[known], predicted[known])
    if p is not None and binning.scored:
        known = (true >= 0) & ~np.isnan(p).any(axis=1)
        if len(binning.scored) == 1:
            positive = binning.classes.index(binning.scored[0])
            figures |= _of_scores(true[known] == positive, p[known, 0])
        else:
            figures |= _of_all_scores(true[known], p[known])
    return figures


def _of_classes(true: Places, predicted: Places) -> dict[str, float]:
    from sklearn import metrics

    if not len(true):
        return {}
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(
        true, predicted, average="weighted", zero_division=0
    )
    return {
        "accuracy": float(metrics.accuracy_score(true, predicted)),
        "precision": float(precision),
        "recall": float(recall),
        "f1_score": float(f1),
    }


def _of_scores(true: "np.ndarray[tuple[int], np.dtype[np.bool_]]", p: Floats) -> dict[str, float]:
    from sklearn import metrics

    if true.all() or not true.any():
        return {}
    return {
        "roc_auc": float(metrics.roc_auc_score(true, p)),
        "log_loss": float(metrics.log_loss(true, np.stack([1 - p, p], axis=1))),
        "brier_score": float(metrics.brier_score_loss(true, p)),
    }


def _of_all_scores(true: Places, p: Floats) -> dict[str, float]:
    from sklearn import metrics

    classes = p.shape[1]
    if len(np.unique(true)) < classes or not np.allclose(p.sum(axis=1), 1, atol=1e-6):
        return {}
    auc = metrics.roc_auc_score(true, p, multi_class="ovr", average="weighted")
    return {"roc_auc": float(auc), "log_loss": float(metrics.log_loss(true, p))}


def regression(true: Floats, predicted: Floats) -> dict[str, float]:
    """Return MSE, RMSE, MAE and R² over the rows where both are finite."""
    from sklearn import metrics

    known = np.isfinite(true) & np.isfinite(predicted)
    if known.sum() < 2:
        return {}
    mse = float(metrics.mean_squared_error(true[known], predicted[known]))
    return {
        "mse": mse,
        "rmse": mse**0.5,
        "mae": float(metrics.mean_absolute_error(true[known], predicted[known])),
        "r2": float(metrics.r2_score(true[known], predicted[known])),
    }
