"""What each policy does about a payload that breaks the baseline's rules."""

import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from flask_mlmonitor import Baseline, BaselineError, InvalidInput, MLMonitor, signals
from flask_mlmonitor.records import RULES

if TYPE_CHECKING:
    from tests.conftest import MakeService, Serve

ACTED_ON = ("missing", "type", "nan", "inf")
BROKEN: dict[str, tuple[str, Any]] = {
    "missing": ("age", None),
    "type": ("age", "41"),
    "nan": ("income", math.nan),
    "inf": ("age", math.inf),
    "range": ("age", 99),
    "category": ("plan", "platinum"),
    "extra": ("email", "a@b.se"),
}


def predict() -> Any:
    return {"prediction": 1}


def rules() -> Any:
    return {"prediction": 0}


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("policy", ["flag", "fallback", "reject"])
def test_each_policy_for_each_rule(
    serve: "Serve",
    baseline: Baseline,
    customer: dict[str, Any],
    rule: str,
    strict: bool,
    policy: str,
) -> None:
    """Range, category and extra fields are flagged only, unless the route is strict."""
    field, value = BROKEN[rule]
    service = serve(predict, baseline=baseline, fallback=rules, on_invalid=policy, strict=strict)
    response = service.post(customer | {field: value})
    acted_on = policy != "flag" and (strict or rule in ACTED_ON)
    failure = {f"failures {'__extra__' if rule == 'extra' else field} {rule}": 1}

    if not acted_on:
        assert response.get_json() == {"prediction": 1}
        assert service.tally() == {"predictions success": 1, "timed": 1, **failure}
    elif policy == "fallback":
        assert response.get_json() == {"prediction": 0}
        assert service.tally() == {
            "predictions fallback": 1,
            "errors validation_error": 1,
            "fallbacks invalid_input": 1,
            "timed": 1,
            **failure,
        }
    else:
        assert response.status_code == 422
        assert service.tally() == {
            "predictions invalid": 1,
            "errors validation_error": 1,
            **failure,
        }


def test_a_rejection_is_a_problem_document(
    serve: "Serve", baseline: Baseline, customer: dict[str, Any]
) -> None:
    """It names each row and field; the row is stored without a latency, for no view ran."""
    service = serve(predict, baseline=baseline, on_invalid="reject")
    response = service.post([customer, customer | {"age": "41", "plan": None}, [None, math.inf]])
    rows = service.rows()

    assert response.status_code == 422
    assert response.mimetype == "application/problem+json"
    assert response.get_json() == {
        "type": "about:blank",
        "title": "Invalid input",
        "status": 422,
        "detail": "The payload broke the rules of: age, plan, income, member.",
        "errors": [
            {"row": 1, "field": "age", "rule": "type"},
            {"row": 1, "field": "plan", "rule": "missing"},
            {"row": 2, "field": "age", "rule": "missing"},
            {"row": 2, "field": "income", "rule": "inf"},
            {"row": 2, "field": "plan", "rule": "missing"},
            {"row": 2, "field": "member", "rule": "missing"},
        ],
    }
    assert {row.id for row in rows} == {
        f"{response.headers['X-Prediction-ID']}:{i}" for i in range(3)
    }
    assert {(row.status, row.latency, row.prediction) for row in rows} == {("invalid", None, None)}
    assert service.tally() == {
        "predictions invalid": 3,
        "errors validation_error": 1,
        "failures age type": 1,
        "failures plan missing": 2,
        "failures age missing": 1,
        "failures income inf": 1,
        "failures member missing": 1,
    }


def test_only_what_is_acted_on_is_named(
    serve: "Serve", baseline: Baseline, customer: dict[str, Any]
) -> None:
    """A caller is not told to mend what would have been let through."""
    service = serve(predict, baseline=baseline, on_invalid="reject")
    response = service.post(customer | {"age": 99, "plan": None, "email": "a@b.se"})

    assert [error["field"] for error in response.get_json()["errors"]] == ["plan"]
    assert service.tally()["failures age range"] == 1
    assert service.tally()["failures __extra__ extra"] == 1


def test_an_app_may_shape_a_rejection(
    serve: "Serve", baseline: Baseline, customer: dict[str, Any]
) -> None:
    """Its handler gets the exception with all failures."""
    service = serve(predict, baseline=baseline, on_invalid="reject")

    @service.app.errorhandler(InvalidInput)
    def on_invalid(error: InvalidInput) -> Any:
        return {"fields": [failure.feature for failure in error.failures]}, 400

    response = service.post(customer | {"age": None})

    assert (response.status_code, response.get_json()) == (400, {"fields": ["age"]})
    assert service.tally()["predictions invalid"] == 1


UNREADABLE: dict[str, dict[str, Any]] = {
    "malformed": {"data": b"{", "content_type": "application/json"},
    "empty": {"data": b"", "content_type": "application/json"},
    "no-rows": {"json": []},
    "no-json": {"data": b"age=41"},
    "number": {"json": 41},
}


@pytest.mark.parametrize("asked", UNREADABLE.values(), ids=UNREADABLE)
@pytest.mark.parametrize("with_baseline", [False, True])
@pytest.mark.parametrize("policy", ["fallback", "reject"])
def test_an_unreadable_body(
    serve: "Serve",
    baseline: Baseline,
    asked: dict[str, Any],
    with_baseline: bool,
    policy: str,
) -> None:
    """Without a baseline, too, a body must have rows: its type is `invalid_input`."""
    service = serve(
        predict,
        baseline=baseline if with_baseline else None,
        fallback=rules,
        on_invalid=policy,
    )
    response = service.client.post("/predict", **asked)

    assert service.row().features == {}
    if policy == "fallback":
        assert response.get_json() == {"prediction": 0}
        assert service.tally() == {
            "predictions fallback": 1,
            "errors invalid_input": 1,
            "fallbacks invalid_input": 1,
            "timed": 1,
        }
    else:
        assert (response.status_code, response.get_json()["errors"]) == (422, [])
        assert service.tally() == {"predictions invalid": 1, "errors invalid_input": 1}


def test_without_a_baseline_nothing_but_the_form_is_checked(serve: "Serve") -> None:
    """Any fields are fine, strict or not."""
    service = serve(predict, on_invalid="reject", strict=True)

    assert service.post({"age": None, "x": math.nan}).status_code == 200
    assert service.tally() == {"predictions success": 1, "timed": 1}


def test_a_fallback_policy_needs_a_fallback(
    serve: "Serve", baseline: Baseline, customer: dict[str, Any]
) -> None:
    """Where there is none, what was to be kept from the view is rejected, not let through."""
    service = serve(predict, baseline=baseline, on_invalid="fallback")

    assert service.post(customer | {"age": None}).status_code == 422


def test_names_from_a_caller_never_become_labels(
    serve: "Serve", baseline: Baseline, customer: dict[str, Any]
) -> None:
    """However many unknown fields come: one cell counts them."""
    service = serve(predict, baseline=baseline)
    service.post(customer)
    before = len(service.samples("ml_validation_failures_total"))
    for number in range(20):
        service.post(customer | {f"field-{number}": 1})

    assert len(service.samples("ml_validation_failures_total")) == before
    assert service.tally()["failures __extra__ extra"] == 20


def test_a_baseline_is_read_from_below_the_root_of_the_app(
    make_service: "MakeService", baseline: Baseline, customer: dict[str, Any], tmp_path: Path
) -> None:
    """A relative path is enough, before the app is known as well as after."""
    baseline.save(tmp_path / "fraud.json")
    monitor = MLMonitor()
    early = monitor.prediction("fraud", version="2", baseline="fraud.json")
    service = make_service(monitor=monitor, root_path=tmp_path)
    late = monitor.prediction("fraud", version="3", baseline=Path("fraud.json"))
    service.app.add_url_rule("/early", "early", early(predict))
    service.app.add_url_rule("/late", "late", late(predict))
    for path in ("/early", "/late"):
        service.client.get(path, json=customer | {"age": "41"})

    assert service.tally() == {"predictions success": 2, "timed": 2, "failures age type": 2}


def test_a_wrong_baseline_stops_the_app(make_service: "MakeService", tmp_path: Path) -> None:
    """A missing or damaged file is named where it is declared, or where the app is known."""
    (tmp_path / "damaged.json").write_text('{"format": "flask-mlmonitor baseline", "vers')
    service = make_service(root_path=tmp_path)
    for name in ("nowhere.json", "damaged.json"):
        with pytest.raises(BaselineError, match=re.escape(str(tmp_path / name))):
            service.monitor.prediction("fraud", baseline=name)
        unborn = MLMonitor()
        unborn.prediction("fraud", baseline=name)
        with pytest.raises(BaselineError, match=re.escape(str(tmp_path / name))):
            make_service(monitor=unborn, root_path=tmp_path)


def test_a_rejection_tells_its_listeners(
    serve: "Serve", baseline: Baseline, customer: dict[str, Any]
) -> None:
    """An invalid prediction is journaled like any other."""
    heard: list[str] = []

    def listen(sender: object, prediction: Any, **_: Any) -> None:
        heard.append(prediction.status)

    service = serve(predict, baseline=baseline, on_invalid="reject")
    with signals.prediction_recorded.connected_to(listen, sender=service.app):
        service.post(customer | {"age": None})

    assert heard == ["invalid"]
