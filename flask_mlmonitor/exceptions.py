"""Everything the monitor raises on purpose.

MLMonitorError
├── ConfigError          a wrong `MLMONITOR_` key or value, or a wrong use of the API (ValueError)
├── BaselineError        a baseline that is missing, damaged or newer than this version (ValueError)
├── NotEnoughData        too few rows to say anything (ValueError)
├── InvalidInput         a payload that broke the baseline's rules (werkzeug UnprocessableEntity)
├── EvaluationFailed     the process that evaluates ended with an error
└── StoreError           the store cannot be used
    ├── StoreUnavailable     now; later it may
    └── SchemaTooNew         its tables are of a later version than this code
"""

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import UnprocessableEntity

if TYPE_CHECKING:
    from flask_mlmonitor.records import FieldFailure


class MLMonitorError(Exception):
    """The base of all errors of flask-mlmonitor."""


class ConfigError(MLMonitorError, ValueError):
    """A wrong configuration, naming the key, the value and the remedy.

    >>> str(ConfigError("MLMONITOR_MIN_SAMPLES", -1, "set a whole number of at least 1"))
    'MLMONITOR_MIN_SAMPLES = -1: set a whole number of at least 1'
    """

    def __init__(self, key: str, value: object, remedy: str) -> None:
        super().__init__(f"{key} = {value!r}: {remedy}")
        self.key = key
        self.value = value
        self.remedy = remedy


class BaselineError(MLMonitorError, ValueError):
    """A baseline that is missing, damaged or of a later version than this code."""


class NotEnoughData(MLMonitorError, ValueError):
    """Too few rows to say anything.

    >>> str(NotEnoughData(3, 200))
    '3 rows where 200 are needed'

    :param seen: rows.
    :param needed: rows.
    """

    def __init__(self, seen: int, needed: int) -> None:
        super().__init__(f"{seen} rows where {needed} are needed")
        self.seen = seen
        self.needed = needed


class EvaluationFailed(MLMonitorError):
    """The process that evaluates ended with an error."""


class StoreError(MLMonitorError):
    """The store cannot be used."""


class StoreUnavailable(StoreError):
    """The store does not answer now; the caller may try again later."""


class SchemaTooNew(StoreError):
    """The store's tables were made by a later version of flask-mlmonitor."""


class InvalidInput(MLMonitorError, UnprocessableEntity):
    """A payload that broke the baseline's rules, as a problem document (RFC 9457).

    An app's own error handler may shape the answer from :attr:`failures`.

    :param failures: what was wrong, field by field; empty when the body itself was unreadable.
    :param detail: one sentence for a person.
    """

    def __init__(self, failures: Sequence["FieldFailure"] = (), detail: str | None = None) -> None:
        fields = ", ".join(dict.fromkeys(failure.feature for failure in failures))
        super().__init__(description=detail or f"The payload broke the rules of: {fields}.")
        self.failures = tuple(failures)

    def get_body(self, environ: Any = None, scope: Any = None) -> str:
        """Return the problem document."""
        problem = {
            "type": "about:blank",
            "title": "Invalid input",
            "status": self.code,
            "detail": self.description,
            "errors": [
                {"row": failure.row, "field": failure.feature, "rule": failure.rule}
                for failure in self.failures
            ],
        }
        return json.dumps(problem)

    def get_headers(self, environ: Any = None, scope: Any = None) -> list[tuple[str, str]]:
        """Return the headers of a problem document."""
        return [("Content-Type", "application/problem+json")]


def one_of(names: Iterable[str]) -> str:
    """Return *names* for an error's remedy.

    >>> one_of(["flag", "reject"])
    "one of 'flag', 'reject'"
    """
    return "one of " + ", ".join(repr(name) for name in names)
