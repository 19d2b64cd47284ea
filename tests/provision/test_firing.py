"""Each alert of Prometheus fires when it should, and is silent when it should not: by promtool."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from flask_mlmonitor.alerts.shares import interval
from flask_mlmonitor.provision.prometheus import rule_file
from tests.prometheuses import ask
from tests.provision.firing import CASES, Case, rows, unit_test

if TYPE_CHECKING:
    from tests.conftest import Service


def run(
    folder: Path,
    service: "Service",
    tests: list[dict[str, Any]],
    *,
    step: int = 1,
    groups: Iterable[str] = (),
) -> None:
    """Let promtool run unit tests over an app's rules, or over some groups of them."""
    found = rule_file(service.state)["groups"]
    found = [group for group in found if not groups or group["name"] in groups]
    (folder / "rules.json").write_text(json.dumps({"groups": found}))
    given = {"rule_files": ["rules.json"], "evaluation_interval": f"{step}m", "tests": tests}
    (folder / "tests.json").write_text(json.dumps(given))
    ask("promtool", "test", "rules", folder / "tests.json")


def test_every_alert_has_a_case(alerts: list[dict[str, Any]]) -> None:
    """Of each severity, and of each window of a budget."""

    def key(alert: str, severity: str, long: str) -> tuple[str, str, str]:
        return alert, severity, f',long="{long}"' if long else ""

    given = {(case.alert, case.severity, case.extra) for case in CASES}
    assert given == {
        key(rule["alert"], rule["labels"]["severity"], rule["labels"].get("long", ""))
        for rule in alerts
    }


@pytest.mark.parametrize("source", ["live", "window", "truth", "monitor", "budgets"])
def test_each_fires_and_stays_silent(shop: "Service", tmp_path: Path, source: str) -> None:
    """One alert where it should, although two hosts show it; none where not."""
    groups = [f"mlmonitor-{source}"]
    own = {
        rule.get("alert")
        for group in rule_file(shop.state)["groups"]
        for rule in group["rules"]
        if group["name"] in groups
    }
    if source == "budgets":
        groups.append("mlmonitor-live")  # where the share of the last five minutes is recorded
    tests: dict[int, list[dict[str, Any]]] = {}
    for case in CASES:
        if case.alert in own:
            found = tests.setdefault(case.step, [])
            found.append(unit_test(case, case.fires, 1))
            found += [unit_test(case, silent, 0) for silent in case.silent]
    for step, found in tests.items():
        run(tmp_path, shop, found, step=step, groups=groups)


def test_it_lasts_before_it_fires_and_after_it_is_over(shop: "Service", tmp_path: Path) -> None:
    """For two minutes each, as in the app."""
    series = [("ml_missing_ratio{job=\"shop\",model=\"churn\",version=\"1\",feature=\"age\"}",
               "0x9 0.2x10 0x20")]  # fmt: skip
    selector = 'ALERTS{alertname="MLModelMissing",alertstate="firing"}'
    expected = {"10m": 0, "11m": 0, "12m": 1, "20m": 1, "22m": 1, "24m": 0}
    tests = [
        {
            "interval": "1m",
            "input_series": [{"series": name, "values": values} for name, values in series],
            "promql_expr_test": [
                {
                    "expr": f"count({selector}) or vector(0)",
                    "eval_time": time,
                    "exp_samples": [{"labels": "{}", "value": count}],
                }
                for time, count in expected.items()
            ],
        }
    ]

    run(tmp_path, shop, tests)


def test_what_is_recorded_as_chance_is_what_the_app_takes_for_it(
    shop: "Service", tmp_path: Path
) -> None:
    """The lower bound of a share, of a thousand predictions."""
    low, _ = interval(50, 1000)
    bound = "model:ml_predictions_error:lower_bound5m"
    test = unit_test(Case("", "", [], []), rows(success=190, error=10), 1)
    test["promql_expr_test"][0]["expr"] = f"count(abs({bound} - {low:.12g}) < 1e-9)"

    run(tmp_path, shop, [test], groups=["mlmonitor-live"])


def test_what_a_person_reads(shop: "Service", tmp_path: Path) -> None:
    """An alert's labels and texts."""
    name = 'ml_data_drift_{}{{job="shop",model="fraud",version="2",feature="age"}}'
    alert = {
        "exp_labels": {
            **{"severity": "critical", "job": "shop", "model": "fraud", "version": "2"},
            "feature": "age",
        },
        "exp_annotations": {
            "summary": "Drifted input: Drift of a feature.",
            "description": "fraud 2: age has drifted: its PSI is 0.25, the limit is 0.20.",
            "runbook_url": "/mlmonitor/runbook#mlmodeldatadrift",
        },
    }
    warning = {
        "exp_labels": {**alert["exp_labels"], "severity": "warning"},
        "exp_annotations": {
            **alert["exp_annotations"],
            "description": "fraud 2: age has drifted: its PSI is 0.25, the limit is 0.10.",
        },
    }
    test = {
        "interval": "1m",
        "input_series": [
            {"series": name.format("psi"), "values": "0.25x60"},
            {"series": name.format("status"), "values": "2x60"},
        ],
        "alert_rule_test": [
            {"eval_time": "5m", "alertname": "MLModelDataDrift", "exp_alerts": [alert, warning]}
        ],
    }

    run(tmp_path, shop, [test])
