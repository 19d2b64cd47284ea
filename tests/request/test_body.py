"""The body of a request after the monitor has read it: the view gets what it got before."""

import io
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask, request
from flask.json.provider import DefaultJSONProvider

from flask_mlmonitor import Baseline

if TYPE_CHECKING:
    from tests.conftest import Serve

Row = dict[str, Any]


class CountingProvider(DefaultJSONProvider):
    """Counts the bodies that it parses."""

    def __init__(self, app: Flask) -> None:
        super().__init__(app)
        self.parsed = 0

    def loads(self, s: str | bytes, **options: Any) -> Any:
        """Parse and count."""
        self.parsed += 1
        return super().loads(s, **options)


def test_a_body_is_parsed_once(serve: "Serve") -> None:
    """By the app's own parser, for the monitor, the view and the fallback together."""

    def view() -> Any:
        return {"prediction": request.get_json()["age"] / 0}

    service = serve(view, fallback=lambda: {"prediction": request.get_json()["age"]})
    service.app.json = provider = CountingProvider(service.app)

    assert json.loads(service.post().data) == {"prediction": 41}
    assert provider.parsed == 1


@pytest.mark.parametrize("batch", [False, True])
def test_what_was_sent_is_recorded_whatever_the_view_does_to_it(
    serve: "Serve", baseline: Baseline, customer: Row, batch: bool
) -> None:
    """Views scale and complete their input in place."""

    def view() -> Any:
        body = request.get_json()
        row = body[0] if batch else body
        row[0] /= 100
        row.append("derived")
        return [1]

    service = serve(view, baseline=baseline)
    sent = list(customer.values())
    service.post([sent] if batch else sent)

    assert service.row().features == customer
    assert service.tally() == {"predictions success": 1, "timed": 1}


def test_a_dict_that_the_view_changes_is_recorded_as_it_was_sent(serve: "Serve") -> None:
    """Views scale and complete their input in place."""

    def view() -> Any:
        body = request.get_json()
        body["age"] /= 100
        body["derived"] = 1
        return {"prediction": 1}

    service = serve(view)
    service.post({"age": 41})

    assert service.row().features == {"age": 41}


READERS: dict[str, Callable[[], Any]] = {
    "get_json": lambda: request.get_json(),
    "json": lambda: request.json,
    "force": lambda: request.get_json(force=True),
    "get_data": lambda: json.loads(request.get_data()),
    "data": lambda: json.loads(request.data),
    "text": lambda: json.loads(request.get_data(as_text=True)),
}


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
def test_the_view_can_still_read_the_body(serve: "Serve", read: Callable[[], Any]) -> None:
    """Each of Flask's ways gives it what it gave before."""
    service = serve(lambda: {"prediction": read()["age"]})

    assert service.post().get_json() == {"prediction": 41}


@pytest.mark.parametrize(
    "read",
    [lambda: request.stream.read(), lambda: request.environ["wsgi.input"].read()],
    ids=["stream", "wsgi.input"],
)
def test_the_view_can_still_read_the_stream(serve: "Serve", read: Callable[[], bytes]) -> None:
    """A view that parses its stream itself works as it did without a monitor."""
    service = serve(lambda: {"prediction": json.loads(read())["age"]})

    assert service.post().get_json() == {"prediction": 41}


def test_a_form_is_left_to_the_view(serve: "Serve") -> None:
    """Fields and files are still there."""
    service = serve(
        lambda: {"prediction": request.form["age"] + request.files["f"].read().decode()}
    )
    response = service.client.post("/predict", data={"age": "41", "f": (io.BytesIO(b"!"), "f.txt")})

    assert response.get_json() == {"prediction": "41!"}
