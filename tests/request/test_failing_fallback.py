"""What the client gets when the fallback fails as well: the first failure, as it was."""

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import pytest
from flask import abort

from flask_mlmonitor import Baseline

if TYPE_CHECKING:
    from tests.conftest import Serve

Tally = dict[str, float]
NAN = math.nan
ANSWER_500 = {"PROPAGATE_EXCEPTIONS": False}


class Broken(Exception):
    """What a model raises."""


class Predictor:
    """A secondary model that gives the same answers to any rows."""

    def __init__(self, *answers: Any) -> None:
        self.answers = answers

    def predict(self, rows: Sequence[Sequence[Any]]) -> Any:
        """Return the answers."""
        return list(self.answers)


def broken() -> Any:
    raise Broken


def failed(error: str) -> Tally:
    """Return what one failure counts that no fallback answered."""
    return {"predictions error": 1, f"errors {error}": 1, "timed": 1}


@pytest.mark.parametrize("answers", [(1,), (1, 2, 3)])
def test_a_predictor_that_answers_for_other_rows_failed(
    serve: "Serve", baseline: Baseline, customer: dict[str, Any], answers: Sequence[int]
) -> None:
    """Whose prediction is whose? Nobody can tell: the original failure goes to the client."""
    secondary = Predictor(*answers)
    service = serve(broken, baseline=baseline, fallback=secondary, config=ANSWER_500)

    assert service.post([customer] * 2).status_code == 500
    assert service.tally() == {**failed("model_error"), "predictions error": 2}


FAILING: dict[str, Any] = {
    "raises": broken,
    "aborts": lambda: abort(503),
    "5xx": lambda: ({"error": "down too"}, 503),
    "nan": lambda: {"prediction": NAN},
    "inf-object": Predictor(math.inf),
    "empty-object": Predictor(),
}


@pytest.mark.parametrize("secondary", FAILING.values(), ids=FAILING)
def test_a_fallback_that_fails_too(
    serve: "Serve", baseline: Baseline, customer: dict[str, Any], secondary: Any
) -> None:
    """The client gets the first failure, untouched; its type counts, once."""
    raised = Broken("first")

    def view() -> Any:
        raise raised

    service = serve(view, baseline=baseline, fallback=secondary)
    with pytest.raises(Broken) as caught:
        service.post(customer)

    assert caught.value is raised
    assert (raised.__cause__, raised.__context__) == (None, None)
    assert service.tally() == failed("model_error")
    assert (service.row().status, service.row().source) == ("error", "primary")


def test_a_returned_failure_stands_when_the_fallback_fails(serve: "Serve") -> None:
    """The view's own 503 leaves, not something new."""
    service = serve(lambda: ({"error": "first"}, 503), fallback=broken)
    response = service.post()

    assert (response.status_code, response.get_json()) == (503, {"error": "first"})
    assert response.headers["X-Prediction-Source"] == "primary"
    assert service.tally() == failed("unknown_error")


@pytest.mark.parametrize("secondary", [broken, lambda: {"prediction": math.inf}])
@pytest.mark.parametrize(("on_nan", "status"), [("error", 500), ("flag", 200)])
def test_nan_when_the_fallback_fails(
    serve: "Serve", secondary: Callable[[], Any], on_nan: str, status: int
) -> None:
    """Then it is as if there were none: `on_nan` decides."""
    service = serve(lambda: {"prediction": NAN}, fallback=secondary, on_nan=on_nan)
    response = service.post()

    assert response.status_code == status
    assert response.is_json is (status == 200) or response.get_json()["type"] == "nan-prediction"
    assert service.tally() == failed("nan_prediction")


LAST: dict[str, tuple[Any, int]] = {
    "raises": (broken, 500),
    "aborts": (lambda: abort(503), 503),
    "5xx": (lambda: ({"error": "down"}, 502), 502),
}


@pytest.mark.parametrize(("secondary", "status"), LAST.values(), ids=LAST)
def test_a_fallback_for_invalid_input_that_fails(
    serve: "Serve",
    baseline: Baseline,
    customer: dict[str, Any],
    secondary: Callable[[], Any],
    status: int,
) -> None:
    """The view was never asked: what the fallback raised or returned goes to the client."""
    service = serve(
        lambda: {"prediction": 1},
        baseline=baseline,
        on_invalid="fallback",
        fallback=secondary,
        config=ANSWER_500,
    )

    assert service.post(customer | {"age": None}).status_code == status
    assert service.tally() == {**failed("validation_error"), "failures age missing": 1}


def test_nan_from_a_fallback_for_invalid_input_is_not_served(
    serve: "Serve", baseline: Baseline, customer: dict[str, Any]
) -> None:
    """It is a 500 problem, as it would be from the view."""
    service = serve(
        lambda: {"prediction": 1},
        baseline=baseline,
        on_invalid="fallback",
        fallback=lambda: {"prediction": NAN},
    )
    response = service.post(customer | {"age": None})

    assert response.status_code == 500
    assert response.get_json()["type"] == "nan-prediction"
