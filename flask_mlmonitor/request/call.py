"""Who answers a request: the view, the fallback, or a rejection."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from werkzeug.exceptions import HTTPException, InternalServerError

from flask_mlmonitor.counters.faults import LOGGER
from flask_mlmonitor.exceptions import InvalidInput, MLMonitorError
from flask_mlmonitor.request.endpoint import Endpoint, Predictor
from flask_mlmonitor.request.observation import Observation, Outcome
from flask_mlmonitor.request.outputs import Answer, Output, answer_of, not_finite, outputs_of
from flask_mlmonitor.request.validation import acted_on

NOTHING: Final = object()
"""Stands where nobody had an answer."""

_NO_PREDICTIONS: Final = (401, 403, 404, 429)


class NaNPrediction(MLMonitorError, InternalServerError):
    """A prediction that is no finite number, as a problem document (RFC 9457)."""

    description = "The model's prediction is not a finite number."

    def get_body(self, environ: Any = None, scope: Any = None) -> str:
        """Return the problem document."""
        return json.dumps(
            {
                "type": "nan-prediction",
                "title": "No finite prediction",
                "status": self.code,
                "detail": self.description,
            }
        )

    def get_headers(self, environ: Any = None, scope: Any = None) -> list[tuple[str, str]]:
        """Return the headers of a problem document."""
        return [("Content-Type", "application/problem+json")]


class Call:
    """One call of a monitored view.

    :param view: as Flask would call it.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        observation: Observation,
        view: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
    ) -> None:
        self._endpoint = endpoint
        self._observation = observation
        self._view = view
        self._args = args
        self._kwargs = kwargs

    def answer(self) -> Any:
        """Return what the client gets; what the view raised leaves untouched."""
        self._observation.read()
        policy, error = self._policy()
        if policy == "reject":
            self._observation.finish(Outcome("invalid", error))
            raise self._rejection()
        if policy == "fallback":
            return self._fall_back("invalid_input", error, raises=True)
        self._observation.start()
        try:
            value = self._view(*self._args, **self._kwargs)
        except Exception as raised:
            answer = self._after(raised)
            if answer is NOTHING:
                raise
            return answer
        except BaseException:
            self._observation.dismiss()
            raise
        return self._returned(value)

    def _policy(self) -> tuple[str, str | None]:
        """Return what is asked for by ``on_invalid``, and the type of the error."""
        policy, observation = self._endpoint.on_invalid, self._observation
        if policy == "fallback" and self._fallback is None:
            policy = "flag"
        if policy == "flag" or not observation.was_read or not self._endpoint.concerns.validate:
            return "flag", None
        if not observation.fields:
            return policy, "invalid_input"
        broken = acted_on(observation.failures, strict=self._endpoint.strict)
        return (policy, "validation_error") if broken else ("flag", None)

    def _rejection(self) -> InvalidInput:
        if not self._observation.fields:
            return InvalidInput(detail="The body could not be read as one or more rows of JSON.")
        failures = acted_on(self._observation.failures, strict=self._endpoint.strict)
        return InvalidInput(failures)

    @property
    def _fallback(self) -> Any:
        return self._endpoint.fallback if self._endpoint.concerns.fall_back else None

    def _after(self, raised: Exception) -> Any:
        """Return the fallback's answer to what the view raised, or :data:`NOTHING`."""
        status = 500
        if isinstance(raised, HTTPException):
            response = raised.response
            status = raised.code or 500 if response is None else response.status_code
        answer = self._ended(status, "model_error")
        if answer is not NOTHING:
            LOGGER.warning(
                "%s %s failed; its fallback answered.",
                *self._observation.route.owner,
                exc_info=raised,
            )
        return answer

    def _returned(self, value: Any) -> Any:
        answer = self._read(value)
        if answer.status >= 300:
            instead = self._ended(answer.status, "unknown_error")
            return value if instead is NOTHING else instead
        outputs = self._outputs(value, answer)
        if not not_finite(outputs):
            self._observation.finish(Outcome("success", outputs=outputs))
            return value
        instead = self._fall_back("nan_prediction", "nan_prediction")
        if instead is not NOTHING:
            return instead
        if self._endpoint.on_nan == "flag":
            return value
        raise NaNPrediction

    def _ended(self, status: int, error: str) -> Any:
        """Act on a status that is no success: return the fallback's answer or NOTHING."""
        if status in _NO_PREDICTIONS or 300 <= status < 400:
            self._observation.dismiss()
        elif status >= 500:
            return self._fall_back("error", error)
        elif status >= 400:
            kind = "validation_error" if self._observation.fields else "invalid_input"
            self._observation.finish(Outcome("invalid", kind))
        else:
            self._observation.finish(Outcome("success"))
        return NOTHING

    def _fall_back(self, reason: str, error: str | None, *, raises: bool = False) -> Any:
        """Return the fallback's answer, or NOTHING; either way the request is finished.

        :param raises: let through what the fallback raises: there is no other answer.
        """
        observation = self._observation
        if self._fallback is None:
            observation.finish(Outcome("error", error))
            return NOTHING
        observation.start()
        try:
            value = self._call_fallback()
        except Exception:
            observation.finish(Outcome("error", error))
            if raises:
                raise
            LOGGER.exception("The fallback of %s %s failed too.", *observation.route.owner)
            return NOTHING
        answer = self._read(value)
        outputs = self._outputs(value, answer)
        if not_finite(outputs) or answer.status >= 500:
            observation.finish(Outcome("error", error))
            return value if raises else NOTHING
        observation.finish(Outcome("fallback", error, reason, outputs))
        return value

    def _call_fallback(self) -> Any:
        fallback = self._fallback
        if not isinstance(fallback, Predictor):
            return self._observation.app.ensure_sync(fallback)(*self._args, **self._kwargs)
        rows = [list(fields.values) for fields in self._observation.fields]
        predictions = fallback.predict(rows)
        predictions = predictions.tolist() if hasattr(predictions, "tolist") else list(predictions)
        if self._observation.payload.batch:
            return {"predictions": predictions}
        return {"prediction": predictions[0]}

    def _read(self, value: Any) -> Answer:
        with self._observation.guard("outcome"):
            return answer_of(value)
        return Answer(None, 200)

    def _outputs(self, value: Any, answer: Answer) -> Sequence[Output]:
        """Return an output for each row, or none where the value has no known form."""
        with self._observation.guard("outcome"):
            custom = self._endpoint.output
            body = answer.body if custom is None else custom(value)
            if body is None:
                return ()
            rows = max(1, len(self._observation.fields))
            outputs = outputs_of(body, rows, batch=self._observation.payload.batch)
            if outputs is None:
                raise UnknownOutput(type(body).__name__)
            return outputs
        return ()


class UnknownOutput(MLMonitorError):
    """A view's answer in which no prediction was found."""

    def __init__(self, kind: str) -> None:
        super().__init__(
            f"No prediction found in the view's answer (a {kind}): return a known key such as "
            "'prediction', or give `output=` to the decorator. It was recorded without a value."
        )
