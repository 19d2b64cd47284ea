"""Predictions that were made outside a request."""

import time as clock
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from flask_mlmonitor._app import AppState, Declaration
from flask_mlmonitor.exceptions import ConfigError
from flask_mlmonitor.records import Served
from flask_mlmonitor.request.ids import LONGEST_ID, is_id, new_id
from flask_mlmonitor.request.observation import SUCCESS, Outcome
from flask_mlmonitor.request.outputs import Output, not_finite
from flask_mlmonitor.request.payloads import listed
from flask_mlmonitor.request.route import route_of

_NOT_A_NUMBER = Outcome("error", "nan_prediction")


def record_by_hand(
    state: AppState,
    declaration: Declaration,
    features: Mapping[str, Any],
    prediction: Any,
    *,
    prediction_id: str | None = None,
    probability: Any = None,
    latency: float | None = None,
    time: datetime | None = None,
) -> str:
    """Journal and count a prediction that was made outside a request; return its id.

    A prediction that is no finite number is recorded as an error.

    :raises ConfigError: for a time without a time zone, features that are no mapping, or an id
        that ground truth could not name.
    """
    if time is not None and time.tzinfo is None:
        raise ConfigError("time", time, "give an aware datetime, such as datetime.now(UTC)")
    if not isinstance(features, Mapping):
        raise ConfigError("features", features, "give a mapping from name to value")
    if prediction_id is not None and not is_id(prediction_id):
        remedy = f"give a text of 1 to {LONGEST_ID} characters"
        raise ConfigError("prediction_id", prediction_id, remedy)
    runtime = state.runtime
    route = route_of(state, declaration)
    fields = route.order.fields([{name: listed(value) for name, value in features.items()}])
    outputs = [Output(listed(prediction), listed(probability))]
    outcome = _NOT_A_NUMBER if not_finite(outputs) else SUCCESS
    now = clock.time()
    served = Served(
        route.schema,
        new_id() if prediction_id is None else prediction_id,
        now if time is None else time.timestamp(),
        outcome.status,
        latency,
        False,
        route.rows(fields, outputs),
        error=outcome.error,
    )
    with runtime.faults.guard("journal"):
        runtime.journal.append(served)
    with runtime.faults.guard("drain"):
        runtime.drain_inline()
    with runtime.faults.guard("counters"):
        route.counters.begun()
        route.counters.finished(outcome.status, 1, now, latency, outcome.error)
        failures = route.validator.failures(fields)
        if failures:
            route.counters.broke(failures)
    return served.id
