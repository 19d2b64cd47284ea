"""Patients: services in production, and what the doctor says of them."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from flask_mlmonitor.doctor.examination import examine
from flask_mlmonitor.doctor.findings import Finding

if TYPE_CHECKING:
    from tests.conftest import Serve, Service

Examine = Callable[..., list[Finding]]


@pytest.fixture
def found() -> Examine:
    """Return what one check finds in a service."""

    def found(service: "Service", check: str, **options: Any) -> list[Finding]:
        return [finding for name, finding in examine(service.state, **options) if name == check]

    return found


@pytest.fixture
def patient(serve: "Serve", production: dict[str, Any]) -> "Service":
    """A service in production that nobody asked anything yet."""
    return serve(lambda: {"prediction": 1}, config=production)
