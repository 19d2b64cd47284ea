"""What the monitor raises in place of an answer that cannot be served."""

import json
from typing import Any, ClassVar

from werkzeug.exceptions import GatewayTimeout, HTTPException, InternalServerError

from flask_mlmonitor.exceptions import MLMonitorError


class Failure(MLMonitorError, HTTPException):
    """A failed prediction, as a problem document (RFC 9457).

    :cvar error: the type under which it counts, one of
        :data:`~flask_mlmonitor.records.ERROR_TYPES`.
    """

    error: ClassVar[str]
    kind: ClassVar[str]
    title: ClassVar[str]

    def get_body(self, environ: Any = None, scope: Any = None) -> str:
        """Return the problem document."""
        return json.dumps(
            {
                "type": self.kind,
                "title": self.title,
                "status": self.code,
                "detail": self.description,
            }
        )

    def get_headers(self, environ: Any = None, scope: Any = None) -> list[tuple[str, str]]:
        """Return the headers of a problem document."""
        return [("Content-Type", "application/problem+json")]


class NaNPrediction(Failure, InternalServerError):
    """A prediction that is no finite number."""

    error = "nan_prediction"
    kind = "nan-prediction"
    title = "No finite prediction"
    description = "The model's prediction is not a finite number."


class PredictionTimeout(Failure, GatewayTimeout):
    """A view that did not answer within its time limit."""

    error = "timeout"
    kind = "prediction-timeout"
    title = "No prediction in time"
    description = "The model did not answer in time."
