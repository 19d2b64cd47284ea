"""How well the model did on the training data."""

import numpy as np

from flask_mlmonitor.stats.cells.binning import Binning
from flask_mlmonitor.stats.cells.columns import Floats
from flask_mlmonitor.stats.cells.scores import Places, scored_places
from flask_mlmonitor.stats.measures import figures
from flask_mlmonitor.stats.measures.errors import ErrorSums
from flask_mlmonitor.stats.measures.losses import LossSums
from flask_mlmonitor.stats.measures.ranking import Ranking


def classification(
    binning: Binning, true: Places, predicted: Places | None, p: Floats | None
) -> dict[str, float]:
    """Return accuracy, weighted precision, recall and F1, ROC-AUC, log loss and Brier score.

    Those that need what was not given, or are not defined on it, are left out.

    :param true: the places of the classes, -1 for unknown; *predicted* likewise.
    :param p: the probabilities of the scored classes.
    """
    found: dict[str, float] = {}
    if predicted is not None:
        known = (true >= 0) & (predicted >= 0)
        pairs = true[known], predicted[known]
        found |= figures.of_classes(figures.of_each_class(binning.classes, *pairs), *pairs)
    if p is not None and binning.scored:
        known = (true >= 0) & ~np.isnan(p).any(axis=1)
        own = true[known, np.newaxis] == scored_places(binning)
        ranking = Ranking.of(p[known], np.zeros_like(own), own, exact=True)
        found |= figures.of_scores(figures.areas_of(ranking), LossSums.of(p[known], own))
    return found


def regression(true: Floats, predicted: Floats) -> dict[str, float]:
    """Return MSE, RMSE, MAE and R² over the rows where both are finite."""
    known = np.isfinite(true) & np.isfinite(predicted)
    return figures.of_errors(ErrorSums.of(true[known], predicted[known]))
