"""Senders of ground truth, and what became of it."""

from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from werkzeug.test import TestResponse

from flask_mlmonitor.store import tables

if TYPE_CHECKING:
    from tests.conftest import Service
URL = "/mlmonitor/ground-truth"
BEARER = {"Authorization": "Bearer s=cret"}
NOTHING = {"accepted": 0, "updated": 0, "pending": 0, "invalid": []}
MODEL = ("fraud", "2")
UNKNOWN = ("__unknown__", "__unknown__")


def send(service: "Service", body: Any, **options: Any) -> Any:
    """Report ground truth; return the summary of what became of it."""
    answer = service.client.post(URL, json=body, **options)
    assert answer.status_code == 200, answer.text
    return answer.get_json()


def predicted(service: "Service", payload: Any = None, **options: Any) -> str:
    """Return the id of a new prediction."""
    return str(service.post(payload, **options).headers["X-Prediction-ID"])


def stored(service: "Service") -> dict[str, tuple[str, float]]:
    """Return the values and times of ground truth as the store keeps them."""
    columns = tables.ground_truth.c
    with service.runtime.database.reading() as connection:
        rows = connection.execute(select(columns.prediction_id, columns.value, columns.time)).all()
    return {key: (value, time) for key, value, time in rows}


def values(service: "Service") -> dict[str, str]:
    """Return the values alone."""
    return {key: value for key, (value, _) in stored(service).items()}


def counted(service: "Service") -> dict[tuple[str, ...], float]:
    """Return the counts of ground truth above zero."""
    return {key: n for key, n in service.samples("ml_ground_truth_total").items() if n}


def delays(service: "Service") -> dict[tuple[str, ...], float]:
    """Return how many delays were counted, for each model that has any."""
    samples = service.samples("ml_ground_truth_delay_seconds_count")
    return {key: n for key, n in samples.items() if n}


def assert_problem(answer: TestResponse, status: int, told: str) -> None:
    """Fail unless the answer is a problem document that says so."""
    assert answer.status_code == status
    assert answer.mimetype == "application/problem+json"
    problem = answer.get_json()
    assert problem["status"] == status
    assert told in problem["detail"]
