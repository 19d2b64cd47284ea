"""The elected process and an app's alerts: what fires, what stays silent, and who goes on."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from flask_mlmonitor.exceptions import StoreError
from flask_mlmonitor.stats.cells.quality import FeatureQuality
from flask_mlmonitor.stats.verdicts.evaluation import Flaw
from flask_mlmonitor.store import tables
from flask_mlmonitor.store.leases import BREAK_SECONDS
from flask_mlmonitor.store.outbox import Result, claim, finish
from tests.alerts.windows import drift
from tests.background.watching import APP, LOOK, Station, subject

HOUR = 3600.0
THREE = 3
"""Looks that a figure must be bad in a row: two minutes pass between the first and the last."""
NewStation = Callable[..., Station]


@pytest.fixture
def new_station(store_url: str) -> Iterator[NewStation]:
    """Processes that share a store."""
    stations: list[Station] = []

    def make(*subjects: Any, **keys: Any) -> Station:
        stations.append(Station(store_url, *subjects, **keys))
        return stations[-1]

    yield make
    for station in stations:
        station.close()


@pytest.mark.parametrize(
    ("bad", "family", "metric"),
    [
        ({"error": 60, "success": 40}, "errors", "error_rate"),
        ({"fallback": 60, "success": 40}, "fallback", "fallback_rate"),
        ({"invalid": 60, "success": 40}, "invalid_input", "invalid_rate"),
        ({"success": 100, "latency": 3.0}, "latency", "latency"),
    ],
)
def test_requests(new_station: NewStation, bad: Any, family: str, metric: str) -> None:
    """What lasts is told once; when it is over and stays so, that is told once."""
    station = new_station()
    station.serve(**bad)
    station.look(THREE - 1)
    assert station.told == []
    station.look(2)
    assert station.told == [(family, "new")]
    assert [(one.metric, one.severity) for one in station.active] == [(metric, "critical")]

    station.serve(success=9000)
    station.look(10)
    assert station.told == [(family, "new"), (family, "resolved")]
    assert station.active == []
    assert [one.event for one in station.events] == ["fired", "resolved"]


def test_traffic_that_stops(new_station: NewStation) -> None:
    """It is too little; and no more when it is back."""
    station = new_station(MIN_THROUGHPUT=1)

    def go_on(minutes: int, number: int) -> None:
        for _ in range(minutes):
            station.serve(success=number)
            station.look()

    go_on(10, 120)
    assert station.told == []
    go_on(8, 0)
    assert station.told == [("throughput", "new")]
    go_on(9, 120)
    assert station.told == [("throughput", "new"), ("throughput", "resolved")]


def test_a_flood(new_station: NewStation) -> None:
    """It is too much."""
    station = new_station(MAX_THROUGHPUT=1)
    station.serve(success=2000)
    station.look(THREE)
    assert station.told == [("throughput", "new")]
    station.look(8)

    assert station.told[-1] == ("throughput", "resolved")


def test_an_idle_app(new_station: NewStation) -> None:
    """Nothing is told of a night without a request, nor of the first ones in the morning."""
    station = new_station()
    for hour in range(12):
        if hour in (0, 11):
            station.serve(success=30, error=1)
        station.evaluated(station.hour(status="not_enough_data"))
        station.look(6, every=600)

    assert station.told == []
    assert station.faults == []


def test_an_alert_before_the_night(new_station: NewStation) -> None:
    """Five looks later it is closed: nobody knows any more."""
    station = new_station()
    station.serve(error=60)
    station.look(THREE)
    station.look(15)

    assert station.told == [("errors", "new"), ("errors", "resolved")]
    assert [one.why for one in station.events] == [None, "no_data"]


def test_a_first_start(new_station: NewStation) -> None:
    """With all the traffic that is expected, at once; no window was ever judged."""
    station = new_station(MIN_THROUGHPUT=1, MAX_THROUGHPUT=4, ALERT_FOR=0)
    for _ in range(12):
        station.look(every=LOOK / 2)
        station.serve(success=60)

    assert station.told == []


def test_after_a_long_break(new_station: NewStation) -> None:
    """What was not evaluated, not asked and not learned meanwhile is nobody's fault."""
    before = new_station()
    before.look()
    before.serve(success=100)
    before.learn(before.time)
    before.evaluated(before.hour())
    before.watch.lease.resign()
    with before.database.writing() as connection:
        earlier = tables.leases.c.expires - 2 * BREAK_SECONDS
        connection.execute(update(tables.leases).values(expires=earlier))
    after = new_station(MIN_THROUGHPUT=1, ALERT_FOR=0, GROUND_TRUTH_STALE="3h")
    after.time += 9 * HOUR
    assert after.watch.lease.win()
    assert after.watch.lease.since > before.watch.lease.since
    # The database's clock has not moved; this is how it would be if it had.
    after.watch.lease.since = after.time
    for _ in range(10):
        after.serve(success=100)
        after.look()

    assert after.told == []
    assert after.faults == []


def test_windows_that_are_not_judged(new_station: NewStation) -> None:
    """Four in a row are told, and when they are judged again it is over."""
    station = new_station()
    station.evaluated(station.hour())
    station.look(4 * 6, every=600)
    assert station.told == []
    station.look(THREE * 6, every=600)
    assert station.told == [("monitor", "new")]
    assert [one.metric for one in station.active] == ["evaluation_stalled"]

    station.evaluated(station.hour(status="not_enough_data"))
    station.look(4)
    assert station.told == [("monitor", "new"), ("monitor", "resolved")]


def test_faults_of_the_monitor(new_station: NewStation) -> None:
    """Those of the last minutes; those of before this process looked are told by nobody."""
    station = new_station()
    station.ever = 1000
    station.look(5)
    assert station.told == []
    station.ever += 20
    station.look(5)
    assert station.told == [("monitor", "new")]
    station.look(8)
    assert station.told == [("monitor", "new"), ("monitor", "resolved")]


def test_faults_while_nobody_looked(new_station: NewStation) -> None:
    """They are not of the last minutes, however many there were."""
    station = new_station(ALERT_FOR=0)
    station.look(5)
    station.ever += 50
    station.look(every=HOUR)
    station.look(5)

    assert station.told == []


def test_predictions_that_are_lost(new_station: NewStation) -> None:
    """A few are a warning, one of a hundred is critical."""
    station = new_station(ALERT_FOR=0)
    station.serve(success=1000)
    station.lose(2)
    station.look()
    station.lose(50)
    station.look()
    station.look(8)

    told = [(one.reason, one.severity) for one in station.channel.told]
    assert told == [("new", "warning"), ("escalated", "critical"), ("resolved", "critical")]


@pytest.mark.parametrize(("asked", "told"), [(True, [("ground_truth", "new")]), (False, [])])
def test_ground_truth_that_does_not_come(
    new_station: NewStation, asked: bool, told: list[Any]
) -> None:
    """It is missed where there were predictions that it could be about."""
    station = new_station(GROUND_TRUTH_STALE="2h")
    station.serve(success=100)
    station.learn(station.time + 120)
    for _ in range(4):
        station.time += HOUR
        station.evaluated(station.hour(status="not_enough_data"))
        if asked:
            station.serve(success=100)
        station.look(5)
    assert station.told == told

    station.learn(station.time)
    station.look(5)
    assert station.told[1:] == [("ground_truth", "resolved")] * asked


def test_messages_that_do_not_arrive(new_station: NewStation) -> None:
    """That they were given up is told to those who can be reached."""
    station = new_station(ALERT_FOR=0)
    station.serve(error=100)
    station.look()
    with station.database.writing() as connection:
        waits = {"state": "waiting", "channel": "slack"}
        connection.execute(update(tables.outbox).values(waits))
    message = claim(station.database, APP, "slack", holder="x", now=station.time)
    assert message is not None
    finish(station.database, message, Result("dead", "clientError"))
    station.look()

    assert station.told == [("errors", "new"), ("monitor", "new")]


def test_a_damaged_evaluation(new_station: NewStation) -> None:
    """It is a fault, once; the others are decided upon."""
    station = new_station()
    drifted = {"plan": drift(0.8)}
    one, two = station.hour(1, drift=drifted), station.hour(drift=drifted)
    station.evaluated(one, two)
    with station.database.writing() as connection:
        damage = update(tables.evaluations).where(tables.evaluations.c.end == one.end.timestamp())
        connection.execute(damage.values(result='{"model": 7'))
    station.look(2)

    assert station.told == [("data_drift", "new")]
    assert len(station.faults) == 1


def test_a_damaged_alert(new_station: NewStation) -> None:
    """It is a fault, once, and the figures are looked at all the same."""
    station = new_station(ALERT_FOR=0)
    station.serve(error=100)
    station.look()
    with station.database.writing() as connection:
        connection.execute(update(tables.alerts).values(series="{"))
    for _ in range(3):
        station.serve(error=100)
        station.look()

    assert [one.metric for one in station.active] == ["error_rate"]
    assert len(station.faults) == 1


def test_a_model_of_which_nothing_can_be_read(
    new_station: NewStation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others have alerts all the same."""
    station = new_station(subject("churn"), subject(), ALERT_FOR=0)
    for model in ("churn", "fraud"):
        station.serve(model, error=100)
    counted = station.watch._figures.counted

    def damaged(one: Any, moment: Any) -> Any:
        if one.model == "churn":
            raise ValueError("damaged")
        return counted(one, moment)

    monkeypatch.setattr(station.watch._figures, "counted", damaged)
    station.look()

    assert [(one.model, one.metric) for one in station.active] == [("fraud", "error_rate")]
    assert [str(fault) for fault in station.faults] == ["damaged"]


def test_a_store_that_was_away(tmp_path: Path) -> None:
    """When it is back, what is due is told."""
    station = Station(f"sqlite:///{tmp_path / 'store' / 'store.sqlite3'}")
    station.serve(error=100)
    station.look()
    (tmp_path / "store").rename(tmp_path / "away")
    for _ in range(3):
        station.time += LOOK
        with pytest.raises(StoreError):
            station.watch.look(station.watch.lease)
    (tmp_path / "away").rename(tmp_path / "store")
    station.serve(error=100)
    station.look()
    station.close()

    assert station.told == [("errors", "new")]
    assert station.faults == []


def test_one_feature_hides_no_other(new_station: NewStation) -> None:
    """Each has an alert of its own, whenever it begins and ends; people hear of all."""
    station = new_station()
    station.evaluated(station.hour(drift={"age": drift(0.8), "plan": drift(0.5)}))
    station.look()
    station.time += HOUR
    station.evaluated(station.hour(drift={"age": drift(0.8), "plan": drift(0.8)}))
    station.look()
    assert {one.feature for one in station.active} == {"age", "plan"}
    station.time += HOUR
    station.evaluated(station.hour(drift={"age": drift(0.5), "plan": drift(0.8)}))
    station.look()
    assert {one.feature for one in station.active} == {"plan"}
    station.time += HOUR
    station.evaluated(station.hour(drift={"age": drift(0.5), "plan": drift(0.5)}))
    station.look()

    reasons = [one.reason for one in station.channel.told]
    assert reasons == ["new", "changed", "resolved"]
    assert {one.feature for one in station.channel.told[1].alerts} == {"age", "plan"}
    assert station.active == []


def test_a_successor_goes_on(new_station: NewStation) -> None:
    """It tells nothing again, and knows when it is over."""
    first = new_station(ALERT_FOR=0)
    first.serve(error=100)
    first.look(2)
    assert first.told == [("errors", "new")]
    second = new_station(ALERT_FOR=0)
    second.time = first.time
    assert not second.watch.lease.win()
    first.watch.lease.resign()
    second.look(2)
    assert second.watch.look(first.watch.lease) is None
    second.serve(success=10_000)
    second.look(2)

    assert second.told == [("errors", "resolved")]
    assert second.watch.lease.since == pytest.approx(first.watch.lease.since, abs=5)


def test_a_new_version(new_station: NewStation) -> None:
    """The alerts of the one before it are closed, and it has some minutes to warm up."""
    station = new_station(ALERT_FOR=0)
    station.serve(error=100)
    station.look()
    station.subjects = [subject(version="3")]
    station.look()
    assert [one.reason for one in station.channel.told] == ["new", "resolved"]
    assert station.events[-1].why == "superseded"


def test_each_model_by_its_own_settings(new_station: NewStation) -> None:
    """Thresholds and patience are the model's."""
    patient = {"churn": {"ERROR_RATE_WARNING": 0.9, "ERROR_RATE_CRITICAL": 0.95}}
    station = new_station(subject("churn"), subject(), MODELS=patient, ALERT_FOR=0)
    for model in ("churn", "fraud"):
        station.serve(model, error=50, success=50)
    station.look()

    assert [one.model for one in station.active] == ["fraud"]


def test_flawed_input(new_station: NewStation) -> None:
    """A field that is missing where it was not."""
    station = new_station()
    flaw = Flaw("age", "missing", 0.4, 0.0, "critical")
    quality = {"age": FeatureQuality(n=1000, missing=0.4)}
    station.evaluated(station.hour(quality=quality, flaws=(flaw,)))
    station.look()

    assert [(one.metric, one.feature) for one in station.active] == [("missing", "age")]


def test_retraining(new_station: NewStation) -> None:
    """Ten hours that are wrong too often ask for it, once; those by hand in between do not."""
    station = new_station(RETRAIN_COOLDOWN="3h")
    low: dict[str, Any] = {"measured": True, "performance": {"accuracy": 0.6}}
    for hour in range(10):
        assert station.recommended == []
        station.evaluated(station.hour(**low), *[station.hour(0.5, **low)] * (hour > 0))
        station.look()
        station.time += HOUR - LOOK
    station.look()
    assert [one.model for one in station.recommended] == ["fraud"]
    for _ in range(4):
        station.evaluated(station.hour(**low))
        station.look()
        station.time += HOUR - LOOK

    assert len(station.recommended) == 2
    assert station.recommended[0].accuracy == pytest.approx(0.6)
