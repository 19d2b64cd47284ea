"""From the flights of the first weeks to the two files that the service needs."""

from typing import Final

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, SplineTransformer

from flask_mlmonitor import Baseline

from .data import TRAINING, between
from .model import CATEGORIES, FEATURES, LATE, NUMBERS, Curve, LateArrivals, label

KNOTS: Final = {"dep_delay": 25, "sched_minutes": 10, "distance": 10, "hour": 12, "weekday": 7}
WEATHER_KNOTS: Final = 4
TAIL: Final = 0.005
REGULARISATION: Final = 0.3
FOLDS: Final = 3
"""Parts of the training weeks, each predicted by a model of the others."""


def training_flights(flights: pd.DataFrame) -> pd.DataFrame:
    """Keep the flights of the training weeks whose outcome is known."""
    weeks = between(flights, *TRAINING)
    return weeks[weeks["outcome"].notna()]


def fit(flights: pd.DataFrame) -> LateArrivals:
    """Fit the model to flights with known outcomes."""
    return exported(fitted_pipeline(flights))


def fitted_pipeline(flights: pd.DataFrame) -> Pipeline:
    """Fit scikit-learn's form of the model: a curve per number, a weight per category."""
    return _pipeline(flights).fit(flights[list(FEATURES)], flights["outcome"] == LATE)


def exported(pipeline: Pipeline) -> LateArrivals:
    """Read the tables of weights out of a fitted pipeline."""
    encode, weigh = pipeline.named_steps["encode"], pipeline.named_steps["weigh"]
    weights = {name: weigh.coef_[0, part] for name, part in encode.output_indices_.items()}
    one_hot = encode.named_transformers_["categories"]
    ends = np.cumsum([len(values) for values in one_hot.categories_])
    parts = np.split(weights["categories"], ends[:-1])
    return LateArrivals(
        intercept=float(weigh.intercept_[0]),
        numbers={
            name: _exported_curve(encode.named_transformers_[name], weights[name])
            for name in NUMBERS
        },
        categories={
            name: dict(zip(values.tolist(), part.tolist(), strict=True))
            for name, values, part in zip(CATEGORIES, one_hot.categories_, parts, strict=True)
        },
    )


def build_baseline(flights: pd.DataFrame) -> Baseline:
    """Describe the training data, and how well such a model does on flights that it never saw."""
    late = flights["outcome"] == LATE
    chances = cross_val_predict(
        _pipeline(flights), flights[list(FEATURES)], late, cv=FOLDS, method="predict_proba"
    )[:, 1]
    return Baseline.from_dataframe(
        flights[[*FEATURES, "outcome"]],
        target="outcome",
        predictions=np.array([label(chance) for chance in chances]),
        probabilities=chances,
        positive=LATE,
    )


def _pipeline(flights: pd.DataFrame) -> Pipeline:
    encoders = [(name, _curve(flights[name], name), [name]) for name in NUMBERS]
    one_hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    return Pipeline(
        [
            ("encode", ColumnTransformer([*encoders, ("categories", one_hot, list(CATEGORIES))])),
            ("weigh", LogisticRegression(C=REGULARISATION, solver="newton-cholesky")),
        ]
    )


def _curve(values: "pd.Series[float]", name: str) -> Pipeline:
    shares = np.linspace(TAIL, 1 - TAIL, KNOTS.get(name, WEATHER_KNOTS))
    knots = np.unique(values.dropna().quantile(shares))
    hats = SplineTransformer(degree=1, knots=knots[:, np.newaxis], extrapolation="constant")
    return Pipeline([("impute", SimpleImputer(strategy="median")), ("hats", hats)])


def _exported_curve(curve: Pipeline, weights: np.ndarray) -> Curve:
    # A hat is 1 at its own knot and 0 at every other, so its weight is the curve's value there.
    knots = curve.named_steps["hats"].knots[:, 0]
    median = curve.named_steps["impute"].statistics_[0]
    missing = float(np.interp(median, knots, weights))
    return Curve(knots.tolist(), weights.tolist(), missing)
