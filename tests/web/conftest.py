"""A service that predicts, whatever it is sent."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.web.shop import open_shop

if TYPE_CHECKING:
    from tests.conftest import Serve, Service


def predict() -> Any:
    return {"prediction": 1}


@pytest.fixture
def fraud(serve: "Serve") -> "Service":
    """Version 2 of the model "fraud", under TESTING."""
    return serve(predict)


@pytest.fixture
def live(serve: "Serve", production: dict[str, Any]) -> "Service":
    """The same in production: with a token, and drained only on demand."""
    return serve(predict, config={**production, "MLMONITOR_API_TOKEN": "s=cret"})


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[Service]":
    """A service that has a history; in production, with a token."""
    service = open_shop(tmp_path_factory.mktemp("shop"))
    yield service
    service.close()
