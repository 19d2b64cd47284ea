"""The journal, and who drains it."""

import os
import resource
from typing import TYPE_CHECKING, Any

from flask_mlmonitor.clock import now

if TYPE_CHECKING:
    from tests.conftest import MakeService, Serve, Service
    from tests.doctor.conftest import Examine


def test_a_backlog(patient: "Service", found: "Examine") -> None:
    """An error when the oldest record waits for more than a minute."""
    patient.runtime.database.prepare()
    patient.post()
    assert found(patient, "backlog") == []
    (finding,) = found(patient, "backlog", clock=lambda: now() + 90)

    assert finding.level == "error"
    assert "bytes of the journal wait" in finding.problem
    assert patient.flush()
    assert found(patient, "backlog") == []


def test_a_full_journal(serve: "Serve", production: dict[str, Any], found: "Examine") -> None:
    """An error before it is full."""
    config = {**production, "MLMONITOR_JOURNAL_MAX_BYTES": "1MiB"}
    service = serve(lambda: {"prediction": 1}, config=config)
    for _ in range(9):
        service.post({"text": "x" * 100_000})

    (finding,) = found(service, "backlog")
    assert "of the 1048576 bytes that it may" in finding.problem


def test_files_that_nobody_drains(patient: "Service", found: "Examine") -> None:
    """Damaged ones, and those of another format."""
    assert found(patient, "segments") == []
    patient.post()
    assert found(patient, "segments") == []
    spool = patient.runtime.spool.path
    (spool / "01384732800500000000-7-0-a1b2c3d4.corrupt").write_bytes(b"?")
    (spool / "01384732800500000000-7-0-a1b2c3d5.j").write_bytes(b"not ours at all" * 100)
    damaged, foreign = found(patient, "segments")

    assert (damaged.level, foreign.level) == ("warning", "warning")
    assert damaged.problem.startswith("1 damaged files")
    assert foreign.problem.startswith("1 files")


def test_no_worker(patient: "Service", found: "Examine") -> None:
    """The web workers leave the drain to a worker, and there is none."""
    (finding,) = found(patient, "drain")
    assert finding.level == "error"
    assert "flask mlmonitor worker" in finding.remedy
    assert patient.runtime.election.win()

    assert found(patient, "drain") == []


def test_trouble(patient: "Service", found: "Examine") -> None:
    """What the elected process cannot do, it says."""
    patient.post()
    assert patient.runtime.election.win()
    patient.runtime.election.sign("the disk is on fire")
    (finding,) = found(patient, "drain")

    assert finding.level == "error"
    assert f"process {os.getpid()} cannot drain" in finding.problem
    assert "the disk is on fire" in finding.problem


def test_an_app_that_nobody_asked(
    make_service: "MakeService", production: dict[str, Any], found: "Examine"
) -> None:
    """Good to know, no error."""
    config = {**production, "MLMONITOR_BACKGROUND": "thread"}
    (finding,) = found(make_service(**config), "drain")

    assert finding.level == "info"


def test_few_open_files(patient: "Service", found: "Examine") -> None:
    """The limit of the process that drains."""
    patient.post()
    assert patient.runtime.election.win()
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    few = len(os.listdir("/proc/self/fd")) + 50
    resource.setrlimit(resource.RLIMIT_NOFILE, (few, limits[1]))
    try:
        (finding,) = found(patient, "drain")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)

    assert finding.level == "warning"
    assert f"and may open {few}" in finding.problem
