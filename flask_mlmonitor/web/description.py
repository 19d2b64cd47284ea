"""The description of the routes: OpenAPI 3.1, from the values that they answer with."""

from importlib.metadata import version
from typing import Any, Final, NamedTuple

import msgspec

from flask_mlmonitor.alerts.alert import Alert
from flask_mlmonitor.alerts.silences import Silence
from flask_mlmonitor.views.alerts import Alerts
from flask_mlmonitor.views.drift import Drift
from flask_mlmonitor.views.history import MOST_POINTS, POINTS, History
from flask_mlmonitor.views.models import Models
from flask_mlmonitor.views.performance import Performance
from flask_mlmonitor.views.quality import Quality

Document = dict[str, Any]
_REFERENCE: Final = "#/components/schemas/{name}"


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """An error (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str


class Operation(NamedTuple):
    """One route.

    :param answers: the type of the value that it answers with.
    :param errors: the statuses that it may answer with besides.
    """

    method: str
    summary: str
    answers: type
    errors: tuple[int, ...]
    parameters: tuple[Document, ...] = ()
    body: Document | None = None


def _parameter(name: str, place: str, what: str, **schema: Any) -> Document:
    return {
        "name": name,
        "in": place,
        "required": place == "path",
        "description": what,
        "schema": schema or {"type": "string"},
    }


_MODEL: Final = (
    _parameter("model", "path", "The model's name."),
    _parameter("version", "path", "Its version."),
)
_WINDOW: Final = _parameter(
    "window", "query", "Such as 24h; by default the longest one that was judged."
)
_OF_WINDOW: Final = (*_MODEL, _WINDOW)
_LIMIT: Final = _parameter(
    *("limit", "query", "How many evaluations at most: the last ones."),
    type="integer", minimum=1, maximum=MOST_POINTS, default=POINTS,
)  # fmt: skip
_BEFORE: Final = _parameter(
    *("before", "query", "Only those that ended before this moment, to read on in the past."),
    type="string", format="date-time",
)  # fmt: skip
_ID: Final = _parameter("alert_id", "path", "The alert's id.")
_READING: Final = (401, 403, 404, 503)
_CHANGING: Final = (400, 401, 403, 404, 415, 503)
_SILENCE: Final[Document] = {
    "type": "object",
    "properties": {
        "duration": {
            "anyOf": [{"type": "string"}, {"type": "number"}],
            "description": "Seconds, or a text such as 2h.",
            "default": "1h",
        },
        "why": {"type": "string", "description": "A few words for people."},
    },
}

OPERATIONS: Final = {
    "/api/models": Operation("get", "All models at a glance", Models, (401, 403, 503)),
    "/api/models/{model}/{version}/drift": Operation(
        "get", "How far each feature is from the baseline", Drift, _READING, _OF_WINDOW
    ),
    "/api/models/{model}/{version}/performance": Operation(
        "get", "How well the model does", Performance, _READING, _OF_WINDOW
    ),
    "/api/models/{model}/{version}/quality": Operation(
        "get", "What is wrong with the values", Quality, _READING, _OF_WINDOW
    ),
    "/api/models/{model}/{version}/history": Operation(
        *("get", "The last evaluations, and the requests of the last hour", History),
        errors=(400, *_READING),
        parameters=(*_OF_WINDOW, _LIMIT, _BEFORE),
    ),
    "/api/alerts": Operation("get", "The alerts, and their last week", Alerts, (401, 403, 503)),
    "/api/alerts/{alert_id}/acknowledge": Operation(
        *("post", "Say that somebody knows of an alert", Alert),
        errors=_CHANGING,
        parameters=(_ID,),
        body={"type": "object"},
    ),
    "/api/alerts/{alert_id}/silence": Operation(
        *("post", "Let nobody be told of an alert for a while", Silence),
        errors=_CHANGING,
        parameters=(_ID,),
        body=_SILENCE,
    ),
}
"""The routes by their paths below the prefix."""


def description(server: str) -> Document:
    """Return the OpenAPI document.

    :param server: the path that the routes begin with.
    """
    types = [*{one.answers: None for one in OPERATIONS.values()}, Problem]
    _, schemas = msgspec.json.schema_components(types, ref_template=_REFERENCE)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "flask-mlmonitor",
            "summary": "What is known of the models that this app serves.",
            "version": version("flask-mlmonitor"),
        },
        "servers": [{"url": server or "/"}],
        "security": [{"bearer": []}, {"basic": []}],
        "paths": {path: {one.method: _described(path, one)} for path, one in OPERATIONS.items()},
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "basic": {"type": "http", "scheme": "basic"},
            },
        },
    }


def _described(path: str, one: Operation) -> Document:
    places = [part for part in path.split("/") if part and part[0] != "{"]
    described: Document = {
        "operationId": "_".join([one.method, *places[1:]]),
        "summary": one.summary,
        "parameters": list(one.parameters),
        "responses": {
            "200": {"description": one.summary, "content": _content(one.answers.__name__)},
            **{str(status): _ERRORS[status] for status in one.errors},
        },
    }
    if one.body is not None:
        content = {"application/json": {"schema": one.body}}
        described["requestBody"] = {"required": True, "content": content}
    return described


def _content(name: str, kind: str = "application/json") -> Document:
    return {kind: {"schema": {"$ref": _REFERENCE.format(name=name)}}}


_ERRORS: Final = {
    status: {"description": what, "content": _content("Problem", "application/problem+json")}
    for status, what in {
        400: "A parameter cannot be read.",
        401: "The token is missing or wrong.",
        403: "Not allowed, or no token is configured.",
        404: "There is no such thing; the detail names those that there are.",
        415: "Changes are sent as JSON.",
        503: "The store does not answer; ask again.",
    }.items()
}
