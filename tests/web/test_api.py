"""What the models' figures look like to a program."""

import sqlite3
from contextlib import closing
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from flask_mlmonitor.stats.verdicts.evaluation import Evaluation
from flask_mlmonitor.store.results import read_latest
from tests.web.shop import BEARER, HOURS, MARKUP

if TYPE_CHECKING:
    from tests.conftest import Serve, Service

FRAUD = "api/models/fraud/2"


def get(service: "Service", path: str, status: int = 200) -> Any:
    """Return a route's JSON."""
    answer = service.client.get(f"/mlmonitor/{path}", headers=BEARER)
    assert answer.status_code == status, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.mimetype == ("application/json" if status == 200 else "application/problem+json")
    return answer.get_json()


def evaluation(service: "Service", window: str) -> Evaluation:
    """Return what is stored of a window of the fraud model."""
    latest = read_latest(service.runtime.database, ("fraud", "2"))
    return next(one for one in latest if one.window == window)


def test_all_models_at_a_glance(shop: "Service") -> None:
    """Each with its last judgement, its live figures and its alerts; also one without a request."""
    found = get(shop, "api/models")
    fraud, idle = found["models"]
    stored = evaluation(shop, "3h")

    assert found["app"] == "shop"
    assert (fraud["model"], fraud["version"], fraud["task"]) == ("fraud", "2", "classification")
    assert fraud["judgement"]["text"] == stored.verdict.text
    assert fraud["judgement"]["n"] == stored.n
    assert fraud["judgement"]["drifted"] == stored.drifted
    assert stored.drifted[0] == "age"
    assert fraud["baseline"]["performance"]["accuracy"] > 0.7
    assert fraud["measured"]["performance"]["accuracy"] > 0.7
    assert fraud["alerts"]["critical"] >= 1
    assert fraud["live"]["requests"] >= 30
    assert fraud["live"]["rows"]["success"] >= 30
    assert 0 < fraud["live"]["p50"] <= fraud["live"]["p95"] < 1
    assert (idle["judgement"]["n"], idle["judgement"]["status"]) == (0, "not_enough_data")
    assert idle["live"]["p95"] is None


@pytest.mark.parametrize("window", ["1h", "3h"])
def test_drift_is_what_was_evaluated(shop: "Service", window: str) -> None:
    """Scores, critical values and sizes; and the counts that they were computed from."""
    found = get(shop, f"{FRAUD}/drift?window={window}")
    stored = evaluation(shop, window)

    assert (found["window"], found["windows"], found["n"]) == (window, ["1h", "3h"], stored.n)
    assert {one["name"] for one in found["features"]} == set(stored.drift)
    for one in found["features"]:
        psi = stored.drift[one["name"]].psi
        assert psi is not None
        assert one["drift"]["psi"]["score"] == psi.score
        assert one["drift"]["psi"]["critical"] == psi.critical
        assert sum(one["distribution"]["now"]) == psi.n_observed == stored.n
        assert sum(one["distribution"]["baseline"]) == psi.n_expected == 3000
        assert len(one["distribution"]["bins"]) == len(one["distribution"]["now"])
    assert found["features"][0]["name"] == "age"
    assert {"False", "True"} < set(found["prediction"]["distribution"]["bins"])


def test_performance_and_quality_are_what_was_evaluated(shop: "Service") -> None:
    """Measured and estimated figures, and the shares of flawed values, beside the baseline's."""
    stored = evaluation(shop, "3h")
    performance, quality = get(shop, f"{FRAUD}/performance"), get(shop, f"{FRAUD}/quality")

    assert performance["latest"]["estimated"] == dict(stored.estimated)
    assert performance["measured"]["performance"]["accuracy"] > 0.7
    assert performance["limits"]["accuracy"]["warning"] == pytest.approx(
        performance["baseline"]["accuracy"] - 0.05
    )
    assert quality["features"]["amount"]["missing"] == stored.quality["amount"].missing > 0
    assert 0 < quality["baseline"]["amount"]["missing"] < 0.1
    assert MARKUP in quality["features"]


def test_history_is_limited_and_goes_back(shop: "Service") -> None:
    """The last evaluations, the oldest of them first; and those before a moment."""
    every = get(shop, f"{FRAUD}/history?window=1h")["points"]
    ends = [datetime.fromisoformat(one["end"]) for one in every]
    last = get(shop, f"{FRAUD}/history?window=1h&limit=2")["points"]
    before = get(shop, f"{FRAUD}/history?window=1h&limit=2&before={last[0]['end']}")["points"]

    assert len(every) >= HOURS
    assert ends == sorted(ends)
    assert last == every[-2:]
    assert before == every[-4:-2]
    assert set(every[-1]["psi"]) == set(evaluation(shop, "1h").drift)


def test_the_last_hour_minute_by_minute(shop: "Service") -> None:
    """Without the minute that is running."""
    minutes = get(shop, f"{FRAUD}/history")["minutes"]

    assert len(minutes) == 60
    assert {one["seconds"] for one in minutes} == {60.0}
    assert sum(one["requests"] for one in minutes) > 0


def test_alerts_say_who_is_told(shop: "Service") -> None:
    """What somebody knows of, and until when nobody is told."""
    latency = next(one for one in get(shop, "api/alerts")["active"] if one["metric"] == "latency")
    url = f"/mlmonitor/api/alerts/{latency['id']}"
    for change in ("acknowledge", "silence"):
        assert shop.client.post(f"{url}/{change}", json={}, headers=BEARER).status_code == 200
    found = {one["metric"]: one for one in get(shop, "api/alerts")["active"]}

    assert (latency["acknowledged"], latency["silenced_until"]) == (False, None)
    assert found["latency"]["acknowledged"]
    assert found["latency"]["silenced_until"] is not None
    assert not found["data_drift"]["acknowledged"]


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("api/models/frod/2/drift", "fraud 2, idle 0.1"),
        ("api/models/fraud/3/history", "fraud 2, idle 0.1"),
        (f"{FRAUD}/drift?window=7h", "1h, 3h"),
        (f"{FRAUD}/history?window=", "1h, 3h"),
    ],
)
def test_what_there_is_not(shop: "Service", path: str, names: str) -> None:
    """The answer names what there is."""
    assert names in get(shop, path, status=404)["detail"]


@pytest.mark.parametrize(
    "query",
    [
        *("limit=0", "limit=1001", "limit=-1", "limit=x", "limit=²", "limit=" + "9" * 5000),
        *("before=now", "before=2026-01-01T00:00:00", "before="),
    ],
)
def test_parameters_that_cannot_be_read(shop: "Service", query: str) -> None:
    """The answer names the parameter and the remedy."""
    detail = get(shop, f"{FRAUD}/history?{query}", status=400)["detail"]

    assert detail.startswith(query.partition("=")[0])


def test_before_the_first_window(serve: "Serve") -> None:
    """There is nothing to ask yet, and nothing is made by asking."""
    service = serve(lambda: {"prediction": 1})
    (model,) = get(service, "api/models")["models"]

    assert (model["judgement"], model["measured"], model["baseline"]) == (None, None, None)
    assert "flask mlmonitor evaluate" in get(service, f"{FRAUD}/drift", status=404)["detail"]
    assert get(service, "api/alerts") == {"active": [], "history": []}


def test_while_the_store_is_damaged(live: "Service") -> None:
    """503, and come again."""
    live.post()
    assert live.flush()
    url = live.state.settings.store_url
    live.runtime.database.close()
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as store:
        store.execute("DROP TABLE evaluations")
    for path in ("api/models", f"{FRAUD}/drift", f"{FRAUD}/history"):
        answer = live.client.get(f"/mlmonitor/{path}", headers=BEARER)
        assert answer.status_code == 503, answer.text
        assert answer.headers["Retry-After"]


def test_closed_to_others(shop: "Service") -> None:
    """Every route of the API needs the token."""
    rules = [rule.rule for rule in shop.app.url_map.iter_rules() if "/api/" in rule.rule]

    assert len(rules) == 9
    for rule in rules:
        url = rule.replace("<model>", "fraud").replace("<version>", "2")
        method = shop.client.post if "<alert_id>" in url else shop.client.get
        assert method(url.replace("<alert_id>", "x"), json={}).status_code == 401
