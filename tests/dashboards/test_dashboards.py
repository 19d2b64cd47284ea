"""The dashboards that are shipped: as they are generated, and without a fault."""

import copy
import json
from collections.abc import Callable
from importlib.resources import files
from typing import Any

import pytest
from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards.all import generated
from dashboards.portable import pruned
from flask_mlmonitor.config import Settings
from flask_mlmonitor.dashboards import NAMES, dashboards_for, fitted
from flask_mlmonitor.dashboards.limits import LIMITED
from flask_mlmonitor.metrics import METRICS
from tests.dashboards.linting import findings, panels, queries

SHIPPED = {
    f"{name}.json": files("flask_mlmonitor.dashboards").joinpath(f"{name}.json").read_text("utf-8")
    for name in NAMES
}
MADE = generated()


@pytest.fixture(params=SHIPPED)
def dashboard(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Each of them."""
    read: dict[str, Any] = json.loads(SHIPPED[request.param])
    return read


def settings(**config: object) -> Settings:
    """Return the settings of an app with these keys."""
    keys = {f"MLMONITOR_{key}": value for key, value in config.items()}
    return Settings.from_mapping(keys, instance_path="/")


def test_they_are_as_they_are_generated() -> None:
    """Else run `python -m dashboards`."""
    assert SHIPPED == MADE


def test_there_is_much_to_see() -> None:
    """Four dashboards, and no panel twice in one of them."""
    assert len(SHIPPED) == 4
    assert sum(len(panels(json.loads(text))) for text in SHIPPED.values()) >= 40


def test_nothing_is_wrong_with_them(dashboard: dict[str, Any]) -> None:
    """By the rules of the linter."""
    assert findings(dashboard) == []


def test_every_metric_is_shown_somewhere() -> None:
    """Whatever the monitor knows, a dashboard asks for."""
    asked = " ".join(one.expr for text in SHIPPED.values() for one in queries(json.loads(text)))

    assert [metric.name for metric in METRICS if metric.name not in asked] == []


def change(path: str, value: Any = None) -> Callable[[dict[str, Any]], None]:
    """Return what sets a place of a dashboard, such as ``panels/1/title``; or takes it away."""

    def changed(dashboard: Any) -> None:
        *parents, last = [int(key) if key.isdigit() else key for key in path.split("/")]
        for key in parents:
            dashboard = dashboard[key]
        if value is None:
            del dashboard[last]
        else:
            dashboard[last] = value

    return changed


EXPR = "panels/1/targets/0/expr"
SCOPE = 'job=~"$job", instance=~"$instance"'
MODEL = f'{SCOPE}, model=~"$model", version=~"$version"'
FAULTS = {
    "no title": change("panels/1/title", ""),
    "no description": change("panels/1/description"),
    "no unit": change("panels/1/fieldConfig/defaults/unit"),
    "no queries": change("panels/1/targets", []),
    "not the chosen data source": change("panels/1/targets/0/datasource/uid", "prometheus-1"),
    "an id of their own": change("panels/1/id", 1),
    "lies on": change("panels/2/gridPos/x", 0),
    "can be edited": change("editable", True),
    "no uid": change("uid"),
    "the variables are": change("templating/list/1"),
    "variable job": change("templating/list/1/allValue", ".*"),
    "no variable for the data source": change("templating/list/0/query", "loki"),
    "no PromQL": change(EXPR, "sum(rate("),
    "unknown metric": change(EXPR, f"ml_predicitons{{{MODEL}}}"),
    "unknown labels": change(EXPR, f'ml_model_accuracy{{{MODEL}, feature="x"}}'),
    "by unknown labels": change(EXPR, f"max by (feature) (ml_model_accuracy{{{MODEL}}})"),
    "of another job": change(EXPR, 'mlmonitor_workers{instance=~"$instance"}'),
    "of another model": change(EXPR, f"ml_model_accuracy{{{SCOPE}}}"),
    "not over $__rate_interval": change(EXPR, f"rate(ml_fallback_total{{{MODEL}}}[5m])"),
    "which is no counter": change(EXPR, f"rate(ml_model_mse{{{MODEL}}}[$__rate_interval])"),
    "counters that are not followed": change(EXPR, f"sum (ml_fallback_total{{{MODEL}}})"),
    "the whole time at each point": change("panels/1/targets/0/instant", False),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found(fault: str) -> None:
    """The rules hold for more than what happens to be right."""
    dashboard = json.loads(SHIPPED["overview.json"])
    broken = copy.deepcopy(dashboard)
    FAULTS[fault](broken)

    assert any(fault in found for found in findings(broken)), findings(broken)


def test_the_builder_knows_every_key(dashboard: dict[str, Any]) -> None:
    """Read by Grafana's own types and written again, nothing is lost."""
    plugins.register_default_plugins()
    again = json.loads(JSONEncoder().encode(Dashboard.from_json(copy.deepcopy(dashboard))))

    assert pruned(again) == dashboard


def test_other_names_of_metrics() -> None:
    """Every query, link and uid follows the prefix, and the monitor's own metrics keep theirs."""
    for name, text in dashboards_for(settings(METRICS_PREFIX="shop_ai")).items():
        dashboard = json.loads(text)

        assert findings(dashboard, "shop_ai") == []
        assert "ml_" not in text
        assert "/d/ml-" not in text
        assert dashboard["uid"] == f"shop_ai-{name.removesuffix('.json')}"


def test_a_long_prefix() -> None:
    """Grafana takes no uid of more than 40 characters."""
    for text in dashboards_for(settings(METRICS_PREFIX="a" * 60)).values():
        assert len(json.loads(text)["uid"]) <= 40


def test_limits_are_those_of_the_app() -> None:
    """Where the alerts begin, the panels change their color."""
    made = dashboards_for(settings(LATENCY_WARNING="200ms", LATENCY_CRITICAL=1))
    (latency,) = (
        one for one in panels(json.loads(made["model.json"])) if one["title"] == "Latency"
    )
    steps = latency["fieldConfig"]["defaults"]["thresholds"]["steps"]

    assert [step["value"] for step in steps] == [None, 0.2, 1.0]
    assert latency["fieldConfig"]["defaults"]["custom"]["thresholdsStyle"]["mode"] == "dashed"


def test_the_runbook_is_a_click_away() -> None:
    """Where the app says where it is; the other link stays."""
    url = "https://wiki.example/runbook"
    for text in dashboards_for(settings(RUNBOOK_URL=url)).values():
        assert [link.get("url") for link in json.loads(text)["links"]] == [None, url]


def test_limits_have_their_panels() -> None:
    """None of them is for a panel that is not there."""
    titles = {one["title"] for text in SHIPPED.values() for one in panels(json.loads(text))}

    assert set(LIMITED) <= titles


def test_without_keys_they_are_as_shipped() -> None:
    """Who takes the files gets what the command writes."""
    assert dashboards_for(settings()) == SHIPPED
    assert all(fitted(text, settings()) == text for text in SHIPPED.values())
