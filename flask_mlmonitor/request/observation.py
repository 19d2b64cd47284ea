"""What is known of one request, and what is done with it in the end: recorded, counted, told.

This is the hot path. Each part stands in a ``try`` of its own: where it fails, the fault is
counted, the parts behind it still run, and the client's answer does not change.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from flask import Flask, Request, Response, after_this_request

from flask_mlmonitor import signals
from flask_mlmonitor.records import (
    ERROR_TYPES,
    FALLBACK_REASONS,
    STATUSES,
    FieldFailure,
    Prediction,
    Row,
    Served,
)
from flask_mlmonitor.request.endpoint import Concerns, Endpoint
from flask_mlmonitor.request.ids import new_id, text_of
from flask_mlmonitor.request.outputs import Output
from flask_mlmonitor.request.payloads import Fields, external_id_of, read_payload
from flask_mlmonitor.request.route import Route

ID_HEADER: Final = "X-Prediction-ID"
SOURCE_HEADER: Final = "X-Prediction-Source"
_REASON: Final = "mlmonitor.fallback_reason"
_STATUS: Final = {name: place for place, name in enumerate(STATUSES)}
_ERROR: Final[dict[str | None, int]] = {
    None: -1,
    **{name: place for place, name in enumerate(ERROR_TYPES)},
}
_REASONS: Final[dict[str | None, int]] = {
    None: -1,
    **{name: place for place, name in enumerate(FALLBACK_REASONS)},
}


class Outcome(NamedTuple):
    """How a request ended: one of the statuses, at most one error type, at most one reason."""

    status: str
    error: str | None = None
    reason: str | None = None

    @property
    def source(self) -> str:
        """Who answered."""
        return "fallback" if self.status == "fallback" else "primary"


SUCCESS: Final = Outcome("success")


class Observation:
    """One request to a monitored view.

    :param args: the view's, and likewise *kwargs*.
    :ivar fields: the rows in the order of the baseline; empty when the body was unreadable.
    :ivar failures: the rules that they broke.
    :ivar was_read: whether reading and checking went well; if not, no policy acts.
    """

    __slots__ = (
        "_request",
        "_started",
        "app",
        "args",
        "batch",
        "concerns",
        "endpoint",
        "failures",
        "fields",
        "id",
        "kwargs",
        "route",
        "time",
        "was_read",
    )

    def __init__(
        self,
        endpoint: Endpoint,
        route: Route,
        app: Flask,
        request: Request,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
    ) -> None:
        self.endpoint = endpoint
        self.concerns: Concerns = endpoint.concerns
        self.route = route
        self.app = app
        self.args = args
        self.kwargs = kwargs
        self._request = request
        self._started: float | None = None
        self.id = new_id()
        self.time = time.time()
        self.fields: Sequence[Fields] = ()
        self.failures: Sequence[FieldFailure] = ()
        self.batch = False
        self.was_read = False

    def read(self) -> None:
        """Read the payload and check it, and count the request as in progress."""
        route = self.route
        try:
            rows, self.batch = read_payload(self._request, self.endpoint.features)
            order = route.order.fields
            self.fields = [order(row) for row in rows]
            if self.concerns.validate:
                self.failures = route.validator.failures(self.fields)
            self.was_read = True
        except Exception as error:  # noqa: BLE001  the boundary
            route.faults.happened("validation", error)
        try:
            if self.concerns.time:
                route.counters.begun()
        except Exception as error:  # noqa: BLE001  the boundary
            route.faults.happened("counters", error)

    def start(self) -> None:
        """Start the clock: the view or the fallback begins."""
        if self._started is None:
            self._started = time.perf_counter()

    def dismiss(self) -> None:
        """Forget the request: it was no prediction."""
        with self.route.faults.guard("counters"):
            if self.concerns.time:
                self.route.counters.dismissed()

    def finish(self, outcome: Outcome, outputs: Sequence[Output] = ()) -> None:
        """Record the request, once; nothing that fails in here reaches it."""
        latency = None if self._started is None else time.perf_counter() - self._started
        route, concerns = self.route, self.concerns
        outcome = self._settled(outcome)
        try:
            if concerns.record:
                self._record(outcome, outputs, latency)
        except Exception as error:  # noqa: BLE001  the boundary
            route.faults.happened("journal", error)
        try:
            if concerns.time:
                rows = len(self.fields) or len(outputs) or 1
                status, kind = _STATUS[outcome.status], _ERROR[outcome.error]
                route.counters.finished(status, rows, self.time, latency, kind)
            if self.failures:
                route.counters.broke(self.failures)
            if outcome.reason is not None and concerns.fall_back:
                route.counters.fell_back(_REASONS[outcome.reason])
        except Exception as error:  # noqa: BLE001  the boundary
            route.faults.happened("counters", error)
        try:
            after_this_request(self._sign(outcome))
            if latency is not None and latency > route.slow:
                route.warn(latency)
        except Exception as error:  # noqa: BLE001  the boundary
            route.faults.happened("request", error)
        if outcome.reason is not None and concerns.fall_back:
            with route.faults.guard("signal"):
                self._tell_fallback(outcome.reason)

    def _settled(self, outcome: Outcome) -> Outcome:
        """Take over what a concern further in has settled: that its fallback answered."""
        environ = self._request.environ
        if outcome.reason is not None:
            environ[_REASON] = outcome.reason
        elif _REASON in environ and outcome.status == "success":
            return outcome._replace(status="fallback", reason=environ[_REASON])
        return outcome

    def _record(self, outcome: Outcome, outputs: Sequence[Output], latency: float | None) -> None:
        route = self.route
        served = Served(
            route.schema,
            self.id,
            self.time,
            _STATUS[outcome.status],
            latency,
            self.batch,
            route.rows(self.fields, outputs),
            external_id_of(self._request.environ),
            _ERROR[outcome.error],
            _REASONS[outcome.reason],
        )
        recorded = route.journal.append(served)
        if recorded and signals.prediction_recorded.receivers:
            with route.faults.guard("signal"):
                self._tell_recorded(outcome, served)
        if route.runtime.inline:
            with route.faults.guard("drain"):
                route.runtime.drain_inline()

    def _sign(self, outcome: Outcome) -> Any:
        def sign(response: Response) -> Response:
            if self.concerns.record:
                response.headers[ID_HEADER] = text_of(self.id)
            if self.concerns.fall_back:
                response.headers[SOURCE_HEADER] = outcome.source
            return response

        return sign

    def _tell_recorded(self, outcome: Outcome, served: Served) -> None:
        for number, row in enumerate(served.rows):
            signals.prediction_recorded.send(
                self.app, prediction=self._prediction(number, row, outcome, served)
            )

    def _prediction(self, number: int, row: Row, outcome: Outcome, served: Served) -> Prediction:
        return Prediction(
            id=text_of(self.id, number if self.batch else None),
            external_id=served.external_id,
            app=self.app.name,
            model=self.route.owner.model,
            version=self.route.owner.version,
            time=self.time,
            features=row.features(self.route.names),
            prediction=row.prediction,
            probability=row.probability,
            latency=served.latency,
            source=outcome.source,
            status=outcome.status,
        )

    def _tell_fallback(self, reason: str) -> None:
        if signals.fallback_used.receivers:
            model, version = self.route.owner
            signals.fallback_used.send(
                self.app,
                model=model,
                version=version,
                prediction_id=text_of(self.id),
                reason=reason,
            )
