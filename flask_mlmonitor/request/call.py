"""Who answers a request: the view, the fallback, or a rejection."""

import math
from collections.abc import Callable, Sequence
from typing import Any, Final

from werkzeug.exceptions import HTTPException

from flask_mlmonitor.exceptions import InvalidInput, MLMonitorError
from flask_mlmonitor.records import FALLBACK_REASONS, FieldFailure
from flask_mlmonitor.request.answers import Answer, answer_of, is_plain
from flask_mlmonitor.request.dialects.inference import inference_answer
from flask_mlmonitor.request.dialects.rows import listed
from flask_mlmonitor.request.endpoint import Predictor
from flask_mlmonitor.request.failures import Failure, NaNPrediction
from flask_mlmonitor.request.observation import SUCCESS, Observation, Outcome
from flask_mlmonitor.request.outputs import Output, holds_no_number, not_finite, outputs_of
from flask_mlmonitor.request.validation import acted_on

NOTHING: Final = object()
"""Stands where nobody had an answer."""

_NO_PREDICTIONS: Final = (401, 403, 404, 429)
NO_CONTENT: Final = 204
_UNREAD: Final = Answer(None, 200)


class UnknownOutput(MLMonitorError):
    """A view's answer in which no prediction was found."""

    def __init__(self, kind: str) -> None:
        super().__init__(
            f"No prediction found in the view's answer (a {kind}): return a known key such as "
            "'prediction', or give `output=` to the decorator. It was recorded without a value."
        )


def answer(observation: Observation, view: Callable[..., Any]) -> Any:
    """Return what the client gets; what the view raised leaves untouched."""
    endpoint = observation.endpoint
    observation.read()
    if endpoint.on_invalid != "flag":
        broken = _broken(observation)
        if broken is not None:
            return _refuse(observation, broken)
    if endpoint.fallback is not None and _can_fall_back(observation) and not observation.admit():
        error = observation.route.breaker.error
        return _fall_back(observation, "circuit_open", error, last=True)
    try:
        if endpoint.timeout is None:
            observation.start()
            value = view(*observation.args, **observation.kwargs)
        else:
            value = observation.within(endpoint.timeout, view)
        if not is_plain(value):
            observation.route.app.make_response(value)  # raises what Flask would raise later
    except Exception as raised:
        instead = _after(observation, raised)
        if instead is NOTHING:
            raise
        return instead
    except BaseException:
        observation.undecided()
        observation.dismiss()
        raise
    return _returned(observation, value)


def _broken(observation: Observation) -> list[FieldFailure] | None:
    """Return what the policy acts on: nothing (``None``), broken rules, or an unreadable body."""
    endpoint = observation.endpoint
    if not (observation.was_read and endpoint.concerns.validate):
        return None
    if not observation.fields:
        return []
    return acted_on(observation.failures, strict=endpoint.strict) or None


def _refuse(observation: Observation, broken: Sequence[FieldFailure]) -> Any:
    """Answer invalid input by the fallback, or reject it."""
    error = "validation_error" if broken else "invalid_input"
    if observation.endpoint.on_invalid == "fallback" and _can_fall_back(observation):
        return _fall_back(observation, "invalid_input", error, last=True)
    observation.finish(Outcome("invalid", error))
    if broken:
        raise InvalidInput(broken)
    problem = observation.payload.problem
    why = "" if problem is None else f": {problem}"
    raise InvalidInput(detail=f"The body could not be read as one or more rows{why}.")


def _after(observation: Observation, raised: Exception) -> Any:
    """Return the fallback's answer to what the view raised, or :data:`NOTHING`."""
    status, error = 500, "model_error"
    if isinstance(raised, HTTPException):
        response = raised.response
        status = raised.code or 500 if response is None else response.status_code
    if isinstance(raised, Failure):  # our own, maybe that of a decorator below this one
        error = raised.error
    instead = _ended(observation, status, error)
    if instead is not NOTHING:
        observation.route.warn_of_failure(raised)
    return instead


def _returned(observation: Observation, value: Any) -> Any:
    status, outputs = _read(observation, value)
    if status >= 300:
        instead = _ended(observation, status, "unknown_error")
        return value if instead is NOTHING else instead
    if not not_finite(outputs):
        observation.succeeded()
        observation.finish(SUCCESS, outputs)
        return value
    instead = _failed(observation, "nan_prediction")
    if instead is not NOTHING:
        return instead
    if observation.endpoint.on_nan == "flag":
        return value
    raise NaNPrediction


def _ended(observation: Observation, status: int, error: str) -> Any:
    """Act on a status that is no success: return the fallback's answer or :data:`NOTHING`."""
    if status >= 500:
        return _failed(observation, error)
    if status < 300:
        observation.succeeded()
        observation.finish(SUCCESS)
        return NOTHING
    observation.undecided()
    if status in _NO_PREDICTIONS or status < 400:
        observation.dismiss()
    else:
        kind = "validation_error" if observation.fields else "invalid_input"
        observation.finish(Outcome("invalid", kind))
    return NOTHING


def _failed(observation: Observation, error: str) -> Any:
    """Return the fallback's answer in place of the view's, or :data:`NOTHING`."""
    observation.failed(error)
    return _fall_back(observation, error if error in FALLBACK_REASONS else "error", error)


def _fall_back(observation: Observation, reason: str, error: str, *, last: bool = False) -> Any:
    """Return the fallback's answer, or :data:`NOTHING`; either way the request is finished.

    :param last: nobody else can answer: what the fallback raises or returns goes to the client.
    """
    if not observation.endpoint.falls_back:
        observation.finish(Outcome("error", error))
        return NOTHING
    observation.start()
    try:
        value = _call_fallback(observation)
        if not is_plain(value):
            observation.route.app.make_response(value)
    except Exception as failed:
        observation.finish(Outcome("error", error))
        if last:
            raise
        observation.route.warn_of_failure(failed, "its fallback failed too")
        return NOTHING
    status, outputs = _read(observation, value)
    if not_finite(outputs) or status >= 500:
        observation.finish(Outcome("error", error))
        if last and not_finite(outputs):
            raise NaNPrediction
        return value if last else NOTHING
    observation.finish(Outcome("fallback", error, reason), outputs)
    return value


def _can_fall_back(observation: Observation) -> bool:
    """Return whether the fallback can answer at all: an object that predicts rows needs some."""
    endpoint = observation.endpoint
    return endpoint.falls_back and (
        bool(observation.fields) or not isinstance(endpoint.fallback, Predictor)
    )


def _call_fallback(observation: Observation) -> Any:
    fallback: Any = observation.endpoint.fallback
    if not isinstance(fallback, Predictor):
        return observation.route.app.ensure_sync(fallback)(*observation.args, **observation.kwargs)
    if not observation.fields:
        raise ValueError("the payload has no rows that the fallback could predict")
    rows = [list(fields.values or (fields.extra or {}).values()) for fields in observation.fields]
    predictions = listed(fallback.predict(rows))
    if not isinstance(predictions, list) or len(predictions) != len(rows):
        raise ValueError(f"the fallback's predict returned no list of {len(rows)} predictions")
    payload = observation.payload
    if payload.inference is not None:
        model, version = observation.route.owner
        return inference_answer(
            payload.inference, predictions, model=model, version=version, own_id=observation.id
        )
    return {"predictions": predictions} if payload.batch else {"prediction": predictions[0]}


def _read(observation: Observation, value: Any) -> tuple[int, Sequence[Output]]:
    """Return an answer's status, and an output for each row: none if there is no known form."""
    answer = _UNREAD
    try:
        answer = answer_of(value)
        if answer.status >= 300 or answer.status == NO_CONTENT:
            return answer.status, ()
        custom = observation.endpoint.output
        body = answer.body if custom is None else custom(value)
        if body is None:
            return answer.status, ()
        rows = len(observation.fields)
        outputs = outputs_of(body, rows or 1, batch=rows > 0 and observation.payload.batch)
        if outputs is None and holds_no_number(body):
            return answer.status, (Output(math.nan),)
        if outputs is None:
            raise UnknownOutput(type(body).__name__)
    except Exception as error:  # noqa: BLE001  the boundary
        observation.route.faults.happened("outcome", error)
        return answer.status, ()
    return answer.status, outputs
