"""The decorator around a view, and predictions recorded by hand."""

import functools
import logging
import time as clock
from collections.abc import Callable, Mapping
from datetime import datetime
from inspect import iscoroutinefunction
from typing import Any, Final, Generic, ParamSpec, TypeVar

from flask import current_app, has_request_context, request

from flask_mlmonitor._app import EXTENSION, AppState, Declaration
from flask_mlmonitor.exceptions import ConfigError
from flask_mlmonitor.records import STATUSES, Served
from flask_mlmonitor.request.call import answer
from flask_mlmonitor.request.endpoint import Endpoint
from flask_mlmonitor.request.ids import new_id
from flask_mlmonitor.request.observation import Observation
from flask_mlmonitor.request.outputs import Output
from flask_mlmonitor.request.route import route_of

MARK: Final = "_mlmonitor_endpoint"
"""The attribute by which an app's views show that they are monitored."""

_LOGGER: Final = logging.getLogger("flask_mlmonitor")
_SUCCESS: Final = STATUSES.index("success")
P = ParamSpec("P")
R = TypeVar("R")


class Monitored(Generic[P, R]):
    """What the decorator returns, for type checkers: the view, and ``.fallback``."""

    __call__: Callable[P, R]
    fallback: Callable[[Callable[..., Any]], Callable[..., Any]]


def monitor_view(endpoint: Endpoint, view: Callable[P, R]) -> Monitored[P, R]:
    """Return *view* with the concerns of *endpoint* around it."""

    run: Callable[..., Any] = _synchronous(view) if iscoroutinefunction(view) else view

    @functools.wraps(view)
    def monitored(*args: P.args, **kwargs: P.kwargs) -> Any:
        observation = _observe(endpoint, args, kwargs)
        return run(*args, **kwargs) if observation is None else answer(observation, run)

    def fallback(function: Callable[..., Any]) -> Callable[..., Any]:
        endpoint.fallback = function
        return function

    monitored.fallback = fallback  # type: ignore[attr-defined]
    setattr(monitored, MARK, endpoint)
    return monitored  # type: ignore[return-value]


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

    :raises ConfigError: for a time without a time zone or features that are no mapping.
    """
    if time is not None and time.tzinfo is None:
        raise ConfigError("time", time, "give an aware datetime, such as datetime.now(UTC)")
    if not isinstance(features, Mapping):
        raise ConfigError("features", features, "give a mapping from name to value")
    route = route_of(state, declaration)
    key = new_id() if prediction_id is None else prediction_id
    fields = route.order.fields([features])
    served = Served(
        route.schema,
        key,
        clock.time() if time is None else time.timestamp(),
        _SUCCESS,
        latency,
        False,
        route.rows(fields, [Output(prediction, probability)]),
    )
    with state.runtime.faults.guard("journal"):
        state.runtime.journal.append(served)
    with state.runtime.faults.guard("drain"):
        state.runtime.drain_inline()
    with state.runtime.faults.guard("counters"):
        route.counters.begun()
        route.counters.finished(_SUCCESS, 1, clock.time(), latency)
        failures = route.validator.failures(fields)
        if failures:
            route.counters.broke(failures)
    return key


def _observe(
    endpoint: Endpoint, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> Observation | None:
    """Return the observation of the current request, or ``None`` if it cannot be monitored."""
    problem: Exception | None = None
    try:
        if has_request_context():
            app = current_app._get_current_object()  # type: ignore[attr-defined]
            state = app.extensions.get(EXTENSION)
            if isinstance(state, AppState):
                if not state.settings.enabled:
                    return None
                route = route_of(state, endpoint.declaration())
                current = request._get_current_object()  # type: ignore[attr-defined]
                return Observation(endpoint, route, current, args, kwargs)
    except Exception as error:  # noqa: BLE001  the boundary: before there is a runtime to guard it
        problem = error
    _complain(endpoint, problem)
    return None


_complained: set[tuple[str, str]] = set()


def _complain(endpoint: Endpoint, problem: Exception | None) -> None:
    kind = (endpoint.model, repr(problem))
    if kind in _complained:
        return
    _complained.add(kind)
    if problem is None:
        _LOGGER.error(
            "Requests of model %s are not monitored: the app was never given to init_app. "
            "Call monitor.init_app(app).",
            endpoint.model,
        )
    else:
        _LOGGER.error("Requests of model %s are not monitored.", endpoint.model, exc_info=problem)


def _synchronous(view: Callable[..., Any]) -> Callable[..., Any]:
    """Return a view that runs an ``async def`` one the way Flask does."""
    return lambda *args, **kwargs: current_app.ensure_sync(view)(*args, **kwargs)
