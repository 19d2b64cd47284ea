"""What the elected process does for each of its apps, until it ends."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from flask_mlmonitor import Baseline
from flask_mlmonitor.store import tables
from flask_mlmonitor.store.alerting import read_alerts
from tests.conftest import MakeService, Service

FEW = 40


@pytest.fixture
def busy(production: dict[str, Any]) -> dict[str, Any]:
    """The configuration of an app whose alerts are looked after at once."""
    quick = {"MLMONITOR_EVALUATION_INTERVAL": 1, "MLMONITOR_ALERT_FOR": 0}
    return {**production, **quick}


def failing(service: Service, **options: Any) -> Service:
    """Let an app have a model that fails, and ask it."""

    def fail() -> Any:
        return {}, 500

    service.app.post("/predict")(service.monitor.prediction(service.app.name, **options)(fail))
    for _ in range(FEW):
        service.post()
    assert service.flush()
    return service


def test_an_app_is_in_no_others_way(
    make_service: MakeService, busy: dict[str, Any], baseline: Baseline, tmp_path: Path
) -> None:
    """The baseline of the first one is gone; the second one has its alerts."""
    path = tmp_path / "baseline.json"
    baseline.save(path)
    shop = failing(make_service("shop", **busy), baseline=path)
    path.unlink()
    bank = failing(make_service("bank", **busy))
    assert bank.runtime is shop.runtime
    bank.runtime.work()

    database = bank.runtime.database
    bank.wait_for(lambda: bool(read_alerts(database, "bank")))
    assert read_alerts(database, "shop") == []
    bank.wait_for(lambda: bank.tally().get("faults background", 0) > 0)


def test_who_ends_gives_back_what_it_does_alone(
    make_service: MakeService, busy: dict[str, Any]
) -> None:
    """Its successor need not wait."""
    shop = failing(make_service("shop", **busy))
    shop.runtime.work()
    database = shop.runtime.database
    shop.wait_for(lambda: bool(read_alerts(database, "shop")))
    shop.close()
    heir = make_service("shop", **busy)
    heir.flush()
    column = tables.leases.c
    with heir.runtime.database.reading() as connection:
        query = select(column.expires - column.since).where(column.name == "alerts of shop")
        held = connection.execute(query).scalar_one()
    assert held < 15  # not the thirty seconds from its last renewal on
    assert heir.runtime.duties["shop"].watch.lease.win()


def test_two_apps_of_one_name(
    make_service: MakeService, busy: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """In one folder, the second one is told that nobody looks after its models."""
    shop = failing(make_service("shop", **busy))
    twin = failing(make_service("shop", **busy))
    assert twin.runtime is shop.runtime
    (said,) = [one.getMessage() for one in caplog.records if "Two apps" in one.getMessage()]
    assert "'shop'" in said
    assert len(shop.runtime.duties) == 1
