"""What breaks a rule of the baseline and what does not, value by value."""

import math
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from flask_mlmonitor import Baseline
from flask_mlmonitor.records import RULES
from flask_mlmonitor.request.payloads import Fields
from flask_mlmonitor.request.validation import Validator, broken_rule
from flask_mlmonitor.stats.cells.binning import FeatureBins

if TYPE_CHECKING:
    from tests.conftest import Serve

HUGE = 10**400
ABSENT = object()

BROKEN: dict[str, tuple[str, Any, str | None]] = {
    "int-for-float": ("income", 1000, None),
    "float-for-int": ("age", 41.0, None),
    "lowest": ("age", 18, None),
    "highest": ("age", 77, None),
    "missing-as-before": ("income", None, None),
    "absent-as-before": ("income", ABSENT, None),
    "missing": ("age", None, "missing"),
    "absent": ("age", ABSENT, "missing"),
    "missing-category": ("plan", None, "missing"),
    "numeric-text": ("age", "41", "type"),
    "bool-for-number": ("age", True, "type"),
    "list-for-number": ("age", [41], "type"),
    "object-for-number": ("age", {"value": 41}, "type"),
    "number-for-text": ("plan", 3, "type"),
    "bool-for-text": ("plan", True, "type"),
    "number-for-bool": ("member", 1, "type"),
    "text-for-bool": ("member", "true", "type"),
    "nan": ("age", math.nan, "nan"),
    "nan-where-missing-is-fine": ("income", math.nan, "nan"),
    "nan-for-text": ("plan", math.nan, "nan"),
    "inf": ("age", math.inf, "inf"),
    "minus-inf": ("income", -math.inf, "inf"),
    "below": ("age", 17, "range"),
    "above": ("age", 78, "range"),
    "just-above": ("age", 77.000001, "range"),
    "huge": ("age", HUGE, "range"),
    "unseen": ("plan", "platinum", "category"),
    "other-case": ("plan", "Paid", "category"),
    "empty-text": ("plan", "", "category"),
}


def predict() -> Any:
    return {"prediction": 1}


def payload(customer: dict[str, Any], field: str, value: Any) -> dict[str, Any]:
    """Return the customer with one value changed, or left out."""
    changed = customer | {field: value}
    if value is ABSENT:
        del changed[field]
    return changed


@pytest.mark.parametrize(("field", "value", "rule"), BROKEN.values(), ids=BROKEN)
def test_each_rule(
    serve: "Serve",
    baseline: Baseline,
    customer: dict[str, Any],
    field: str,
    value: Any,
    rule: str | None,
) -> None:
    """By default a broken rule is counted for its field, and the view answers all the same."""
    service = serve(predict, baseline=baseline)
    response = service.post(payload(customer, field, value))
    failures = {f"failures {field} {rule}": 1} if rule else {}

    assert response.get_json() == {"prediction": 1}
    assert service.row().status == "success"
    assert service.tally() == {"predictions success": 1, "timed": 1, **failures}


def test_every_rule_is_tested() -> None:
    """A new one needs a value that breaks it, above."""
    assert {rule for _, _, rule in BROKEN.values() if rule} | {"extra"} == set(RULES)


@pytest.mark.parametrize(("field", "rule"), [("plan", "category"), ("age", "type")])
def test_half_a_character_is_an_unknown_text(
    serve: "Serve", baseline: Baseline, customer: dict[str, Any], field: str, rule: str
) -> None:
    """JSON can spell a lone surrogate: it must not get a row past the rules."""
    service = serve(predict, baseline=baseline, on_invalid="reject", strict=True)

    assert service.post(customer | {field: "\ud800"}).status_code == 422
    assert service.tally() == {
        "predictions invalid": 1,
        "errors validation_error": 1,
        f"failures {field} {rule}": 1,
    }


@pytest.mark.parametrize("value", ["a", 1, True])
def test_a_column_that_was_always_missing(serve: "Serve", value: Any) -> None:
    """Any value in it is new."""
    frame = pd.DataFrame({"age": range(40), "note": [None] * 40})
    service = serve(predict, baseline=Baseline.from_dataframe(frame))
    service.post({"age": 1, "note": value})
    rule = "category" if value == "a" else "type"

    assert service.tally() == {"predictions success": 1, "timed": 1, f"failures note {rule}": 1}


kinds = st.sampled_from(
    [
        FeatureBins("n", "numeric", low=18.0, high=77.0),
        FeatureBins("n", "numeric", low=-0.0, high=0.0, missing=True),
        FeatureBins("n", "numeric", values=(1.0, 2.0), low=1.0, high=2.0),
        FeatureBins("n", "numeric"),
        FeatureBins("n", "numeric", missing=True),
        FeatureBins("n", "numeric", low=-1e308, high=1e308),
        FeatureBins("c", "categorical", categories=("a", "b"), other=("c",)),
        FeatureBins("c", "categorical", categories=("a", "1", "True"), missing=True),
        FeatureBins("c", "categorical", categories=("1", "2"), accepts=("number",)),
        FeatureBins("c", "categorical", categories=("1", "a", "True"), accepts=("text", "boolean")),
        FeatureBins("c", "categorical"),
        FeatureBins("c", "categorical", missing=True),
        FeatureBins("b", "boolean", categories=("False", "True")),
        FeatureBins("b", "boolean", categories=("False", "True"), missing=True),
    ]
)
values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(10, 80),
    st.sampled_from([HUGE, -HUGE, 2**63, 2**64, -(2**63) - 1, 0, -0.0, 1.0, 2.0, 18.0, 77.0]),
    st.floats(),
    st.text(max_size=3),
    st.sampled_from(["a", "b", "c", "1", "True", "False", "true", "\ud800", "41"]),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=2), st.integers(), max_size=2),
)


@settings(deadline=None)
@given(st.lists(st.tuples(kinds, values), min_size=1, max_size=5), st.booleans())
@example([(FeatureBins("n", "numeric", low=0.0, high=1.0), math.nan)], True)
@example([(FeatureBins("n", "numeric", low=0.0, high=1.0), HUGE)], True)
def test_a_compiled_check_finds_what_the_rules_say(
    cells: list[tuple[FeatureBins, Any]], positional: bool
) -> None:
    """The fast look at a whole row and the slow one at each field never differ."""
    features, row = zip(*cells, strict=True)
    found = Validator(features).failures([Fields(list(row) if positional else row)])
    expected = [broken_rule(feature, value) for feature, value in cells]

    assert [failure.rule for failure in found] == [rule for rule in expected if rule]
