"""Errors as problem documents (RFC 9457)."""

from collections.abc import Mapping
from typing import Final

from flask import Response, jsonify

PROBLEM: Final = "application/problem+json"


def problem(
    status: int, title: str, detail: str, headers: Mapping[str, str] | None = None
) -> Response:
    """Return an error that says what is wrong and what to do."""
    response = jsonify(type="about:blank", title=title, status=status, detail=detail)
    response.status_code = status
    response.mimetype = PROBLEM
    response.headers.update(headers or {})
    return response
