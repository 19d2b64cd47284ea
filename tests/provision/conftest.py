"""Apps whose files are made, and their rules."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from flask_mlmonitor import Baseline
from flask_mlmonitor.provision.prometheus import rule_file

if TYPE_CHECKING:
    from tests.conftest import MakeService, Service

MakeShop = Callable[..., "Service"]


@pytest.fixture
def make_shop(make_service: "MakeService", baseline: Baseline) -> MakeShop:
    """Make apps with a model that classifies, one that regresses, and one without a baseline."""

    def make(**config: Any) -> "Service":
        service = make_service("shop", **config)
        scores = {"accuracy": 0.95, "f1_score": 0.95}
        register = service.monitor.register
        register("fraud", version="2", baseline=replace(baseline, performance=scores))
        errors = {"rmse": 10.0, "mae": 5.0}
        register("delay", version="1", baseline=replace(baseline, performance=errors))
        register("churn", version="1")
        return service

    return make


@pytest.fixture
def shop(make_shop: MakeShop) -> "Service":
    """One of them, which also has limits of its traffic."""
    return make_shop(MLMONITOR_MIN_THROUGHPUT=10, MLMONITOR_MAX_THROUGHPUT=1000)


@pytest.fixture
def rules(shop: "Service") -> list[dict[str, Any]]:
    """Its rules."""
    return [rule for group in rule_file(shop.state)["groups"] for rule in group["rules"]]


@pytest.fixture
def alerts(rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those that alert."""
    return [rule for rule in rules if "alert" in rule]
