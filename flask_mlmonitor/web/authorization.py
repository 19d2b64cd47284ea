"""Who may use the monitor's own routes."""

import hmac
from urllib.parse import urlsplit

from flask import Response, current_app, request

from flask_mlmonitor._app import AppState
from flask_mlmonitor.web.problems import problem


def refusal(state: AppState) -> Response | None:
    """Return the answer to a request that may not go on, or ``None``.

    The token comes as Bearer, or as the password of HTTP Basic. Without a token and without
    ``authorize``, only an app under ``debug`` or ``TESTING`` is open.
    """
    if state.authorize is not None:
        return None if state.authorize(request) else problem(403, "Forbidden", "Not allowed.")
    expected = state.settings.api_token
    if expected is None:
        if current_app.debug or current_app.testing:
            return None
        detail = "Set MLMONITOR_API_TOKEN, or give MLMonitor(authorize=...), to use this route."
        return problem(403, "Forbidden", detail)
    return _compare(expected, "MLMONITOR_API_TOKEN")


def cross_origin_refusal() -> Response | None:
    """Return the answer to a browser that another site's page sent here, or ``None``.

    A browser adds the password of HTTP Basic by itself, whoever's page asks it to.
    """
    origin = request.headers.get("Origin")
    if origin is None or _host(origin) == request.host:
        return None
    return problem(403, "Forbidden", f"A page of {origin} may not change anything here.")


def metrics_refusal(state: AppState) -> Response | None:
    """Return the answer to a scrape that may not go on, or ``None``: open without a token."""
    expected = state.settings.metrics_token
    return None if expected is None else _compare(expected, "MLMONITOR_METRICS_TOKEN")


def _host(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None


def _compare(expected: str, key: str) -> Response | None:
    token = _token()
    if token is not None and hmac.compare_digest(token.encode(), expected.encode()):
        return None
    detail = f"Send the token of {key} as Bearer, or as the password of HTTP Basic."
    return problem(401, "Unauthorized", detail, {"WWW-Authenticate": 'Basic realm="mlmonitor"'})


def _token() -> str | None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":  # as it stands: a token may hold "="
        return token.strip()
    given = request.authorization
    return given.password if given is not None and given.type == "basic" else None
