"""What `flask mlmonitor prune` deletes, says, and refuses."""

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import Result

from flask_mlmonitor.cli import cli
from flask_mlmonitor.store.reading import read_predictions
from tests.commands import assert_told
from tests.stores import file_of

if TYPE_CHECKING:
    from tests.conftest import MakeService, Service


@pytest.fixture
def aged(make_service: "MakeService", production: dict[str, Any]) -> "Service":
    """Predictions of 0, 10, 20 and 40 days ago, by hand; the oldest has its ground truth."""
    service = make_service(**production)
    with service.app.app_context():
        for days in (0, 10, 20, 40):
            service.monitor.record_prediction(
                *("fraud", {"amount": 1.5}, 1),
                prediction_id=f"{days} days",
                time=datetime.now(UTC) - timedelta(days=days),
            )
        assert service.flush()
        service.monitor.record_ground_truth("40 days", 1)
    return service


def prune(service: "Service", *arguments: str) -> Result:
    """Run the command."""
    return service.app.test_cli_runner().invoke(cli, ["prune", *arguments])


def left(service: "Service") -> list[str]:
    """Return the ids of the predictions that are left."""
    return [prediction.id for prediction in read_predictions(service.runtime.database)]


def test_the_retention_decides(aged: "Service") -> None:
    """Thirty days by default; what went is said."""
    result = prune(aged)

    assert result.exit_code == 0, result.output
    head, *lines = result.output.splitlines()
    assert head.startswith("Deleted, from before ")
    assert [" ".join(line.split()) for line in lines] == [
        *("predictions 1", "ground truth 1", "pending ground truth 0"),
        *("gaps 0", "dead letters 0", "evaluations 0", "segment offsets 0", "truth hours 0"),
    ]
    assert left(aged) == ["20 days", "10 days", "0 days"]


def test_the_key_decides(make_service: "MakeService", production: dict[str, Any]) -> None:
    """It is read like any other."""
    service = make_service(**production, MLMONITOR_RETENTION_DAYS=3)
    before = json.loads(prune(service, "--json").output)["before"]
    age = datetime.now(UTC) - datetime.fromisoformat(before)

    assert timedelta(days=3) <= age < timedelta(days=3, minutes=1)


def test_another_age(aged: "Service") -> None:
    """For once."""
    found = json.loads(prune(aged, "--older-than", "15", "--json").output)

    assert found["deleted"]["predictions"] == 2
    assert found["dry_run"] is False
    assert left(aged) == ["10 days", "0 days"]


def test_a_dry_run_deletes_nothing(aged: "Service") -> None:
    """It says what would go."""
    found = json.loads(prune(aged, "--dry-run", "--json").output)

    assert found["deleted"]["predictions"] == found["deleted"]["ground_truth"] == 1
    assert prune(aged, "--dry-run").output.startswith("Would be deleted, from before ")
    assert len(left(aged)) == 4


@pytest.mark.parametrize("days", ["0", "-1", "soon"])
def test_an_age_is_a_whole_number_of_days(aged: "Service", days: str) -> None:
    """Anything else deletes nothing."""
    assert_told(prune(aged, "--older-than", days), 2, "--older-than", days)
    assert len(left(aged)) == 4


def test_without_a_store(aged: "Service") -> None:
    """One line says why."""
    aged.runtime.database.close()
    file_of(aged.runtime.folders.store_url).write_bytes(b"no database" * 1000)
    assert_told(prune(aged), 1, "The store cannot be used")
