"""A time limit for a view: it runs in a thread of a pool, and the request waits only so long."""

import asyncio
import contextvars
import threading
import weakref
from collections.abc import Callable, Coroutine, Mapping
from io import BytesIO
from queue import SimpleQueue
from typing import Any, Final

from flask import Request

from flask_mlmonitor.request.failures import PredictionTimeout

POOL_SIZE: Final = 64
"""Calls of one view that a process runs at once, those included that nobody waits for any more."""

_UNSET: Final = object()


class Call:
    """One call of a view, in a copy of the context of its request.

    :ivar ended: set as soon as the view returned or raised.
    :ivar abandoned: nobody waits for it any more.
    """

    def __init__(
        self, view: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> None:
        self._context = contextvars.copy_context()
        self._view, self._args, self._kwargs = view, args, kwargs
        self._value: Any = None
        self.error: BaseException | None = None
        self.ended = threading.Event()
        self.abandoned = False

    def run(self) -> None:
        """Call the view; whatever it raises is kept."""
        try:
            self._value = self._context.run(self._view, *self._args, **self._kwargs)
        except BaseException as error:  # noqa: BLE001  raised again in the request's thread
            self.error = error

    def result(self) -> Any:
        """Return what the view returned, or raise what it raised.

        What it set in its context is set here too, as if it had run here.
        """
        for variable, value in self._context.items():
            if variable.get(_UNSET) is not value:
                variable.set(value)
        error, self.error = self.error, None
        if error is None:
            return self._value
        try:
            raise error
        finally:
            del error  # else it would hold this frame, which holds it


class Pool:
    """At most so many threads, made when they are needed; they never keep a process alive.

    :param on_abandon: called for each call that nobody waits for any more.
    :param on_late_end: called when it has ended after all, with what it raised; neither may raise.
    """

    def __init__(
        self,
        *,
        on_abandon: Callable[[], None],
        on_late_end: Callable[[BaseException | None], None],
        size: int = POOL_SIZE,
    ) -> None:
        self._on_abandon, self._on_late_end = on_abandon, on_late_end
        self._size = size
        self._lock = threading.Lock()
        self._threads = self._running = 0
        self._calls: SimpleQueue[tuple[Pool, Call] | None] = SimpleQueue()
        weakref.finalize(self, _dismiss, self._calls, size).atexit = False

    def submit(
        self, view: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> Call:
        """Call *view* in a thread.

        :raises PredictionTimeout: when all threads are taken.
        :raises RuntimeError: when none is free, and the machine starts no more.
        """
        call = Call(view, args, kwargs)
        with self._lock:
            if self._running == self._size:
                raise PredictionTimeout
            if self._running == self._threads:
                _start(self._calls)
                self._threads += 1
            self._running += 1
        self._calls.put((self, call))
        return call

    def wait(self, call: Call, seconds: float) -> Any:
        """Return what the view returned, or raise what it raised, if it did so in time.

        :raises PredictionTimeout: when it did not; then the call runs on.
        """
        try:
            call.ended.wait(seconds)
        finally:
            abandoned = self._abandon(call)
        if abandoned:
            raise PredictionTimeout
        return call.result()

    def end(self, call: Call) -> None:
        """Make the thread of a call free for another one."""
        with self._lock:
            self._running -= 1
            call.ended.set()
        if call.abandoned:
            is_known = isinstance(call.error, PredictionTimeout)
            self._on_late_end(None if is_known else call.error)

    def _abandon(self, call: Call) -> bool:
        with self._lock:
            call.abandoned = not call.ended.is_set()
        if call.abandoned:
            self._on_abandon()
        return call.abandoned


def _start(calls: "SimpleQueue[tuple[Pool, Call] | None]") -> None:
    threading.Thread(target=_work, args=(calls,), name="mlmonitor-view", daemon=True).start()


def _work(calls: "SimpleQueue[tuple[Pool, Call] | None]") -> None:
    while (given := calls.get()) is not None:
        pool, call = given
        call.run()
        pool.end(call)
        del given, pool, call  # a thread that waits keeps neither the app nor a request alive


def _dismiss(calls: "SimpleQueue[tuple[Pool, Call] | None]", threads: int) -> None:
    for _ in range(threads):
        calls.put(None)


def cancelled_after(
    seconds: float, view: Callable[..., Coroutine[Any, Any, Any]]
) -> Callable[..., Coroutine[Any, Any, Any]]:
    """Return an ``async def`` view that ends when nobody waits for it any more.

    Its event loop would otherwise keep the process from exiting.
    """

    async def limited(*args: Any, **kwargs: Any) -> Any:
        try:
            async with asyncio.timeout(seconds) as limit:
                return await view(*args, **kwargs)
        except TimeoutError:
            if limit.expired():
                raise PredictionTimeout from None
            raise

    return limited


def hold_body(request: Request) -> None:
    """Take the whole body off the connection before the clock starts.

    A view that was given up may read it later, when the server has gone on to the next request on
    the same connection; and a slow upload is not the model's time.
    """
    if not isinstance(request.environ["wsgi.input"], BytesIO):
        body = BytesIO(request.stream.read())
        request.__dict__["stream"] = request.environ["wsgi.input"] = body
