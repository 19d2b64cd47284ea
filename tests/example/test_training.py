"""The model: learned by scikit-learn, kept as JSON, as good as it says."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from example_service.data import read_flights, rows
from example_service.model import FEATURES, LATE, ON_TIME, DelayRule, LateArrivals
from example_service.training import (
    build_baseline,
    exported,
    fit,
    fitted_pipeline,
)


@pytest.fixture(scope="module")
def model(sample: pd.DataFrame) -> LateArrivals:
    """A model of the sample."""
    return fit(sample)


def test_tables_of_weights_say_what_the_pipeline_says(sample: pd.DataFrame) -> None:
    """The exported model repeats scikit-learn's probabilities to six digits."""
    pipeline = fitted_pipeline(sample)
    expected = pipeline.predict_proba(sample[list(FEATURES)])[:, 1]

    assert np.allclose(exported(pipeline).probabilities(rows(sample)), expected, atol=1e-6)


def test_model_survives_its_file(sample: pd.DataFrame, model: LateArrivals, tmp_path: Path) -> None:
    """What was saved predicts the same."""
    flights = rows(sample[:50])
    model.save(tmp_path / "model.json")

    assert LateArrivals.load(tmp_path / "model.json") == model
    assert LateArrivals.load(tmp_path / "model.json").probabilities(flights) == model.probabilities(
        flights
    )


def test_model_knows_flights_it_has_not_seen(model: LateArrivals) -> None:
    """In March it ranks late before punctual flights, with honest probabilities."""
    flights = read_flights()
    march = flights[flights["day"].dt.month.eq(3) & flights["outcome"].notna()][::5]
    chances = np.array(model.probabilities(rows(march)))
    late = (march["outcome"] == LATE).to_numpy()

    assert roc_auc_score(late, chances) > 0.88
    assert np.mean((chances > 0.5) == late) > 0.88
    assert chances.mean() == pytest.approx(late.mean(), abs=0.05)


def test_unknown_values_are_no_obstacle(sample: pd.DataFrame, model: LateArrivals) -> None:
    """Missing numbers weigh what the median weighs; unknown categories weigh nothing."""
    [flight] = rows(sample[:1])
    strange = {**flight, "pressure": None, "carrier": "??"}
    [median] = [sample["pressure"].median()]

    assert model.probabilities([strange]) == model.probabilities([{**strange, "pressure": median}])
    assert 0 < model.probabilities([{}])[0] < 1


def test_wrong_types_raise(sample: pd.DataFrame, model: LateArrivals) -> None:
    """A text for a number or a list for a category is an error of the model, not a guess."""
    [flight] = rows(sample[:1])

    with pytest.raises(ValueError, match="could not convert"):
        model.probabilities([{**flight, "dep_delay": "ten minutes"}])
    with pytest.raises(TypeError, match="unhashable"):
        model.probabilities([{**flight, "carrier": ["UA"]}])


def test_rule_needs_only_the_delay() -> None:
    """The fallback goes by the departure delay and copes with anything in its place."""
    rule = DelayRule(position=1)

    outcomes = rule.predict([["UA", 16], ["UA", 15.0], ["UA", None], ["UA", "ten"], ["UA", [1]]])
    assert outcomes == [LATE, ON_TIME, ON_TIME, ON_TIME, ON_TIME]


def test_baseline_describes_the_training_flights(sample: pd.DataFrame) -> None:
    """It knows the features in the model's order, both outcomes, and which is positive."""
    baseline = build_baseline(sample)

    assert tuple(baseline.feature_names) == FEATURES
    assert baseline.n == len(sample)
    assert set(baseline.classes) == {LATE, ON_TIME}
    assert baseline.positive == LATE


def test_the_baseline_knows_no_better_than_production_will(
    sample: pd.DataFrame, model: LateArrivals
) -> None:
    """Its performance is on flights that the model of it did not see, so it is the smaller one."""
    chances = model.probabilities(rows(sample))
    on_the_seen = log_loss(sample["outcome"] == LATE, chances)

    assert build_baseline(sample).performance["log_loss"] > on_the_seen
