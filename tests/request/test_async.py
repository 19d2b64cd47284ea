"""`async def` views, and views that are no plain functions, with and without a time limit."""

import asyncio
import contextvars
import functools
import subprocess
import sys
import threading
from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest
from asgiref.wsgi import WsgiToAsgi
from flask import Flask, Response, g, request, session, stream_with_context
from flask.views import MethodView, View

from tests.missing import missing

if TYPE_CHECKING:
    from tests.conftest import Serve, Service

SHORT = 0.05
LONG = 20.0
SUCCESS = {"predictions success": 1, "timed": 1}
TIMED_OUT = {"predictions error": 1, "errors timeout": 1, "timed": 1, "abandoned": 1}
LIMITS = pytest.mark.parametrize("timeout", [None, LONG], ids=["unlimited", "limited"])

user = contextvars.ContextVar("user", default="nobody")


class Broken(Exception):
    """What a model raises."""


@LIMITS
def test_async_views(service: "Service", timeout: float | None) -> None:
    """An `async def` view, its exception and its fallback run the way Flask runs them."""

    @service.app.post("/predict")
    @service.monitor.prediction("fraud", version="2", timeout=timeout)
    async def predict() -> Any:
        return {"prediction": request.get_json()["age"]}

    @service.app.post("/broken")
    @service.monitor.prediction("fraud", version="3", timeout=timeout)
    async def broken() -> Any:
        raise Broken

    @broken.fallback
    async def rules() -> Any:
        return {"prediction": 0}

    @service.app.post("/raises")
    @service.monitor.prediction("fraud", version="4", timeout=timeout)
    async def raises() -> Any:
        raise Broken

    class Method(MethodView):
        @service.monitor.prediction("fraud", version="5", timeout=timeout)
        async def post(self) -> Any:
            return {"prediction": 5}

    service.app.add_url_rule("/method", view_func=Method.as_view("method"))
    post = service.client.post

    assert post("/predict", json={"age": 41}).get_json() == {"prediction": 41}
    assert post("/broken", json={"age": 41}).get_json() == {"prediction": 0}
    with pytest.raises(Broken):
        post("/raises", json={"age": 41})
    assert post("/method", json={"age": 41}).get_json() == {"prediction": 5}
    assert [(row.version, row.status) for row in service.rows()] == [
        ("2", "success"),
        ("3", "fallback"),
        ("4", "error"),
        ("5", "success"),
    ]


class Waiting:
    """An `async def` view that waits for something that does not come.

    :ivar cancelled: set when it was told to stop.
    """

    def __init__(self) -> None:
        self.cancelled = threading.Event()

    async def predict(self) -> Any:
        """Wait."""
        try:
            await asyncio.sleep(1000)
        except asyncio.CancelledError:
            self.cancelled.set()
            raise


@pytest.mark.parametrize("answers", [True, False])
def test_a_late_coroutine_is_cancelled(
    serve: "Serve", answers: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """The caller gets the fallback's answer or a 504; nothing runs on, so no thread is lost."""
    waiting = Waiting()

    async def rules() -> Any:
        return {"prediction": 7}

    options = {"fallback": rules} if answers else {}
    service = serve(waiting.predict, timeout=SHORT, **options)

    assert service.post().status_code == (200 if answers else 504)
    assert waiting.cancelled.wait(10)
    service.wait_for(lambda: "abandoned in progress" not in service.tally())
    if answers:
        counts = {"predictions fallback": 1, "fallbacks timeout": 1}
        assert service.tally() == {**counts, "errors timeout": 1, "timed": 1, "abandoned": 1}
    else:
        assert service.tally() == TIMED_OUT
        assert caplog.records == []


def test_a_coroutine_that_will_not_stop(serve: "Serve") -> None:
    """It runs on like any other abandoned call."""
    released = threading.Event()

    async def predict() -> Any:
        try:
            await asyncio.sleep(1000)
        except asyncio.CancelledError:
            released.wait(30)
        return {"prediction": 1}

    service = serve(predict, timeout=SHORT)

    assert service.post().status_code == 504
    assert service.tally() == {**TIMED_OUT, "abandoned in progress": 1}
    released.set()
    service.wait_for(lambda: "abandoned in progress" not in service.tally())


def test_a_coroutine_that_itself_waited_too_long(serve: "Serve") -> None:
    """Its own limit is not ours: a `model_error`."""

    async def predict() -> Any:
        async with asyncio.timeout(0.001):
            await asyncio.sleep(1000)

    service = serve(predict, timeout=LONG)
    with pytest.raises(TimeoutError):
        service.post()

    assert service.tally() == {"predictions error": 1, "errors model_error": 1, "timed": 1}


@LIMITS
def test_the_context_of_a_coroutine(serve: "Serve", timeout: float | None) -> None:
    """Flask's globals and the user's own variables work in it, and after it."""
    seen: list[Any] = []

    async def predict() -> Any:
        await asyncio.sleep(0)
        g.age = request.get_json()["age"]
        session["asked"] = True
        seen.append(user.get())
        user.set("grace")
        return {"prediction": 1}

    service = serve(predict, timeout=timeout, config={"SECRET_KEY": "x"})

    @service.app.before_request
    def before() -> None:
        user.set("ada")

    @service.app.after_request
    def after(response: Response) -> Response:
        seen.append((g.age, session["asked"], user.get()))
        return response

    assert service.post().status_code == 200
    assert seen == ["ada", (41, True, "grace")]


@LIMITS
def test_a_stream_of_a_coroutine(serve: "Serve", timeout: float | None) -> None:
    """It is sent after the coroutine has ended, in the context of its request."""

    async def predict() -> Any:
        return stream_with_context(request.path for _ in range(2))

    service = serve(predict, timeout=timeout)

    assert service.post().text == "/predict/predict"
    assert service.tally() == SUCCESS


@LIMITS
def test_class_views(service: "Service", timeout: float | None) -> None:
    """A whole class and one method of a class, `async def` each."""
    monitor = service.monitor

    class Whole(View):
        methods = ("POST",)
        decorators = [monitor.prediction("fraud", timeout=timeout)]  # noqa: RUF012 as in Flask

        async def dispatch_request(self, shop: int) -> Any:  # type: ignore[override]
            return {"prediction": shop}

    class Method(MethodView):
        bias = 7

        @monitor.prediction("fraud", timeout=timeout)
        async def post(self, shop: int) -> Any:
            raise Broken

        @post.fallback
        async def rules(self, shop: int) -> Any:
            return {"prediction": shop + self.bias}

    service.app.add_url_rule("/whole/<int:shop>", view_func=Whole.as_view("whole"))
    service.app.add_url_rule("/method/<int:shop>", view_func=Method.as_view("method"))

    assert service.client.post("/whole/3", json={"age": 41}).get_json() == {"prediction": 3}
    assert service.client.post("/method/3", json={"age": 41}).get_json() == {"prediction": 10}


class Shop:
    """A view that is an object."""

    def __call__(self) -> Any:
        """Answer."""
        return {"prediction": request.get_json()["age"]}


async def shifted(by: int) -> Any:
    """Answer with the age and something."""
    return {"prediction": request.get_json()["age"] + by}


OBJECTS: dict[str, tuple[Callable[..., Any], int]] = {
    "object": (Shop(), 41),
    "method": (Shop().__call__, 41),
    "partial": (functools.partial(Shop.__call__, Shop()), 41),
    "async-partial": (functools.partial(shifted, 1), 42),
    "async-partial-of-partial": (functools.partial(functools.partial(shifted), by=2), 43),
}


@LIMITS
@pytest.mark.parametrize(("view", "prediction"), OBJECTS.values(), ids=OBJECTS)
def test_views_that_are_no_functions(
    service: "Service", view: Callable[..., Any], prediction: int, timeout: float | None
) -> None:
    """Whatever Flask calls, given an endpoint's name."""
    decorator = service.monitor.prediction("fraud", timeout=timeout)
    service.app.add_url_rule("/predict", "predict", decorator(view), methods=["POST"])

    assert service.post().get_json() == {"prediction": prediction}
    assert service.tally() == SUCCESS


@LIMITS
def test_a_function_that_returns_a_coroutine(serve: "Serve", timeout: float | None) -> None:
    """Somebody's decorator hides that the view is `async def`: Flask's own error, untouched."""

    async def predict() -> Any:
        raise AssertionError("nobody awaits it")

    made: list[Any] = []

    def decorated() -> Any:
        made.append(predict())
        return made[-1]

    bare = Flask("bare")
    bare.testing = True
    bare.post("/predict")(decorated)
    service = serve(decorated, timeout=timeout)
    with pytest.raises(TypeError) as theirs:
        bare.test_client().post("/predict", json={})
    with pytest.raises(TypeError) as ours:
        service.post()
    for coroutine in made:
        coroutine.close()

    assert str(ours.value) == str(theirs.value)
    assert service.tally() == {"predictions error": 1, "errors model_error": 1, "timed": 1}


@LIMITS
def test_without_asgiref(
    serve: "Serve", monkeypatch: pytest.MonkeyPatch, timeout: float | None
) -> None:
    """Flask says what to install, untouched."""

    async def predict() -> Any:
        raise AssertionError("nobody can run it")

    monkeypatch.setitem(sys.modules, "asgiref.sync", None)
    service = serve(predict, timeout=timeout)
    with pytest.raises(RuntimeError, match="Install Flask with the 'async' extra"):
        service.post()

    assert service.tally() == {"predictions error": 1, "errors model_error": 1, "timed": 1}


@LIMITS
def test_an_app_that_runs_coroutines_its_own_way(
    service: "Service", monkeypatch: pytest.MonkeyPatch, timeout: float | None
) -> None:
    """`async_to_sync` is Flask's place to change that."""
    ran: list[str] = []

    def own_way(function: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **kwargs: Any) -> Any:
            ran.append("own way")
            return asyncio.run(function(*args, **kwargs))

        return run

    async def predict() -> Any:
        return {"prediction": 1}

    monkeypatch.setattr(service.app, "async_to_sync", own_way)
    service.app.post("/predict")(service.monitor.prediction("fraud", timeout=timeout)(predict))

    assert service.post().status_code == 200
    assert ran == ["own way"]


def test_under_asgi(service: "Service") -> None:
    """An ASGI server runs the app through asgiref's adapter, in a thread of its own."""

    async def predict() -> Any:
        await asyncio.sleep(0)
        return {"prediction": request.get_json()["age"]}

    waiting = Waiting()
    for name, view, timeout in [
        ("unlimited", predict, None),
        ("limited", predict, LONG),
        ("late", waiting.predict, SHORT),
    ]:
        decorator = service.monitor.prediction(name, timeout=timeout)
        service.app.post(f"/{name}", endpoint=name)(decorator(view))

    body = b'{"age": 41}'
    asgi: Any = WsgiToAsgi(service.app.wsgi_app)  # type: ignore[no-untyped-call]
    scope = {
        **{"type": "http", "http_version": "1.1", "method": "POST", "query_string": b""},
        "headers": [(b"content-type", b"application/json"), (b"content-length", b"11")],
    }

    async def ask(path: str) -> tuple[int, bytes]:
        sent: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": body}

        async def send(message: Any) -> None:
            sent.append(message)

        await asgi({**scope, "path": path}, receive, send)
        return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:])

    async def ask_all() -> list[tuple[int, bytes]]:
        return await asyncio.gather(*(ask(path) for path in ("/unlimited", "/limited", "/late")))

    unlimited, limited, late = asyncio.run(ask_all())
    assert unlimited == limited == (200, b'{"prediction":41}\n')
    assert late[0] == 504
    assert waiting.cancelled.wait(10)


EXIT = """
import asyncio, time
from flask import Flask
from flask_mlmonitor import MLMonitor

app = Flask("exits")
app.config["TESTING"] = True
monitor = MLMonitor(app)

@app.get("/sync")
@monitor.prediction("sync", timeout=0.01)
def sync():
    time.sleep(1000)

@app.get("/async")
@monitor.prediction("async", timeout=0.01)
async def asynchronous():
    await asyncio.sleep(1000)

print([app.test_client().get(path).status_code for path in ("/sync", "/async")])
"""
GEVENT = """
from gevent import monkey
monkey.patch_all()
import gevent, time
from flask import Flask
from flask_mlmonitor import MLMonitor

app = Flask("gevent")
app.config["TESTING"] = True
monitor = MLMonitor(app)

@app.get("/<float:seconds>")
@monitor.prediction("waits", timeout=1)
def wait(seconds):
    time.sleep(seconds)
    return {"prediction": 1}

seconds = [0.0] * 10 + [1000.0] * 10
ask = lambda s: app.test_client().get(f"/{s}").status_code
jobs = [gevent.spawn(ask, s) for s in seconds]
gevent.joinall(jobs)
print([job.value for job in jobs].count(200), [job.value for job in jobs].count(504))
"""


def run(script: str) -> str:
    """Run a program that would hang for a thousand seconds."""
    command = [sys.executable, "-c", script]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


def test_a_hanging_view_does_not_keep_a_process_from_exiting() -> None:
    """Neither a function nor a coroutine."""
    assert run(EXIT) == "[504, 504]\n"


def test_under_gevent() -> None:
    """The pool's threads are greenlets there: those that wait are abandoned in time."""
    if find_spec("gevent") is None:
        missing("gevent is not installed")

    assert run(GEVENT) == "10 10\n"
