"""The decorator around a view."""

import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from inspect import iscoroutinefunction
from typing import Any, Final, ParamSpec, Protocol, TypeVar

from flask import Flask, current_app, has_request_context, request

from flask_mlmonitor._app import EXTENSION, AppState, Declaration
from flask_mlmonitor.counters.faults import LOGGER
from flask_mlmonitor.request.call import answer
from flask_mlmonitor.request.endpoint import OTHER, Endpoint
from flask_mlmonitor.request.limit import cancelled_after
from flask_mlmonitor.request.observation import Observation
from flask_mlmonitor.request.route import route_of

MARK: Final = "_mlmonitor_endpoint"
"""The attribute by which an app's views show that they are monitored."""
_DECORATED: Final = "_mlmonitor_decorated"
"""The attribute by which a function shows that there is a monitored view of it."""
ORDER: Final = "Put @app.post(...) above @monitor.prediction(...), not below it."

P = ParamSpec("P")
R = TypeVar("R", covariant=True)
F = TypeVar("F", bound=Callable[..., Any])


class Monitored(Protocol[P, R]):
    """What the decorator returns, for type checkers: the view, and ``.fallback``."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Answer a request."""

    def fallback(self, function: F, /) -> F:
        """Let *function* answer where the view cannot; return it as it is."""


def monitor_view(endpoint: Endpoint, view: Callable[P, R]) -> Monitored[P, R]:
    """Return *view* with the concerns of *endpoint* around it."""
    run: Callable[..., Any] = view
    limited: Callable[..., Any] = view
    if iscoroutinefunction(view):
        run = limited = _synchronous(view)
        if endpoint.timeout is not None:
            limited = _synchronous(cancelled_after(endpoint.timeout, view))

    @functools.wraps(view)
    def monitored(*args: P.args, **kwargs: P.kwargs) -> Any:
        observation = _observe(endpoint, args, kwargs)
        return run(*args, **kwargs) if observation is None else answer(observation, limited)

    def fallback(function: Callable[..., Any]) -> Callable[..., Any]:
        endpoint.fallback = function
        return function

    monitored.fallback = fallback  # type: ignore[attr-defined]
    setattr(monitored, MARK, endpoint)
    with suppress(AttributeError):  # a method takes none
        setattr(view, _DECORATED, endpoint)
    return monitored  # type: ignore[return-value]


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
                route = route_of(state, _declaration(state, endpoint))
                current = request._get_current_object()  # type: ignore[attr-defined]
                return Observation(endpoint, route, current, args, kwargs)
    except Exception as error:  # noqa: BLE001  the boundary: before there is a runtime to guard it
        problem = error
    _complain(endpoint, problem)
    return None


def _declaration(state: AppState, endpoint: Endpoint) -> Declaration:
    if isinstance(endpoint.version, str):
        return endpoint.declarations[endpoint.version]
    other = endpoint.declarations[OTHER]
    with route_of(state, other).faults.guard("request"):
        version = endpoint.version()
        if version in endpoint.declarations:
            return endpoint.declarations[version]
    return other


_complained: set[tuple[str, str]] = set()


def _complain(endpoint: Endpoint, problem: Exception | None) -> None:
    kind = (endpoint.model, type(problem).__name__)
    if kind in _complained:
        return
    _complained.add(kind)
    if problem is None:
        LOGGER.error(
            "Requests of model %s are not monitored: the app was never given to init_app. "
            "Call monitor.init_app(app).",
            endpoint.model,
        )
    else:
        LOGGER.error("Requests of model %s are not monitored.", endpoint.model, exc_info=problem)


def _synchronous(view: Callable[..., Any]) -> Callable[..., Any]:
    """Return a view that runs an ``async def`` one the way Flask does."""
    return lambda *args, **kwargs: current_app.ensure_sync(view)(*args, **kwargs)


def endpoints_of(app: Flask | None) -> Iterator[Endpoint]:
    """Yield what decorates an app's views, functions and classes alike, from the outside in."""
    for view in {} if app is None else app.view_functions.values():
        view_class = getattr(view, "view_class", None)
        names = ("dispatch_request", *map(str.lower, getattr(view_class, "methods", None) or ()))
        for function in (view, *(getattr(view_class, name, None) for name in names)):
            while function is not None:
                endpoint = getattr(function, MARK, None)
                if isinstance(endpoint, Endpoint):
                    yield endpoint
                function = getattr(function, "__wrapped__", None)


def bypassed_views(app: Flask | None) -> list[str]:
    """Return the app's views that answer by themselves, although there are monitored ones of them.

    So it is when the decorator stands above the route: Flask was given the function below it.
    """
    monitored = list(endpoints_of(app))
    return [
        name
        for name, view in ({} if app is None else app.view_functions).items()
        if not hasattr(view, MARK)
        and hasattr(view, _DECORATED)
        and getattr(view, _DECORATED) not in monitored
    ]


def warn_of_bypassed(state: AppState) -> None:
    """Log an error for each of them."""
    for view in bypassed_views(state.app()):
        LOGGER.error("The app's view %r is decorated and yet not monitored. %s", view, ORDER)


def prepare(state: AppState, endpoint: Endpoint) -> None:
    """Make what the endpoint counts in, so that all of it is there at 0 from the start."""
    for declaration in endpoint.declarations.values():
        route = route_of(state, declaration)
        if endpoint.falls_back:
            _ = route.breaker
        if endpoint.timeout is not None:
            _ = route.pool
