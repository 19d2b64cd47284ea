"""Whether the model is still right, end to end: predictions, late truth, evaluations, a table."""

import json
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from flask_mlmonitor import Baseline, Evaluation
from flask_mlmonitor._evaluations import subjects_of
from flask_mlmonitor.background.evaluator import keep, run
from flask_mlmonitor.cli import cli
from flask_mlmonitor.store.results import WindowKey, read_history
from flask_mlmonitor.store.urls import open_store
from tests.commands import assert_told
from tests.conftest import MakeService, Service
from tests.crashing import crashes
from tests.labelled import baseline_of, customers, predict, tell
from tests.stores import copy_store

BASELINE = baseline_of(customers(np.random.default_rng(7), 8000))
TODAY = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
YESTERDAY = TODAY - timedelta(days=1)
HOUR = timedelta(hours=1)

MakeChurn = Callable[..., Service]


@pytest.fixture
def rng() -> np.random.Generator:
    """The same chance in each test."""
    return np.random.default_rng(8)


@pytest.fixture
def churn(make_service: MakeService, production: dict[str, Any]) -> MakeChurn:
    """Makes services of the model "churn"; keywords are configuration, without MLMONITOR_."""

    def make(baseline: Baseline | None = BASELINE, *, versions: str = "1", **given: Any) -> Service:
        config = {f"MLMONITOR_{key}": value for key, value in given.items()}
        service = make_service(**{**production, "MLMONITOR_API_TOKEN": "t", **config})
        service.client.environ_base["HTTP_AUTHORIZATION"] = "Bearer t"
        for version in versions:
            service.monitor.register("churn", version=version, baseline=baseline)
        return service

    return make


def evaluate(service: Service, at: datetime) -> dict[str, Evaluation]:
    """Evaluate as of a time; return what was found, by window."""
    service.flush()
    with service.app.app_context():
        return {one.window: one for one in service.monitor.evaluate(at=at)}


def stored(service: Service, window: str = "1h") -> list[Evaluation]:
    """Return the stored evaluations of a window, the oldest first."""
    key = WindowKey("churn", "1", window)
    return read_history(service.runtime.database, key, start=0, end=TODAY.timestamp() + 1e6)


def test_late_truth_is_seen_in_the_windows_that_it_belongs_to(
    churn: MakeChurn, rng: np.random.Generator, store_url: str
) -> None:
    """However long they are over; and in no other one."""
    service = churn(STORE_URL=store_url)
    some = customers(rng, 600, changed=0.3)
    keys = predict(service, some, YESTERDAY + HOUR / 2)
    others = predict(service, customers(rng, 300), YESTERDAY + 3 * HOUR / 2)
    for hour in (1, 2):
        evaluate(service, YESTERDAY + hour * HOUR)
    first, second = stored(service)
    assert (first.coverage, first.measured, first.performance) == (0.0, False, {})
    assert first.estimated

    tell(service, keys, some["left"], YESTERDAY + 20 * HOUR)
    evaluate(service, YESTERDAY + 3 * HOUR)
    again, same, _ = stored(service)
    assert (again.labelled, again.coverage, again.delay) == (600, 1.0, 19.5 * 3600)
    assert again.performance["accuracy"] == pytest.approx((some["said"] == some["left"]).mean())
    assert again.verdict.severity == "critical"
    assert (again.drift, again.estimated) == (first.drift, first.estimated)
    assert same == second
    assert [one.labelled for one in stored(service, "6h")] == [600, 600, 600]

    tell(service, others, [True] * 300, TODAY)
    evaluate(service, TODAY)
    assert [one.labelled for one in stored(service)] == [600, 300, 0, 0]


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_run_that_dies_anywhere_loses_nothing(
    churn: MakeChurn, rng: np.random.Generator, new_store: Callable[[], str]
) -> None:
    """Whoever comes next makes again what is due, and what ends now."""
    url = new_store()
    service = churn(STORE_URL=url)
    some = customers(rng, 300)
    keys = predict(service, some, YESTERDAY + HOUR / 2)
    evaluate(service, YESTERDAY + HOUR)
    tell(service, keys, some["left"], YESTERDAY + 2 * HOUR)
    subjects, at = subjects_of(service.state), (YESTERDAY + 2 * HOUR).timestamp()
    service.runtime.database.close()
    copy = new_store()

    def work() -> None:
        with closing(open_store(copy)) as database:
            keep(database, run(database, subjects, at), epoch=1)

    def ends() -> list[tuple[datetime, int]]:
        work()
        with closing(open_store(copy)) as database:
            key = WindowKey("churn", "1", "1h")
            found = read_history(database, key, start=0, end=at + 1)
        return [(one.end, one.labelled) for one in found]

    wanted = [(YESTERDAY + HOUR, 300), (YESTERDAY + 2 * HOUR, 0)]
    died = 0
    copy_store(url, copy)
    for _ in crashes(work, room="flask_mlmonitor.store.due"):
        died += 1
        assert ends() == wanted, died
        copy_store(url, copy)
    assert died > 3


def test_a_run_that_has_no_more_time_leaves_the_rest(
    churn: MakeChurn, rng: np.random.Generator
) -> None:
    """The latest first; the next run goes on."""
    service = churn(WINDOWS="1h", MIN_SAMPLES=10)
    known = []
    for hour in range(3):
        some = customers(rng, 50)
        known.append((predict(service, some, YESTERDAY + hour * HOUR), some["left"]))
        evaluate(service, YESTERDAY + (hour + 1) * HOUR)
    for keys, left in known:
        tell(service, keys, left, TODAY)
    database, subjects = service.runtime.database, subjects_of(service.state)

    for labelled in ([0, 0, 50], [0, 50, 50], [50, 50, 50], [50, 50, 50]):
        keep(database, run(database, subjects, TODAY.timestamp(), revising=0.0))
        assert [one.labelled for one in stored(service)][:3] == labelled


def test_windows_of_minutes_and_by_count(churn: MakeChurn, rng: np.random.Generator) -> None:
    """Their truth is that of their own predictions, not of the whole hour."""
    service = churn(WINDOWS="5m,400", MIN_SAMPLES=100)
    now = TODAY - HOUR
    for minute, changed in ((-8, 0.0), (-3, 0.5)):
        some = customers(rng, 250, changed=changed)
        keys = predict(service, some, now + timedelta(minutes=minute, seconds=30))
        tell(service, keys, some["left"], now)
    found = evaluate(service, now)

    assert (found["5m"].n, found["5m"].labelled) == (250, 250)
    assert (found["400"].n, found["400"].labelled) == (500, 500)
    assert found["5m"].performance["accuracy"] < found["400"].performance["accuracy"] - 0.05


def test_in_the_middle_of_an_hour(churn: MakeChurn, rng: np.random.Generator) -> None:
    """A window may begin and end anywhere; the truth of other minutes stays out of it."""
    service = churn()
    at = YESTERDAY + HOUR / 2
    for minutes in (-61, -59, -1, 1):
        some = customers(rng, 200)
        keys = predict(service, some, at + timedelta(minutes=minutes))
        tell(service, keys, some["left"], TODAY)
    found = evaluate(service, at)

    assert (found["1h"].n, found["1h"].labelled) == (400, 400)
    assert found["6h"].labelled == found["24h"].labelled == 600


def test_of_long_ago(churn: MakeChurn, rng: np.random.Generator) -> None:
    """Days are left, and the truth of their predictions."""
    service = churn()
    day = TODAY.replace(hour=0) - timedelta(days=200)
    some = customers(rng, 500)
    keys = predict(service, some, day + 5 * HOUR)
    tell(service, keys, some["left"], day + 6 * HOUR)
    found = evaluate(service, day + timedelta(days=1))["24h"]

    assert (found.n, found.labelled, found.coverage) == (500, 500, 1.0)
    assert found.measured
    assert found.concept_drift is not None
    assert found.concept_drift.status == "stable"


def test_a_model_without_a_baseline_is_measured(churn: MakeChurn, rng: np.random.Generator) -> None:
    """And judged by the absolute limits; nothing is estimated."""
    service = churn(None)
    some = customers(rng, 500, changed=0.5)
    keys = predict(service, some, YESTERDAY)
    tell(service, keys, some["left"], YESTERDAY + HOUR)
    found = evaluate(service, YESTERDAY + HOUR)["1h"]

    assert found.status == "complete"
    assert found.performance["accuracy"] == pytest.approx((some["said"] == some["left"]).mean())
    assert found.estimated == {}
    assert found.concept_drift is None
    assert found.harm["accuracy"].severity == "critical"


def test_of_a_sample_the_coverage_is_that_of_the_stored_ones(
    churn: MakeChurn, rng: np.random.Generator
) -> None:
    """What is not stored cannot get any truth."""
    service = churn(SAMPLE_RATE=0.5)
    some = customers(rng, 1000)
    keys = predict(service, some, YESTERDAY)
    service.flush()
    kept = {row.id for row in service.rows()}
    known = [(key, left) for key, left in zip(keys, some["left"], strict=True) if key in kept]
    tell(service, [key for key, _ in known], [left for _, left in known], YESTERDAY + HOUR)
    found = evaluate(service, YESTERDAY + HOUR)["1h"]

    assert (found.n, found.stored) == (1000, len(kept))
    assert 300 < len(kept) < 700
    assert found.coverage == 1.0
    assert min(found.class_coverage.values()) > 0.9
    assert found.measured


def test_the_three_drifts_are_told_apart(churn: MakeChurn, rng: np.random.Generator) -> None:
    """Each moves what has its name, and nothing else."""
    service = churn(WINDOWS="1h")
    worlds: list[dict[str, float]] = [{}, {"age": 55.0}, {"leaving": 4.0}, {"changed": 0.2}]
    found = []
    for hour, world in enumerate(worlds):
        some = customers(rng, 3000, **world)
        keys = predict(service, some, YESTERDAY + hour * HOUR)
        tell(service, keys, some["left"], YESTERDAY + hour * HOUR)
        found.append(evaluate(service, YESTERDAY + (hour + 1) * HOUR)["1h"])

    assert [moved(one) for one in found] == [
        set(),
        {"covariates"},
        {"predictions", "labels"},
        {"concept"},
    ]
    assert [one.verdict.severity for one in found[:2]] == ["ok", "info"]
    assert found[3].verdict.severity == "critical"


def moved(one: Evaluation) -> set[str]:
    """Return what of a window is not as in the baseline."""
    assert one.prediction_drift is not None
    assert one.label_drift is not None
    assert one.concept_drift is not None
    kinds = {
        "predictions": one.prediction_drift.status,
        "labels": one.label_drift.status,
        "concept": one.concept_drift.status,
    }
    found = {kind for kind, status in kinds.items() if status != "stable"}
    return found | {"covariates"} if one.drifted else found


def test_versions_stand_side_by_side(churn: MakeChurn, rng: np.random.Generator) -> None:
    """In a table for people, as JSON for programs."""
    service = churn(versions="12", WINDOWS="1h")
    for version, changed in (("1", 0.0), ("2", 0.4)):
        some = customers(rng, 400, changed=changed)
        keys = predict(service, some, YESTERDAY, version=version)
        tell(service, keys, some["left"], TODAY)
    evaluate(service, YESTERDAY + HOUR)
    runner = service.app.test_cli_runner()
    read = runner.invoke(cli, ["performance", "churn"])
    told = json.loads(runner.invoke(cli, ["performance", "churn", "--json"]).stdout)

    lines = [line.split("  ") for line in read.stdout.splitlines()]
    rows = {line[0]: [text.strip() for text in line[1:] if text] for line in lines}
    assert read.stdout.startswith("churn, 1h\n")
    assert rows[""] == ["version 1", "version 2"]
    assert rows["with ground truth"] == ["400 (100%)"] * 2
    assert rows["verdict"] == ["ok", "critical"]
    assert [text.split()[0] for text in rows["accuracy"]] == [
        f"{one['performance']['accuracy']:.4g}" for one in told
    ]
    assert rows["estimated_f1_score"][0].startswith(f"{told[0]['estimated']['f1_score']:.4g} (")
    first, second = (one["performance"]["accuracy"] for one in told)
    assert first > second + 0.1
    hour = json.loads(runner.invoke(cli, ["performance", "--window", "1h", "--json"]).stdout)
    assert {one["window"] for one in hour} == {"1h"}
    assert_told(runner.invoke(cli, ["performance", "frod"]), 1, "frod")
    assert_told(runner.invoke(cli, ["performance", "--window", "2h"]), 1, "any model over 2h")


def test_of_nothing_there_is_no_table(churn: MakeChurn) -> None:
    """It says what to wait for."""
    runner = churn().app.test_cli_runner()

    assert_told(runner.invoke(cli, ["performance"]), 1, "flask mlmonitor evaluate")


def test_metrics_show_the_last_window_that_is_measured(
    churn: MakeChurn, rng: np.random.Generator
) -> None:
    """The truth of the last hours is yet to come; what is estimated is of the last ones."""
    service = churn(WINDOWS="1h")
    before = customers(rng, 500)
    keys = predict(service, before, YESTERDAY)
    tell(service, keys, before["left"], TODAY)
    old = evaluate(service, YESTERDAY + HOUR)["1h"]
    predict(service, customers(rng, 500), YESTERDAY + HOUR)
    new = evaluate(service, YESTERDAY + 2 * HOUR)["1h"]

    key = ("churn", "1")
    assert service.samples("ml_model_accuracy") == {key: old.performance["accuracy"]}
    assert service.samples("ml_model_roc_auc") == {key: old.performance["roc_auc"]}
    assert service.samples("ml_concept_drift_status") == {key: 0}
    assert service.samples("ml_model_estimated_f1_score") == {key: new.estimated["f1_score"]}
    assert service.samples("ml_model_rmse") == {}
