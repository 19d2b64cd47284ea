"""A batch: columns of predictions and their truth, in whatever a program holds them."""

import math
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

from flask_mlmonitor import Baseline
from flask_mlmonitor.exceptions import ConfigError
from flask_mlmonitor.stats.performance.measuring import measure_arrays

TRUE = [0, 1, 1, 0, 1, 1]
GUESS = [0, 1, 0, 0, 1, 1]
P = [0.2, 0.8, 0.4, 0.4, 0.9, 0.7]


@pytest.mark.parametrize(
    "column",
    [
        list,
        tuple,
        np.array,
        pd.Series,
        lambda values: np.array(values).reshape(-1, 1),
        lambda values: pd.DataFrame({"y": values}),
        lambda values: pd.Series(values, index=range(9, 3, -1), dtype="Int64"),
        lambda values: pd.Series(values, dtype="category"),
        lambda values: np.array(values, dtype=bool),
        lambda values: np.array(values, dtype=object),
        lambda values: [np.int8(value) for value in values],
        lambda values: [Decimal(value) for value in values],
        lambda values: map(str, values),
    ],
)
def test_columns_of_any_kind(column: Any) -> None:
    """Positions count, not an index; and another spelling of a class is the class."""
    found = measure_arrays(GUESS, column(TRUE))

    assert found.n == 6
    assert found.figures["accuracy"] == pytest.approx(metrics.accuracy_score(TRUE, GUESS))
    assert found.per_class["1"].recall == 0.75
    assert measure_arrays(column(GUESS), TRUE).figures == found.figures


@pytest.mark.parametrize(
    "given",
    [
        P,
        np.array(P),
        pd.Series(P),
        np.array(P).reshape(-1, 1),
        np.stack([1 - np.array(P), P], axis=1),
        pd.DataFrame({0: 1 - np.array(P), 1: P}),
        [(1 - p, p) for p in P],
        [{"0": 1 - p} for p in P],
        [{1: p, 0: 1 - p} for p in P],
    ],
)
@pytest.mark.parametrize("known", [True, False])
def test_probabilities_of_any_kind(given: Any, known: bool) -> None:
    """P(positive), a column for each class, or a mapping; with a baseline and without."""
    frame = pd.DataFrame({"x": range(6)})
    baseline = Baseline.from_dataframe(frame, target=TRUE) if known else None

    found = measure_arrays(GUESS, TRUE, given, baseline)

    assert found.figures["roc_auc"] == pytest.approx(metrics.roc_auc_score(TRUE, P))
    assert found.figures["brier_score"] == pytest.approx(metrics.brier_score_loss(TRUE, P))
    loss = metrics.log_loss(TRUE, np.stack([1 - np.array(P), P], axis=1))
    assert found.figures["log_loss"] == pytest.approx(loss)


def test_the_classes_that_were_met_need_not_be_all() -> None:
    """Columns of probabilities, or the other boolean, say what else there is."""
    three = [[0.7, 0.2, 0.1], [0.2, 0.7, 0.1]]

    assert measure_arrays([0, 1], [0, 1], three).figures["log_loss"] == pytest.approx(
        -math.log(0.7)
    )
    assert measure_arrays([1, 1], [1, 1], [0.8, 0.8]).figures["log_loss"] == pytest.approx(
        -math.log(0.8)
    )
    assert measure_arrays([True], [True], [0.5]).figures["brier_score"] == 0.25


@pytest.mark.parametrize("answer", [bool, str, float])
@pytest.mark.parametrize("truth", [bool, str, int])
def test_both_columns_spell_a_class_their_way(answer: Any, truth: Any) -> None:
    """A model compares with a threshold, and the truth comes as 0 and 1: two classes."""
    guess, true = [answer(value) for value in GUESS], [truth(value) for value in TRUE]

    found = measure_arrays(guess, true, P)

    assert found.figures["accuracy"] == pytest.approx(5 / 6)
    assert found.figures["roc_auc"] == pytest.approx(metrics.roc_auc_score(TRUE, P))
    assert len(found.per_class) == 2


def test_a_large_batch_is_exact() -> None:
    """However many probabilities differ, they are ranked as they are."""
    rng = np.random.default_rng(4)
    p = rng.random(50_000)
    true = rng.random(50_000) < p

    found = measure_arrays(p > 0.5, true, p)

    assert found.figures["roc_auc"] == pytest.approx(metrics.roc_auc_score(true, p), abs=1e-8)
    assert found.figures["f1_score"] == pytest.approx(
        metrics.f1_score(true, p > 0.5, average="weighted")
    )


def test_numbers() -> None:
    """A regression, by what the values are, or as declared; gaps are left out."""
    true, guess = [3.0, -0.5, 2.0, 7.0, math.nan, None], [2.5, 0.0, 2.0, 8.0, 1.0, 1.0]

    found = measure_arrays(guess, true)
    declared = measure_arrays([1, 2], [1, 3], task="regression")

    assert found.n == 4
    assert found.figures["r2"] == pytest.approx(metrics.r2_score(true[:4], guess[:4]))
    assert declared.figures["mse"] == 0.5
    assert declared.figures.keys() == {"mse", "rmse", "mae", "r2"}
    assert measure_arrays([1, 2], [1, 3], [0.1, 0.2], task="regression") == declared


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([], []), r"predictions = \[\]: give at least one"),
        (([1, 0], [1]), r"len\(ground_truth\) = 1: give one for each of the 2 predictions"),
        (([1, 0], [1, 0], [0.5]), r"len\(probabilities\) = 1: give one for each of the 2"),
        (("10", [1, 0]), "predictions = '10': give a list"),
        (({1}, [1]), r"predictions = \{1\}: give a list"),
        (([1], 1), "ground_truth = 1: give a list"),
        (([1], None), "ground_truth = None: give a list"),
        (([[1, 0]], [1]), r"predictions = \[\[1, 0\]\]: give a list"),
        (([1], [1], 0.5), "probabilities = 0.5: give P"),
        (([1, 2, 3], [1, 2, 3], [[0.5, 0.5]] * 3), "columns of probabilities = 2: .* '3'"),
        (([1, 2, 3], [1, 2, 3], [0.5] * 3), "columns of probabilities = 1: .* '3'"),
        (([1, 0], [None, math.nan]), "ground_truth.*in no row both are texts, numbers or bool"),
        (([1, 0], [1, 0], None, None, "guessing"), "task = 'guessing': give one of"),
        ((["a"], ["b"], None, None, "regression"), "in no row both are finite numbers"),
    ],
)
def test_columns_that_do_not_fit(arguments: Any, message: str) -> None:
    """The error names the argument, what it is, and what to give."""
    with pytest.raises(ConfigError, match=message):
        measure_arrays(*arguments)
