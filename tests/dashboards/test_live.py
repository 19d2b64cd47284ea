"""A real Prometheus scrapes a real service: no panel of any dashboard is empty."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from math import isfinite
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from flask_mlmonitor.config import Settings
from flask_mlmonitor.dashboards import dashboards_for
from tests.dashboards import service
from tests.dashboards.linting import queries
from tests.dashboards.prometheus import PrometheusServer
from tests.server import traffic
from tests.server.serving import ROOT, Caller, Gunicorn, environment, wait_until

APP = "tests.dashboards.service"
PREDICTIONS = 150
SETTINGS = {
    "DEBUG": True,  # the ground truth is open
    "MLMONITOR_WINDOWS": "5m",
    "MLMONITOR_MIN_SAMPLES": 50,
    "MLMONITOR_EVALUATION_INTERVAL": 1,
    "MLMONITOR_ALERT_FOR": 0,
}
CHOSEN = {"$__rate_interval": "20s", "$__range": "5m"} | {
    f"${name}": ".+" for name in ("job", "instance", "model", "version")
}
SEED = (
    "rate(ml_predictions_total[5m])",
    "rate(ml_prediction_latency_seconds_sum[5m]) / rate(ml_prediction_latency_seconds_count[5m])",
    "histogram_quantile(0.95, rate(ml_prediction_latency_seconds_bucket[5m]))",
    "ml_model_accuracy",
    "ml_data_drift_psi > 0.2",
)


class Scene(NamedTuple):
    """A Prometheus, and a caller of the service that it scrapes."""

    prometheus: PrometheusServer
    caller: Caller


def chosen(expr: str) -> str:
    """Return a query as Grafana sends it, when everything is chosen."""
    for name, value in CHOSEN.items():
        expr = expr.replace(name, value)
    return expr


def dashboards() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the dashboards of an app without keys of its own."""
    for name, text in dashboards_for(Settings.from_mapping({}, instance_path="/")).items():
        yield name, json.loads(text)


def ask(caller: Caller, path: str, row: object) -> str | None:
    """Ask for a prediction, and return its id."""
    answer = caller.call("POST", path, json.dumps(row).encode())
    assert answer is not None
    return answer.prediction_id


def predict(caller: Caller) -> list[dict[str, Any]]:
    """Ask both models for predictions of data that has moved; return the ground truth of most."""
    rows = [row | {"amount": row["amount"] + 4} for row in traffic.payloads(PREDICTIONS)]
    frauds, prices = service.truths(rows)
    known = []
    for number, row in enumerate(rows):
        ids = [
            (ask(caller, f"/fraud?version={number % 2 + 1}", row), frauds[number]),
            (ask(caller, "/price", row), prices[number]),
        ]
        known += [{"prediction_id": key, "value": value} for key, value in ids if number % 5]
    return known


def misbehave(caller: Caller) -> None:
    """Send what is wrong in every way, and have the models fail in every way."""
    row = traffic.payloads(1)[0]
    for then in ("raise", "sleep", "nan"):
        ask(caller, f"/fraud?then={then}", row)
    for _ in range(10):
        ask(caller, "/price?then=raise", row)
        ask(caller, "/fraud", row | {"country": "XX", "age": None, "income": 1000.0})
        ask(caller, "/price", row | {"age": "old"})


def command(folder: Path, *words: object) -> None:
    """Run a command of ``flask mlmonitor`` for the service."""
    subprocess.run(
        [sys.executable, "-m", "flask", "--app", APP, "mlmonitor", *map(str, words)],
        cwd=ROOT,
        env=environment(folder, SETTINGS),
        check=True,
    )


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """There was traffic, ground truth, and an evaluation."""
    folder = tmp_path_factory.mktemp("service")
    for name, baseline in service.baselines().items():
        baseline.save(folder / name)
    rules = folder / "rules.json"
    command(folder, "rules", "-o", rules)
    with (
        Gunicorn(folder, app=APP, workers=2, settings=SETTINGS) as server,
        PrometheusServer(folder / "prometheus", server.port, rules) as prometheus,
        server.caller() as caller,
    ):
        server.get("/metrics")
        wait_until(lambda: bool(prometheus.query("ml_predictions_total")), "a first scrape")
        known = predict(caller)
        misbehave(caller)
        body = json.dumps([*known, {"prediction_id": "of-nobody", "value": 1}]).encode()
        answer = caller.call("POST", "/mlmonitor/ground-truth", body)
        assert answer is not None
        assert answer.status == 200
        command(folder, "evaluate")  # now, and not only when the window ends
        yield Scene(prometheus, caller)


def shows(prometheus: PrometheusServer, expr: str) -> bool:
    """Return whether a query has a number now."""
    return any(isfinite(float(one["value"][1])) for one in prometheus.query(expr))


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_no_panel_is_empty(scene: Scene) -> None:
    """Every query of every panel and annotation finds a number, while requests go on."""
    empty = {
        chosen(query.expr): f"{name}: {query.place}"
        for name, dashboard in dashboards()
        for query in queries(dashboard)
    }
    deadline = time.monotonic() + 40
    while empty and time.monotonic() < deadline:
        misbehave(scene.caller)
        for expr in [expr for expr in empty if shows(scene.prometheus, expr)]:
            del empty[expr]

    assert empty == {}


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_every_variable_has_values(scene: Scene) -> None:
    """And they are those of the service."""
    for _, dashboard in dashboards():
        found = {}
        for variable in dashboard["templating"]["list"]:
            if variable["type"] == "query":
                asked = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"])
                assert asked is not None
                selector, label = chosen(asked[1]), asked[2]
                found[variable["name"]] = scene.prometheus.label_values(label, selector)

        assert found["job"] == ["models"]
        assert len(found["instance"]) == 1
        assert found["model"] == ["fraud", "price"]
        assert set(found["version"]) >= {"1", "2"}


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize("query", SEED)
def test_queries_that_people_know(scene: Scene, query: str) -> None:
    """They work as they stand."""
    wait_until(lambda: shows(scene.prometheus, query), query, 40)
