"""The store, and what it knows of things that went wrong."""

import sqlite3
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import update

from flask_mlmonitor.clock import now
from flask_mlmonitor.doctor.places import in_container
from flask_mlmonitor.records import Gap
from flask_mlmonitor.store import tables
from flask_mlmonitor.store.recording import Span, apply, bury
from flask_mlmonitor.store.truth import Claim, record_ground_truth

if TYPE_CHECKING:
    from tests.conftest import MakeService, Service
    from tests.doctor.conftest import Examine
from tests.store.batches import batch


@pytest.fixture
def patient(make_service: "MakeService", production: dict[str, Any], store_url: str) -> "Service":
    """A service with a store of each kind."""
    return make_service(**{**production, "MLMONITOR_STORE_URL": store_url})


def test_a_healthy_store(patient: "Service", found: "Examine") -> None:
    """There is nothing to say of it."""
    patient.runtime.database.prepare()

    for check in ("store", "clocks", "lost_predictions", "waiting_truth", "backlog"):
        assert found(patient, check) == []


def test_no_store_yet(make_service: "MakeService", production: Any, found: "Examine") -> None:
    """Good to know; and looking for it makes none."""
    (finding,) = found(make_service(**production), "store")

    assert finding.level == "info"
    assert not Path(production["MLMONITOR_STORE_URL"].removeprefix("sqlite:///")).exists()


def test_a_store_that_does_not_answer(
    make_service: "MakeService", production: Any, found: "Examine"
) -> None:
    """One error says so; the other checks do not repeat it."""
    Path(production["MLMONITOR_STORE_URL"].removeprefix("sqlite:///")).mkdir()
    service = make_service(**production)
    (finding,) = found(service, "store")

    assert finding.level == "error"
    assert "cannot be used" in finding.problem
    assert found(service, "lost_predictions") == found(service, "backlog") == []


def test_a_later_version(patient: "Service", found: "Examine") -> None:
    """An error says to upgrade."""
    patient.runtime.database.prepare()
    with patient.runtime.database.writing() as connection:
        connection.execute(update(tables.schema_version).values(version=99))
    (finding,) = found(patient, "store")

    assert finding.level == "error"
    assert "upgrade flask-mlmonitor" in finding.problem


def test_files_in_containers(patient: "Service", store_url: str, found: "Examine") -> None:
    """Each replica keeps its own file; a server is one for all."""
    local = store_url.startswith("sqlite")

    assert bool(found(patient, "replicas")) == (local and in_container())
    known = bool(found(patient, "sqlite_version"))
    assert known == (local and sqlite3.sqlite_version_info < (3, 51, 3))


def test_clocks(patient: "Service", store_url: str, found: "Examine") -> None:
    """Those of two machines are compared; a file has none."""
    patient.runtime.database.prepare()
    findings = found(patient, "clocks", clock=lambda: now() + 10)

    assert [one.problem for one in findings] == (
        [] if store_url.startswith("sqlite") else ["the store's clock is -10.0 s from this host's"]
    )


def test_lost_predictions(patient: "Service", found: "Examine") -> None:
    """Those of the last day by their reasons, and the records that the store refused."""
    current = time.time()
    gaps = [
        Gap(current - 90_000, current - 89_000, 5, "disk_full"),
        Gap(current - 90_000, current - 80, 7, "disk_full"),
        Gap(current - 90, current - 80, 2, "journal_full"),
    ]
    database = patient.runtime.database
    apply(database, Span("s", 0, 10), batch("p1", gaps=gaps))
    bury(database, Span("s", 10, 20), current, "why", b"record")
    lost, refused = found(patient, "lost_predictions")

    assert (lost.level, refused.level) == ("warning", "warning")
    assert lost.problem.endswith("could not be recorded: 7 disk_full, 2 journal_full")
    assert "refused 1 records" in refused.problem


def test_waiting_truth(patient: "Service", found: "Examine") -> None:
    """A day is long enough for a prediction to come."""
    record_ground_truth(patient.runtime.database, [Claim("nobody's", 1, 0.0)])
    assert found(patient, "waiting_truth") == []
    (finding,) = found(patient, "waiting_truth", clock=lambda: now() + 90_000)

    assert finding.level == "warning"
    assert finding.problem.startswith("1 values of ground truth wait")
