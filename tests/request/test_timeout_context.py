"""What a view with a time limit finds around it: its request, its body, its context."""

import contextvars
import io
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from flask import (
    Response,
    after_this_request,
    current_app,
    g,
    request,
    session,
    stream_with_context,
)

if TYPE_CHECKING:
    from tests.conftest import Serve

LONG = 20.0

user = contextvars.ContextVar("user", default="nobody")


def test_the_context_of_the_request(serve: "Serve") -> None:
    """Flask's globals and the user's own variables, in the view and in what comes after it."""
    seen: dict[str, Any] = {}

    def predict() -> Any:
        @after_this_request
        def sign(response: Response) -> Response:
            response.headers["X-Signed"] = "yes"
            return response

        g.features = [*g.features, request.get_json()["age"]]
        session["asked"] = session.get("asked", 0) + 1
        seen["view"] = (current_app.name, user.get())
        user.set("somebody else")
        return {"prediction": 1}

    service = serve(predict, timeout=LONG, config={"SECRET_KEY": "x"})

    @service.app.before_request
    def before() -> None:
        g.features = ["before"]
        user.set("ada")

    @service.app.after_request
    def after(response: Response) -> Response:
        seen["after"] = (g.features, session["asked"], user.get())
        return response

    for asked in (1, 2):
        response = service.post()
        assert response.headers["X-Signed"] == "yes"
        assert seen == {
            "view": ("shop", "ada"),
            "after": (["before", 41], asked, "somebody else"),
        }


def test_the_request_of_an_abandoned_call_ends_without_it(serve: "Serve") -> None:
    """Teardown has run, the next request is served; the view still has its own request and `g`."""
    released, ended = threading.Event(), threading.Event()
    seen: list[Any] = []

    def predict() -> Any:
        if request.get_json()["age"] == 41:
            return {"prediction": 1}
        released.wait(30)
        g.late = True
        session["late"] = True
        seen.append((request.get_json()["age"], request.path, current_app.name, g.who))
        ended.set()
        return {"prediction": 1}

    service = serve(predict, timeout=0.5, config={"SECRET_KEY": "x"})
    torn_down: list[int] = []

    @service.app.before_request
    def before() -> None:
        g.who = request.get_json()["age"]

    @service.app.teardown_request
    def teardown(error: BaseException | None) -> None:
        torn_down.append(g.who)

    assert service.post({"age": 7}).status_code == 504
    assert torn_down == [7]
    assert service.post({"age": 41}).get_json() == {"prediction": 1}
    released.set()
    assert ended.wait(10)
    assert seen == [(7, "/predict", "shop", 7)]
    assert service.post({"age": 41}).status_code == 200
    assert torn_down == [7, 41, 41]


def test_a_stream_is_not_under_the_limit(serve: "Serve") -> None:
    """It covers the call, not what the call's answer goes on to send."""

    def predict() -> Any:
        def rows() -> Iterator[str]:
            yield request.path
            time.sleep(0.6)
            yield f" {g.who}"

        g.who = "ada"
        return stream_with_context(rows())

    service = serve(predict, timeout=0.5)

    assert service.post().text == "/predict ada"
    assert service.tally() == {"predictions success": 1, "timed": 1}


class Pieces(io.RawIOBase):
    """A body that arrives in pieces, as from a socket, and only once.

    :ivar readers: the threads that read it.
    """

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)
        self.readers: set[int] = set()

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Give a few bytes."""
        self.readers.add(threading.get_ident())
        return self._data.readinto(memoryview(buffer)[:4])


def sent(source: Pieces, body: bytes) -> dict[str, Any]:
    """Return what a server says of a body."""
    return {"wsgi.input": source, "CONTENT_LENGTH": str(len(body))}


VIEWS: dict[str, tuple[str, Callable[[], Any]]] = {
    "stream": ("text/plain", lambda: request.stream.read().decode()),
    "data": ("text/plain", lambda: request.get_data(as_text=True)),
    "form": ("application/x-www-form-urlencoded", lambda: request.form["text"]),
    "json": ("application/json", lambda: request.get_json()["text"]),
}
BODIES = {"text/plain": b"hello", "application/json": b'{"text": "hello"}'}


@pytest.mark.parametrize(("kind", "read"), VIEWS.values(), ids=VIEWS)
def test_the_body_is_read_before_the_clock_starts(
    serve: "Serve", kind: str, read: Callable[[], Any]
) -> None:
    """By the request's thread: an abandoned call could read into the next request."""
    service = serve(lambda: {"prediction": read()}, timeout=LONG)
    body = BODIES.get(kind, b"text=hello")
    source = Pieces(body)
    response = service.post(json=None, content_type=kind, environ_overrides=sent(source, body))

    assert response.get_json() == {"prediction": "hello"}
    assert source.readers == {threading.get_ident()}


def test_a_body_that_is_too_large(serve: "Serve") -> None:
    """As if the view had read it: a 413, invalid input."""
    service = serve(lambda: {"prediction": 1}, timeout=LONG, config={"MAX_CONTENT_LENGTH": 10})
    body = b"x" * 20
    response = service.post(json=None, environ_overrides=sent(Pieces(body), body))

    assert response.status_code == 413
    assert service.tally() == {"predictions invalid": 1, "errors invalid_input": 1}
