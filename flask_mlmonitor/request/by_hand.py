"""Predictions that were made outside a request."""

import math
import time as clock
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from flask_mlmonitor import signals
from flask_mlmonitor._app import AppState, Declaration
from flask_mlmonitor.clock import seconds_of
from flask_mlmonitor.exceptions import ConfigError
from flask_mlmonitor.records import Served
from flask_mlmonitor.request.dialects.rows import listed
from flask_mlmonitor.request.ids import LONGEST_ID, is_id, new_id
from flask_mlmonitor.request.observation import SUCCESS, Outcome
from flask_mlmonitor.request.outputs import Output, not_finite
from flask_mlmonitor.request.payloads import Fields
from flask_mlmonitor.request.route import Route, route_of
from flask_mlmonitor.request.telling import tell_recorded

_NOT_A_NUMBER = Outcome("error", "nan_prediction")


def record_by_hand(
    state: AppState,
    declaration: Declaration,
    features: Any,
    prediction: Any,
    *,
    prediction_id: str | None = None,
    probability: Any = None,
    latency: float | None = None,
    time: datetime | None = None,
) -> str:
    """Journal and count a prediction that was made outside a request; return its id.

    A prediction that is no finite number is recorded as an error.

    :raises ConfigError: for a time that is no aware datetime, features that are no mapping, a
        latency that is no duration, or an id that ground truth could not name.
    """
    if hasattr(features, "to_dict"):  # a row of a data frame
        features = features.to_dict()
    latency = listed(latency)
    _check(features, prediction_id, latency)
    now = clock.time()
    made = now if time is None else seconds_of("time", time)
    runtime = state.runtime
    route = route_of(state, declaration)
    fields = route.order.fields([{name: listed(value) for name, value in features.items()}])
    outputs = [Output(listed(prediction), listed(probability))]
    outcome = _NOT_A_NUMBER if not_finite(outputs) else SUCCESS
    key = new_id() if prediction_id is None else prediction_id
    served = Served(
        route.schema,
        key,
        made,
        outcome.status,
        None if latency is None else float(latency),
        False,
        route.rows(fields, outputs),
        error=outcome.error,
        stored=route.stores(key),
    )
    with route.faults.guard("journal"):
        if runtime.journal.append(served) and served.stored:
            _tell(route, served)
    if not runtime.running:
        with route.faults.guard("drain"):
            runtime.stand_in()
    with route.faults.guard("counters"):
        _count(route, served, fields, now)
    return key


def _count(route: Route, served: Served, fields: Sequence[Fields], ended: float) -> None:
    route.counters.begun()
    route.counters.finished(served.status, 1, ended, served.latency, served.error)
    if failures := route.validator.failures(fields):
        route.counters.broke(failures)


def _tell(route: Route, served: Served) -> None:
    if signals.prediction_recorded.receivers:
        with route.faults.guard("signal"):
            tell_recorded(route, served)


def _check(features: object, prediction_id: str | None, latency: float | None) -> None:
    if not isinstance(features, Mapping):
        remedy = "give a mapping from name to value"  # the values may be private
        raise ConfigError("features", type(features).__name__, remedy)
    if latency is not None and not _is_duration(latency):
        raise ConfigError("latency", latency, "give seconds, a finite number of at least 0")
    if prediction_id is not None and not is_id(prediction_id):
        remedy = f"give a text of 1 to {LONGEST_ID} characters, without NUL or half characters"
        raise ConfigError("prediction_id", prediction_id, remedy)


def _is_duration(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf
