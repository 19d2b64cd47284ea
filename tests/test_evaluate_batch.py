"""`monitor.evaluate_batch`: how well predictions were that a program holds in its hands."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

from flask_mlmonitor import Baseline, ConfigError
from tests.conftest import MakeService, Service
from tests.labelled import baseline_of, customers

RNG = np.random.default_rng(3)
SOME = customers(RNG, 500)
BASELINE = baseline_of(customers(RNG, 4000))
X = RNG.normal(size=3000)
HOUSES = Baseline.from_dataframe(
    pd.DataFrame({"x": X}), target=X + RNG.normal(size=3000), predictions=X
)
NAN = float("nan")


def measure(service: Service, *arguments: Any, **options: Any) -> dict[str, Any]:
    """Measure a batch."""
    with service.app.app_context():
        return service.monitor.evaluate_batch(*arguments, **options)


@pytest.fixture
def models(make_service: MakeService) -> Service:
    """An app with a classifier of two versions and a regression."""
    overrides = {"strict": {"ACCURACY_WARNING": 0.99, "ACCURACY_CRITICAL": 0.98}}
    service = make_service(MLMONITOR_MODELS=overrides)
    for version in "12":
        service.monitor.register("churn", version=version, baseline=BASELINE)
    service.monitor.register("houses", version="3", baseline=HOUSES)
    service.monitor.register("strict")
    return service


def test_a_classification(models: Service) -> None:
    """Scikit-learn's figures, and the seed's names."""
    said, left, chance = (SOME[name] for name in ("said", "left", "chance"))
    found = measure(models, said, left, probabilities=chance, model="churn", version="2")

    assert found["accuracy"] == pytest.approx(metrics.accuracy_score(left, said))
    assert found["f1_score"] == pytest.approx(metrics.f1_score(left, said, average="weighted"))
    assert found["roc_auc"] == pytest.approx(metrics.roc_auc_score(left, chance))
    assert found["log_loss"] == pytest.approx(metrics.log_loss(left, chance))
    assert (found["n"], found["severity"], found["alerts"]) == (500, "ok", [])
    assert datetime.now(UTC) - found["timestamp"] < timedelta(minutes=1)
    low, high = found["intervals"]["accuracy"]
    assert low < found["accuracy"] < high
    assert set(found["per_class"]) == {"False", "True"}


def test_a_regression(models: Service) -> None:
    """Its errors are compared with the baseline's, however they are past the limit."""
    true = X + RNG.normal(0, 1.5, len(X))
    found = measure(models, X, true, model="houses")

    assert found["mae"] == pytest.approx(metrics.mean_absolute_error(true, X))
    assert found["r2"] == pytest.approx(metrics.r2_score(true, X))
    assert found["severity"] == "critical"
    assert "accuracy" not in found


def test_without_a_model_the_limits_are_those_of_the_app(models: Service) -> None:
    """Where there are several models, none of them is meant."""
    found = measure(models, [1, 1, 1, 0], [1, 1, 1, 1])

    assert (found["accuracy"], found["severity"], found["alerts"]) == (0.75, "warning", [])


def test_a_model_that_nobody_declared(models: Service) -> None:
    """It is measured; an alert about it would be nobody's to end."""
    found = measure(models, [1, 0, 0, 0], [1, 1, 1, 1], model="nightly")

    assert (found["accuracy"], found["severity"], found["alerts"]) == (0.25, "critical", [])
    assert "faults store" not in models.tally()


def test_of_an_app_with_one_model_that_is_meant(make_service: MakeService) -> None:
    """Its baseline says what is usual."""
    service = make_service()
    service.monitor.register("churn", baseline=BASELINE)
    wrong = SOME["left"] ^ (RNG.random(len(SOME)) < 0.3)
    found = measure(service, SOME["said"], wrong)

    assert found["severity"] == "critical"
    assert {(one.model, one.metric) for one in found["alerts"]} >= {("churn", "accuracy")}


def test_limits_may_be_a_models_own(models: Service) -> None:
    """As configured for it alone."""
    right = [1] * 97 + [0] * 3, [1] * 100

    assert measure(models, *right)["severity"] == "ok"
    assert measure(models, *right, model="strict")["severity"] == "critical"


def test_the_version_tells_the_model(models: Service) -> None:
    """If no other one has it."""
    assert "mae" in measure(models, X, X, version="3")
    with pytest.raises(ConfigError, match=r"model.*whose version 9.*churn.*houses"):
        measure(models, X, X, version="9")
    with pytest.raises(ConfigError, match=r"version.*name one.*'1', '2'"):
        measure(models, [1], [1], model="churn")


def test_what_is_missing_is_left_out(models: Service) -> None:
    """A row counts when both are known."""
    found = measure(models, [1.5, NAN, 2.5, 9.0], [1.0, 2.0, 2.5, NAN], model="houses")
    assert (found["n"], found["mae"]) == (2, 0.25)

    found = measure(models, ["a", None, "b"], ["a", "a", None])
    assert (found["n"], found["accuracy"]) == (1, 1.0)


@pytest.mark.parametrize(
    ("given", "options", "told"),
    [
        (([], []), {}, r"predictions.*at least one"),
        (([1, 0], [1]), {}, r"len\(ground_truth\) = 1.*each of the 2"),
        (([1, 0], [1, 0]), {"probabilities": [0.5]}, r"len\(probabilities\) = 1.*each of the 2"),
        (("ab", "ab"), {}, r"predictions = 'ab'.*list, an array"),
        ((["a"], ["b"]), {"probabilities": [[0.1, 0.2, 0.7]]}, r"columns of probabilities = 3"),
        ((1, 0), {}, r"predictions = 1.*list, an array"),
        (([[1, 0], [0, 1]], [1, 0]), {}, r"predictions.*one value for each row"),
        (([NAN, NAN], [1, 0]), {}, r"predictions, ground_truth.*in no row"),
        (([1], [None]), {}, r"predictions, ground_truth.*in no row"),
        (([1], [1]), {"model": "no model"}, r"model = 'no model'"),
    ],
)
def test_what_cannot_be_measured_is_refused(
    models: Service, given: tuple[Any, Any], options: dict[str, Any], told: str
) -> None:
    """The error names it, and says what to give."""
    with pytest.raises(ConfigError, match=told):
        measure(models, *given, **options)
