"""A view that is asked while a part of its monitor fails."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pytest
from flask import request

if TYPE_CHECKING:
    from tests.conftest import Service

ANSWER = {"prediction": 1, "age": 41}
SUCCESS = {"predictions success": 3, "timed": 3}


class Bug(Exception):
    """Any fault of the monitor's own code."""


def predict() -> Any:
    return {"prediction": 1, "age": request.get_json()["age"]}


def bug(*_: Any, **__: Any) -> Any:
    raise Bug("a bug")


def ask(service: "Service", payload: Mapping[str, Any] | None = None) -> list[str]:
    """Predict three times; see that nothing is wrong with the answers; return the ids
    that they have.
    """
    answers = [service.post(payload or {"age": 41}) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200] * 3
    assert [answer.get_json() for answer in answers] == [ANSWER] * 3
    return [key for answer in answers if (key := answer.headers.get("X-Prediction-ID"))]


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the errors that were logged."""
    return [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
