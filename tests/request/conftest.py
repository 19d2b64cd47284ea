"""What the tests of the request path share."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

OURS = {"X-Prediction-ID", "X-Prediction-Source"}

AssertUnaltered = Callable[..., None]


@pytest.fixture
def assert_unaltered() -> AssertUnaltered:
    """Compare an answer with that of the same view, asked the same, in an app without a monitor."""

    def compare(response: TestResponse, view: Callable[..., Any], **asked: Any) -> None:
        app = Flask("bare")
        app.post("/predict")(view)
        asked.setdefault("json", {"age": 41})
        expected = app.test_client().post("/predict", buffered=True, **asked)
        theirs = [(name, value) for name, value in response.headers if name not in OURS]

        assert (response.status, response.data) == (expected.status, expected.data)
        assert theirs == list(expected.headers)

    return compare


class Hanging:
    """A view that answers when it is released.

    :ivar ended: how often it did.
    """

    def __init__(self) -> None:
        self.released = threading.Event()
        self.ended = 0

    def predict(self) -> Any:
        """Wait, then answer."""
        assert self.released.wait(30)
        self.ended += 1
        return {"prediction": 1}


@pytest.fixture
def hanging() -> Iterator[Hanging]:
    """A view that hangs; no call of it outlives the test."""
    hanging = Hanging()
    yield hanging
    hanging.released.set()
