"""Who may use the monitor's own routes."""

import hmac
from collections.abc import Sequence
from contextlib import suppress
from typing import Final
from urllib.parse import urlsplit

from flask import Response, current_app, request
from werkzeug import Response as AnyResponse
from werkzeug.exceptions import HTTPException

from flask_mlmonitor._app import AppState, Authorize
from flask_mlmonitor.exceptions import MLMonitorError
from flask_mlmonitor.web.problems import problem

JSON: Final = "application/json"


def refusal(state: AppState) -> AnyResponse | None:
    """Return the answer to a request that may not go on, or ``None``.

    The token comes as Bearer, or as the password of HTTP Basic. Without a token and without
    ``authorize``, only an app under ``debug`` or ``TESTING`` is open.

    :raises HTTPException: if ``authorize`` does.
    """
    if state.authorize is not None:
        return _ask(state, state.authorize)
    expected = state.settings.api_token
    if expected is None:
        if current_app.debug or current_app.testing:
            return None
        detail = "Set MLMONITOR_API_TOKEN, or give MLMonitor(authorize=...), to use this route."
        return problem(403, "Forbidden", detail)
    return _compare(expected, "MLMONITOR_API_TOKEN")


def change_refusal(accepted: Sequence[str]) -> Response | None:
    """Return the answer to a change that another site's page asks for, or ``None``.

    A browser adds the password of HTTP Basic by itself, whoever's page asks it to. It says where
    the page is from; and the content types that a page may send anywhere are not accepted.

    :param accepted: the content types, beside all that are JSON.
    """
    return _cross_site_refusal() or _type_refusal(accepted)


def metrics_refusal(state: AppState) -> Response | None:
    """Return the answer to a scrape that may not go on, or ``None``: open without a token."""
    expected = state.settings.metrics_token
    return None if expected is None else _compare(expected, "MLMONITOR_METRICS_TOKEN")


def _ask(state: AppState, authorize: Authorize) -> AnyResponse | None:
    """Ask the app, which may also answer by itself: a redirect to its login, ``abort(401)``."""
    try:
        allowed = authorize(request)
    except HTTPException:
        raise
    except Exception as error:  # noqa: BLE001  whatever the app's code raises: closed
        with suppress(MLMonitorError):  # it could not start, and says so elsewhere
            state.runtime.faults.happened("authorize", error)
        return problem(500, "Not allowed", "MLMonitor(authorize=...) failed; see the app's log.")
    if isinstance(allowed, AnyResponse):
        return allowed
    return None if allowed else problem(403, "Forbidden", "Not allowed.")


def _cross_site_refusal() -> Response | None:
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site == "same-origin":  # it holds behind any proxy, and no page can forge it
        return None
    if site not in ("cross-site", "same-site") and (origin is None or _is_ours(origin)):
        return None
    page = "another site" if origin is None else origin
    detail = (
        f"A page of {page} may not change anything here. If that is this site itself, tell Flask "
        "its proxy's name for it: werkzeug.middleware.proxy_fix.ProxyFix(app.wsgi_app, x_host=1)."
    )
    return problem(403, "Forbidden", detail)


def _is_ours(origin: str) -> bool:
    try:  # the scheme may differ: a proxy may have spoken TLS
        return urlsplit(origin).netloc == request.host.lower()
    except ValueError:
        return False


def _type_refusal(accepted: Sequence[str]) -> Response | None:
    if request.is_json or request.mimetype in accepted:
        return None
    types = ", ".join((JSON, *accepted))
    detail = f"Send as Content-Type {types}; not {request.mimetype or 'none at all'}."
    return problem(415, "Unsupported media type", detail)


def _compare(expected: str, key: str) -> Response | None:
    token = _token()
    if token is not None and hmac.compare_digest(token, expected.encode()):
        return None
    detail = f"Send the token of {key} as Bearer, or as the password of HTTP Basic."
    challenge = 'Basic realm="mlmonitor", charset="UTF-8"'
    return problem(401, "Unauthorized", detail, {"WWW-Authenticate": challenge})


def _token() -> bytes | None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":  # as it stands: a token may hold "="
        return token.strip(" \t").encode("latin-1", "replace")  # so WSGI spells the bytes
    given = request.authorization
    if given is None or given.type != "basic" or given.password is None:
        return None
    return given.password.encode()
