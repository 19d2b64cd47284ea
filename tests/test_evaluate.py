"""`monitor.evaluate` and its command: what a user sees of it."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from flask_mlmonitor import Baseline, ConfigError, Evaluation, signals
from flask_mlmonitor.cli import cli
from tests.commands import assert_told
from tests.conftest import MakeService, Serve, Service

DRIFTED: dict[str, Any] = {"age": 76, "income": 1200.5, "plan": "paid", "member": True}


@pytest.fixture
def drifting(serve: Serve, baseline: Baseline) -> Service:
    """A service of which all customers are old."""
    service = serve(lambda: {"predictions": [True] * 300}, baseline=baseline)
    assert service.post([DRIFTED] * 300).status_code == 200
    return service


def evaluate(service: Service, *arguments: Any, **options: Any) -> dict[str, Evaluation]:
    """Evaluate; return what was found, by window."""
    with service.app.app_context():
        return {one.window: one for one in service.monitor.evaluate(*arguments, **options)}


def test_what_was_just_predicted_is_judged(drifting: Service) -> None:
    """One result for each window, without waiting for anybody."""
    found = evaluate(drifting)

    assert list(found) == ["1h", "6h", "24h"]
    one = found["1h"]
    assert (one.model, one.version, one.n, one.status) == ("fraud", "2", 300, "complete")
    assert one.drift["age"].status == "significant"
    assert one.prediction_drift is not None
    assert one.prediction_drift.status == "significant"
    assert one.quality["age"].missing == 0
    assert one.verdict.severity == "critical"
    assert "age (PSI " in one.verdict.text


def test_as_of_another_time(make_service: MakeService, baseline: Baseline) -> None:
    """Yesterday's batch is judged as yesterday's."""
    service = make_service()
    service.monitor.register("fraud", version="2", baseline=baseline)
    yesterday = datetime.now(UTC) - timedelta(days=1)
    with service.app.app_context():
        for _ in range(250):
            service.monitor.record_prediction("fraud", DRIFTED, True, time=yesterday)

    assert evaluate(service)["1h"].n == 0
    assert evaluate(service, at=yesterday)["1h"].n == 250
    assert evaluate(service, at=yesterday)["1h"].end > yesterday


def test_one_of_several_models(drifting: Service) -> None:
    """By name; a name that is none is refused with those that are."""
    drifting.monitor.register("churn")

    assert {one.model for one in evaluate(drifting, "fraud").values()} == {"fraud"}
    assert evaluate(drifting, "churn")["1h"].status == "not_enough_data"
    with pytest.raises(ConfigError, match=r"churn.*fraud"):
        evaluate(drifting, "frod")
    with pytest.raises(ConfigError, match="aware"):
        evaluate(drifting, at=datetime(2026, 1, 1))  # noqa: DTZ001
    with pytest.raises(ConfigError, match="at = '2026-01-01': give an aware datetime"):
        evaluate(drifting, at="2026-01-01")


def test_limits_are_those_of_the_model(serve: Serve, baseline: Baseline) -> None:
    """As configured, for all or for one."""
    config = {
        "MLMONITOR_WINDOWS": "2h",
        "MLMONITOR_MIN_SAMPLES": 10,
        "MLMONITOR_MODELS": {"fraud": {"PSI_WARNING": 90.0, "PSI_CRITICAL": 99.0}},
    }
    service = serve(lambda: {"predictions": [True] * 20}, baseline=baseline, config=config)
    service.post([DRIFTED] * 20)
    found = evaluate(service)

    assert list(found) == ["2h"]
    assert found["2h"].status == "complete"
    assert found["2h"].drifted == []


def test_listeners_are_told(drifting: Service) -> None:
    """Of every evaluation; of a drift when it begins."""
    finished: list[tuple[str, str]] = []
    begun: list[list[str]] = []

    def remember(app: Any, evaluation: Evaluation, **_: Any) -> None:
        finished.append((app.name, evaluation.window))

    def drifts(_: Any, features: list[str], **__: Any) -> None:
        begun.append(features)

    with (
        signals.evaluation_finished.connected_to(remember, drifting.app),
        signals.drift_detected.connected_to(drifts, drifting.app),
    ):
        evaluate(drifting, at=datetime.now(UTC) - timedelta(minutes=3))
        assert begun == []
        evaluate(drifting)

    assert finished == [("shop", window) for window in ("1h", "6h", "24h")] * 2
    assert len(begun) == 3
    assert "age" in begun[0]


def test_a_listener_that_fails_stops_nothing(drifting: Service) -> None:
    """It is counted."""

    def fails(*_: Any, **__: Any) -> None:
        raise RuntimeError("no")

    with signals.evaluation_finished.connected_to(fails, drifting.app):
        assert len(evaluate(drifting)) == 3
    assert drifting.tally()["faults signal"] == 3


def test_metrics_show_the_longest_window_with_enough_data(drifting: Service) -> None:
    """And nothing before there is one."""
    assert drifting.samples("ml_data_drift_psi") == {}
    found = evaluate(drifting)["24h"]
    psi = found.drift["age"].psi
    assert psi is not None

    key = ("fraud", "2", "age")
    assert drifting.samples("ml_data_drift_psi")[key] == psi.score
    assert drifting.samples("ml_data_drift_critical_psi")[key] == psi.critical
    assert drifting.samples("ml_data_drift_status")[key] == 2
    assert drifting.samples("ml_drifted_features_ratio") == {("fraud", "2"): len(found.drifted) / 4}
    assert drifting.samples("mlmonitor_last_evaluation_timestamp_seconds") == {
        (): found.end.timestamp()
    }


def test_the_command(drifting: Service) -> None:
    """A person reads the verdicts, a program gets all of it."""
    runner = drifting.app.test_cli_runner()
    read = runner.invoke(cli, ["evaluate"])
    told = runner.invoke(cli, ["evaluate", "--model", "fraud", "--json"])

    assert read.exit_code == 0, read.output
    assert read.stdout.count("fraud 2, ") == 3
    assert "critical\n  4 of 4 features drifted: " in read.stdout
    assert [one["window"] for one in json.loads(told.stdout)] == ["1h", "6h", "24h"]
    assert json.loads(told.stdout)[0]["drift"]["age"]["psi"]["score"] > 1
    assert_told(runner.invoke(cli, ["evaluate", "--model", "none"]), 1, "none", "fraud")
    for moment in ("2026-01-01", "2026-01-01T02:00+02:00"):
        answer = json.loads(runner.invoke(cli, ["evaluate", "--at", moment, "--json"]).stdout)
        assert {(one["n"], one["end"]) for one in answer} == {(0, "2026-01-01T00:00:00Z")}


def test_learning_a_baseline_from_production(drifting: Service, tmp_path: Path) -> None:
    """Of what was predicted first; it is a baseline like any other."""
    path = tmp_path / "learned.json"
    runner = drifting.app.test_cli_runner()
    words = ["baseline", "learn", "fraud", "-o", str(path)]
    done = runner.invoke(cli, [*words, "--rows", "250"])

    assert done.exit_code == 0, done.output
    learned = Baseline.load(path)
    assert (learned.n, learned.feature_names) == (250, ("age", "income", "plan", "member"))
    assert [one.kind for one in learned.columns] == ["numeric", "numeric", "categorical", "boolean"]
    assert learned.prediction is not None
    shown = runner.invoke(cli, ["baseline", "learn", "fraud", "--version", "2", "--rows", "250"])
    path.write_text(shown.stdout, encoding="utf-8")
    assert Baseline.load(path).columns == learned.columns
    assert_told(runner.invoke(cli, words), 1, "300 rows where 5000 are needed")
