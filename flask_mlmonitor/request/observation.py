"""What is known of one request, and what is done with it in the end: recorded, counted, told.

This is the hot path. Each part stands in a ``try`` of its own: where it fails, the fault is
counted, the parts behind it still run, and the client's answer does not change.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from flask import Request

from flask_mlmonitor import signals
from flask_mlmonitor.counters.cells import Owner
from flask_mlmonitor.records import (
    ERROR_TYPES,
    FALLBACK_REASONS,
    STATUSES,
    FieldFailure,
    Served,
)
from flask_mlmonitor.request.dialects.rows import UNREADABLE
from flask_mlmonitor.request.endpoint import Endpoint
from flask_mlmonitor.request.ids import new_id
from flask_mlmonitor.request.limit import hold_body
from flask_mlmonitor.request.outputs import Output
from flask_mlmonitor.request.payloads import Fields, external_id_of
from flask_mlmonitor.request.route import Route
from flask_mlmonitor.request.telling import tell_recorded

ID_HEADER: Final = "X-Prediction-ID"
SOURCE_HEADER: Final = "X-Prediction-Source"
SIGNATURE: Final = "mlmonitor.headers"
"""Where in the WSGI environment the headers of the answer are collected."""

_REASON: Final = "mlmonitor.fallback"


class Outcome:
    """How a request ended.

    >>> Outcome("fallback", "model_error", "error").source
    'fallback'

    :param status: one of :data:`~flask_mlmonitor.records.STATUSES`.
    :param error: at most one of :data:`~flask_mlmonitor.records.ERROR_TYPES`.
    :param reason: at most one of :data:`~flask_mlmonitor.records.FALLBACK_REASONS`.
    :ivar status: its place in that list, and likewise *error* and *reason*, -1 for none.
    """

    def __init__(self, status: str, error: str | None = None, reason: str | None = None) -> None:
        self.status = STATUSES.index(status)
        self.error = -1 if error is None else ERROR_TYPES.index(error)
        self.reason = -1 if reason is None else FALLBACK_REASONS.index(reason)
        self.source = "fallback" if status == "fallback" else "primary"


SUCCESS: Final = Outcome("success")


class Observation:
    """One request to a monitored view.

    :param args: the view's, and likewise *kwargs*.
    :ivar payload: the body as rows, as far as it could be read.
    :ivar fields: the rows in the order of the baseline; empty when the body was unreadable.
    :ivar failures: the rules that they broke.
    :ivar was_read: whether reading and checking went well; if not, no policy acts.
    """

    __slots__ = (
        "_admission",
        "_request",
        "_started",
        "args",
        "endpoint",
        "failures",
        "fields",
        "id",
        "kwargs",
        "payload",
        "route",
        "time",
        "was_read",
    )

    def __init__(
        self,
        endpoint: Endpoint,
        route: Route,
        request: Request,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
    ) -> None:
        self.endpoint = endpoint
        self.route = route
        self.args = args
        self.kwargs = kwargs
        self._request = request
        self.id = new_id()
        self.time = time.time()
        self.fields: Sequence[Fields] = ()
        self.failures: Sequence[FieldFailure] = ()
        self.payload = UNREADABLE
        self.was_read = False
        self._started: float | None = None
        self._admission = 0

    def read(self) -> None:
        """Read the payload and check it, and count the request as in progress."""
        route, endpoint = self.route, self.endpoint
        try:
            self.payload = route.reader.payload(self._request, endpoint.features)
            self.fields = route.order.fields(self.payload.rows)
            if endpoint.concerns.validate:
                self.failures = route.validator.failures(self.fields)
            self.was_read = True
        except Exception as fault:  # noqa: BLE001  the boundary
            route.faults.happened("validation", fault)
        try:
            if endpoint.concerns.time:
                route.counters.begun()
        except Exception as fault:  # noqa: BLE001  the boundary
            route.faults.happened("counters", fault)

    def admit(self) -> bool:
        """Return whether the view is to be asked: not while its circuit is open."""
        with self.route.faults.guard("request"):
            self._admission = self.route.breaker.admit()
            return self._admission > 0
        return True

    def succeeded(self) -> None:
        """Tell the breaker, if there is one, that the view answered well."""
        if self._admission:
            with self.route.faults.guard("request"):
                self.route.breaker.succeeded(self._admission)

    def failed(self, error: str) -> None:
        """Tell it that the view failed."""
        if self._admission:
            with self.route.faults.guard("request"):
                self.route.breaker.failed(self._admission, error)

    def undecided(self) -> None:
        """Tell it that the request says nothing of the model."""
        if self._admission:
            with self.route.faults.guard("request"):
                self.route.breaker.undecided(self._admission)

    def within(self, seconds: float, view: Callable[..., Any]) -> Any:
        """Return what the view returns, or raise what it raises, within its time limit.

        :raises PredictionTimeout: when it does not answer in time, or no thread is free for it.
        """
        hold_body(self._request)
        pool = self.route.pool
        try:
            call = pool.submit(view, self.args, self.kwargs)
        except RuntimeError as fault:  # the machine starts no more threads
            self.route.faults.happened("request", fault)
            self.start()
            return view(*self.args, **self.kwargs)
        self.start()
        return pool.wait(call, seconds)

    def start(self) -> None:
        """Start the clock: the view or the fallback begins."""
        if self._started is None:
            self._started = time.perf_counter()

    def dismiss(self) -> None:
        """Forget the request: it was no prediction."""
        with self.route.faults.guard("counters"):
            if self.endpoint.concerns.time:
                self.route.counters.dismissed()

    def finish(self, outcome: Outcome, outputs: Sequence[Output] = ()) -> None:
        """Record the request, once; nothing that fails in here reaches it."""
        latency = None if self._started is None else time.perf_counter() - self._started
        route, concerns = self.route, self.endpoint.concerns
        environ = self._request.environ
        stored = False
        fell_back = outcome.reason >= 0 and concerns.fall_back
        if outcome is not SUCCESS or _REASON in environ:
            outcome = self._settled(outcome)
        try:
            if concerns.record:
                stored = self._record(outcome, outputs, latency)
        except Exception as fault:  # noqa: BLE001  the boundary
            route.faults.happened("journal", fault)
        try:
            if concerns.time:
                rows = len(self.fields) or len(outputs) or 1
                ended = self.time + (latency or 0.0)
                route.counters.finished(outcome.status, rows, ended, latency, outcome.error)
            if self.failures:
                route.counters.broke(self.failures)
            if fell_back:
                route.counters.fell_back(outcome.reason)
        except Exception as fault:  # noqa: BLE001  the boundary
            route.faults.happened("counters", fault)
        try:
            headers = environ.get(SIGNATURE, {})
            if stored:  # who holds an id finds its prediction in the store
                headers[ID_HEADER] = self.id
            if concerns.fall_back:
                headers[SOURCE_HEADER] = outcome.source
            if latency is not None and latency > route.slow:
                route.warn(latency)
        except Exception as fault:  # noqa: BLE001  the boundary
            route.faults.happened("request", fault)
        if fell_back:
            with route.faults.guard("signal"):
                self._tell_fallback(FALLBACK_REASONS[outcome.reason], self.id if stored else None)

    def _settled(self, outcome: Outcome) -> Outcome:
        """Tell who else watches this request that the fallback answered, or hear of it."""
        told: dict[Owner, Outcome] = self._request.environ.setdefault(_REASON, {})
        if outcome.reason >= 0:
            told[self.route.owner] = outcome
        return told.get(self.route.owner, outcome) if outcome is SUCCESS else outcome

    def _record(self, outcome: Outcome, outputs: Sequence[Output], latency: float | None) -> bool:
        route = self.route
        stored = route.stores(self.id)
        served = Served(
            route.schema,
            self.id,
            self.time,
            outcome.status,
            latency,
            self.payload.batch,
            route.rows(self.fields, outputs),
            external_id_of(self._request.environ, self.payload),
            outcome.error,
            outcome.reason,
            stored=stored,
        )
        stored = route.journal.append(served) and stored
        if stored and signals.prediction_recorded.receivers:
            with route.faults.guard("signal"):
                tell_recorded(route, served)
        if not route.runtime.running:
            with route.faults.guard("drain"):
                route.runtime.stand_in()
        return stored

    def _tell_fallback(self, reason: str, prediction_id: str | None) -> None:
        if signals.fallback_used.receivers:
            model, version = self.route.owner
            signals.fallback_used.send(
                self.route.app,
                model=model,
                version=version,
                prediction_id=prediction_id,
                reason=reason,
            )
