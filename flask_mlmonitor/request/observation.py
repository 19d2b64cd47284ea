"""What is known of one request, and what is done with it in the end: recorded, counted, told."""

import time
from collections.abc import Sequence
from typing import Final, NamedTuple

from flask import Flask, Request, Response, after_this_request

from flask_mlmonitor import signals
from flask_mlmonitor._app import AppState
from flask_mlmonitor.counters.faults import LOGGER, Guard
from flask_mlmonitor.records import (
    ERROR_TYPES,
    FALLBACK_REASONS,
    STATUSES,
    FieldFailure,
    Prediction,
    Row,
    Served,
)
from flask_mlmonitor.request.endpoint import Endpoint
from flask_mlmonitor.request.ids import new_id, text_of
from flask_mlmonitor.request.outputs import Output
from flask_mlmonitor.request.payloads import UNREADABLE, Fields, external_id_of, read_payload
from flask_mlmonitor.request.route import Route, route_of

ID_HEADER: Final = "X-Prediction-ID"
SOURCE_HEADER: Final = "X-Prediction-Source"
_REASON: Final = "mlmonitor.fallback_reason"


class Outcome(NamedTuple):
    """How a request ended: one of the statuses, at most one error type, at most one reason."""

    status: str
    error: str | None = None
    reason: str | None = None
    outputs: Sequence[Output] = ()


class Observation:
    """One request to a monitored view.

    :ivar fields: the rows in the order of the baseline; empty when the body was unreadable.
    :ivar failures: the rules that they broke.
    :ivar was_read: whether reading and checking went well; if not, no policy acts.
    """

    def __init__(self, state: AppState, endpoint: Endpoint, app: Flask, request: Request) -> None:
        self.app = app
        self._request = request
        self._state = state
        self._concerns = endpoint.concerns
        self._endpoint = endpoint
        self._faults = state.runtime.faults
        self.route: Route = route_of(state, endpoint.declaration())
        self.id = new_id()
        self.time = time.time()
        self.payload = UNREADABLE
        self.fields: Sequence[Fields] = ()
        self.failures: Sequence[FieldFailure] = ()
        self.was_read = False
        self._started: float | None = None
        if self._concerns.time:
            with self.guard("counters"):
                self.route.counters.begun()

    def read(self) -> None:
        """Read the payload and check it; what fails in here leaves it unread or unchecked."""
        with self.guard("validation"):
            self.payload = read_payload(self._request, self._endpoint.features)
            self.fields = [self.route.order.fields(row) for row in self.payload.rows]
            if self._concerns.validate:
                self.failures = self.route.validator.failures(self.fields)
            self.was_read = True

    def start(self) -> None:
        """Start the clock: the view or the fallback begins."""
        if self._started is None:
            self._started = time.perf_counter()

    def guard(self, where: str) -> Guard:
        """Return the guard of a part of the monitor."""
        return self._faults.guard(where)

    def dismiss(self) -> None:
        """Forget the request: it was no prediction."""
        if self._concerns.time:
            with self.guard("counters"):
                self.route.counters.dismissed()

    def finish(self, outcome: Outcome) -> None:
        """Record the request, once; nothing that fails in here reaches it."""
        latency = None if self._started is None else time.perf_counter() - self._started
        outcome = self._settled(outcome)
        if self._concerns.record:
            self._record(outcome, latency)
        self._count(outcome, latency)
        with self.guard("outcome"):
            self._send_headers(outcome)
            if latency is not None and latency > self.route.slow:
                self._warn(latency)
        if outcome.reason is not None and self._concerns.fall_back:
            with self.guard("signal"):
                self._tell_fallback(outcome)

    def _settled(self, outcome: Outcome) -> Outcome:
        """Take over what a concern further in has settled: that its fallback answered."""
        environ = self._request.environ
        known: str | None = environ.get(_REASON)
        if outcome.reason is not None:
            environ[_REASON] = outcome.reason
        elif known is not None and outcome.status == "success":
            return outcome._replace(status="fallback", reason=known)
        return outcome

    def _record(self, outcome: Outcome, latency: float | None) -> None:
        with self.guard("journal"):
            rows = self.route.rows(self.fields, outcome.outputs)
            served = Served(
                self.route.schema,
                self.id,
                self.time,
                STATUSES.index(outcome.status),
                latency,
                self.payload.batch,
                rows,
                external_id_of(self._request),
                -1 if outcome.error is None else ERROR_TYPES.index(outcome.error),
                -1 if outcome.reason is None else FALLBACK_REASONS.index(outcome.reason),
            )
            if self._state.runtime.journal.append(served):
                with self.guard("signal"):
                    if signals.prediction_recorded.receivers:
                        self._tell_recorded(outcome, served)
        with self.guard("drain"):
            self._state.runtime.recorded()

    def _count(self, outcome: Outcome, latency: float | None) -> None:
        counters = self.route.counters
        with self.guard("counters"):
            if self._concerns.time:
                counters.finished(
                    STATUSES.index(outcome.status),
                    max(1, len(self.fields), len(outcome.outputs)),
                    latency=latency,
                    error=-1 if outcome.error is None else ERROR_TYPES.index(outcome.error),
                )
            if self.failures:
                counters.broke(self.failures)
            if outcome.reason is not None and self._concerns.fall_back:
                counters.fell_back(FALLBACK_REASONS.index(outcome.reason))

    def _send_headers(self, outcome: Outcome) -> None:
        def send(response: Response) -> Response:
            if self._concerns.record:
                response.headers[ID_HEADER] = text_of(self.id)
            if self._concerns.fall_back:
                source = "fallback" if outcome.status == "fallback" else "primary"
                response.headers[SOURCE_HEADER] = source
            return response

        after_this_request(send)

    def _warn(self, latency: float) -> None:
        if self._state.runtime.first_in_interval("slow", self._state.settings.evaluation_interval):
            LOGGER.warning(
                "A prediction of %s %s took %.3f s, more than %.3f s. Others in this interval are "
                "counted in the latency histogram, not logged.",
                *self.route.owner, latency, self.route.slow,
            )  # fmt: skip

    def _tell_recorded(self, outcome: Outcome, served: Served) -> None:
        for number, row in enumerate(served.rows):
            signals.prediction_recorded.send(
                self.app, prediction=self._prediction(number, row, outcome, served)
            )

    def _prediction(self, number: int, row: Row, outcome: Outcome, served: Served) -> Prediction:
        return Prediction(
            id=text_of(self.id, number if self.payload.batch else None),
            external_id=served.external_id,
            app=self._state.name,
            model=self.route.owner.model,
            version=self.route.owner.version,
            time=self.time,
            features=row.features(self.route.names),
            prediction=row.prediction,
            probability=row.probability,
            latency=served.latency,
            source="fallback" if outcome.status == "fallback" else "primary",
            status=outcome.status,
        )

    def _tell_fallback(self, outcome: Outcome) -> None:
        if signals.fallback_used.receivers:
            model, version = self.route.owner
            signals.fallback_used.send(
                self.app,
                model=model,
                version=version,
                prediction_id=text_of(self.id),
                reason=outcome.reason,
            )
