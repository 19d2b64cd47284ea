"""Values and errors of ours as answers to programs."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Final

import msgspec
from flask import Response

from flask_mlmonitor._app import AppState, current_state
from flask_mlmonitor._quantities import Unreadable
from flask_mlmonitor.exceptions import BaselineError, StoreError
from flask_mlmonitor.store.patience import in_a_request
from flask_mlmonitor.views.choosing import Unknown
from flask_mlmonitor.web.problems import problem

KNOWN_ERRORS: Final = (BaselineError, StoreError, Unknown, Unreadable)
"""What a route of ours may meet, and has an answer to."""


def answering(find: Callable[..., Any]) -> Callable[..., Response]:
    """Make a view of what finds a value for an app; an error becomes a problem document.

    :param find: gets the app's state, and the parts of the path by their names.
    """

    @wraps(find)
    def answer(**given: str) -> Response:
        state: AppState = current_state()
        try:
            with in_a_request():
                found = msgspec.json.encode(find(state, **given))
        except KNOWN_ERRORS as error:
            return problem_of(error)
        return Response(found, mimetype="application/json")

    return answer


def problem_of(error: Exception) -> Response:
    """Return the answer to a request that met one of :data:`KNOWN_ERRORS`."""
    if isinstance(error, Unknown):
        return problem(404, "Not found", str(error))
    if isinstance(error, Unreadable):
        return problem(400, "Bad request", f"{error}.")
    if isinstance(error, StoreError):
        return problem(503, "The store cannot be used", str(error), {"Retry-After": "5"})
    return problem(503, "A baseline cannot be read", str(error), {"Retry-After": "60"})
