"""Prometheus' rules are well made, and follow what was configured."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from flask_mlmonitor.alerts.rules import RULES
from flask_mlmonitor.metrics import METRICS
from flask_mlmonitor.provision.prometheus import rule_file
from tests.prometheuses import ask

if TYPE_CHECKING:
    from tests.conftest import Service

MakeShop = Callable[..., "Service"]
NAME = re.compile(r"[a-z_:]*\b(?:ml|mlmonitor)_[a-z0-9_:]+")
SUFFIX = re.compile(r"_(bucket|count|sum)$")


def rules_of(service: "Service", job: str | None = None) -> list[dict[str, Any]]:
    """Return all rules of an app."""
    return [rule for group in rule_file(service.state, job)["groups"] for rule in group["rules"]]


def expressions(service: "Service", name: str, **labels: str) -> list[str]:
    """Return the expressions of an alert's rules that have these labels and no others of those."""
    return [
        rule["expr"]
        for rule in rules_of(service)
        if rule.get("alert") == name
        and all(
            rule["labels"].get(label) == labels.get(label)
            for label in ("severity", "model", "version", "feature")
        )
    ]


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"MLMONITOR_METRICS_PREFIX": "shop_ml", "MLMONITOR_ALERT_FOR": 0},
        {"MLMONITOR_ERROR_RATE_WARNING": 0, "MLMONITOR_EVALUATION_INTERVAL": 5},
        {"MLMONITOR_MODELS": {"fraud": {"ALERT_FOR": "1h", "PSI_WARNING": 0.15}}},
        {"MLMONITOR_WINDOWS": "5000,90m"},
    ],
    ids=lambda config: " ".join(config),
)
def test_promtool_has_nothing_to_say(
    make_shop: MakeShop, tmp_path: Path, config: dict[str, Any]
) -> None:
    """Whatever is configured; with and without a job."""
    service = make_shop(**config)
    for job in (None, 'a "quoted" job'):
        file = tmp_path / f"{job is None}.json"
        file.write_text(json.dumps(rule_file(service.state, job)))

        ask("promtool", "check", "rules", "--lint=all", "--lint-fatal", file)


def test_there_is_one_for_each_rule_of_the_table(alerts: list[dict[str, Any]]) -> None:
    """And some that only Prometheus can tell of."""
    names = {rule["alert"] for rule in alerts}

    assert {rule.alert for rule in RULES} <= names
    assert len(names) == len(RULES) + 5


def test_they_are_named_like_those_of_others(alerts: list[dict[str, Any]]) -> None:
    """The conventions of monitoring mixins."""
    for rule in alerts:
        name, labels, texts = rule["alert"], rule["labels"], rule["annotations"]
        assert re.fullmatch(r"MLModel([A-Z]+[a-z0-9]+)+", name)
        assert labels["severity"] in ("critical", "warning", "info")
        assert re.fullmatch(r"[A-Z][^{}]+\.", texts["summary"])
        assert "{{ $labels." in texts["description"]
        assert texts["runbook_url"] == f"/mlmonitor/runbook#{name.lower()}"
        assert set(rule) == {"alert", "expr", "for", "keep_firing_for", "labels", "annotations"}


def test_they_ask_for_metrics_that_are_there(rules: list[dict[str, Any]]) -> None:
    """Or for series that they record themselves, each of which is used."""
    recorded = {rule["record"] for rule in rules if "record" in rule}
    asked = {name for rule in rules for name in NAME.findall(rule["expr"])}

    assert {name for name in asked if name.startswith("model:")} == recorded
    metrics = {metric.name for metric in METRICS}
    assert {SUFFIX.sub("", name) for name in asked - recorded} <= metrics


def test_thresholds_are_those_of_the_app(make_shop: MakeShop) -> None:
    """Of all models."""
    service = make_shop(MLMONITOR_PSI_CRITICAL=0.42, MLMONITOR_ALERT_FOR="7m")
    (expr,) = expressions(service, "MLModelDataDrift", severity="critical")
    (rule,) = [one for one in rules_of(service) if one["expr"] == expr]

    assert expr.startswith(
        "max by (job, model, version, feature) (last_over_time(ml_data_drift_psi[15m])) >= 0.42\n"
    )
    assert (rule["for"], rule["keep_firing_for"]) == ("7m", "7m")


def test_a_model_may_have_others(make_shop: MakeShop) -> None:
    """Then it has a rule of its own, and the others' does not look at it."""
    service = make_shop(MLMONITOR_MODELS={"fraud": {"ERROR_RATE_CRITICAL": 0.5}})
    (others,) = expressions(service, "MLModelErrorRate", severity="critical")
    (own,) = expressions(service, "MLModelErrorRate", severity="critical", model="fraud")

    assert 'ratio_rate5m{model!="fraud"} > 0.05' in others
    assert 'ratio_rate5m{model="fraud"} > 0.5' in own


def test_what_is_compared_with_the_baseline_has_its_figures(make_shop: MakeShop) -> None:
    """Where one is known, and no absolute threshold was set."""
    labels = {"severity": "critical", "model": "fraud", "version": "2"}
    (relative,) = expressions(make_shop(), "MLModelAccuracy", **labels)
    absolute = make_shop(MLMONITOR_ACCURACY_CRITICAL=0.6)

    assert relative.endswith("< 0.85")
    assert expressions(absolute, "MLModelAccuracy", **labels) == []
    (expr,) = expressions(absolute, "MLModelAccuracy", severity="critical")
    assert expr.endswith("(last_over_time(ml_model_accuracy[15m])) < 0.6")


def test_a_share_that_was_large_already_may_be_larger(make_shop: MakeShop) -> None:
    """A tenth of the incomes is missing in the baseline, and chance makes more of it."""
    labels = {"severity": "warning", "model": "fraud", "version": "2"}
    service = make_shop(MLMONITOR_MIN_SAMPLES=900)
    (others,) = expressions(service, "MLModelMissing", **labels)
    (own,) = expressions(service, "MLModelMissing", **labels, feature="income")

    assert 'feature!="income"' in others
    assert own.endswith('feature="income"}[15m])) > 0.13')


def test_a_budget_that_is_all_requests_has_no_alert(make_shop: MakeShop) -> None:
    """A pair of windows that could never fire is left out, and so is a budget of nothing."""
    some = expressions(
        make_shop(MLMONITOR_ERROR_RATE_WARNING=0.07, MLMONITOR_ERROR_RATE_CRITICAL=0.2),
        "MLModelErrorBudgetBurn",
        severity="critical",
    )
    none = make_shop(MLMONITOR_ERROR_RATE_WARNING=0)

    assert [re.findall(r"> ([\d.]+)", expr) for expr in some] == [["0.42", "0.42"]]
    assert expressions(none, "MLModelErrorBudgetBurn", severity="critical") == []


def test_a_job_has_its_series(shop: "Service") -> None:
    """Every selector names it, so that two apps can have rules in one Prometheus."""
    for rule in rules_of(shop, "shop"):
        selectors = NAME.findall(rule["expr"]) + re.findall(r"\bup\b", rule["expr"])
        assert rule["expr"].count('{job="shop"') == len(selectors)


def test_the_monitor_has_no_models(make_shop: MakeShop) -> None:
    """Its rules are the same whatever one model waits for."""
    service = make_shop(MLMONITOR_MODELS={"fraud": {"ALERT_FOR": "1h"}})
    labels = {"severity": "warning", "model": "__monitor__", "version": "-"}

    assert len(expressions(service, "MLModelInternalErrors", **labels)) == 1
