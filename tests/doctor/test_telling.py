"""Who is told of alerts."""

from typing import TYPE_CHECKING, Any

from sqlalchemy import update

from flask_mlmonitor.store import tables
from flask_mlmonitor.store.outbox import add_messages
from tests.channels.notices import notification

if TYPE_CHECKING:
    from tests.conftest import MakeService, Service
    from tests.doctor.conftest import Examine

HOOK = "https://example.com/hook"


def test_nobody_is_told(patient: "Service", found: "Examine") -> None:
    """By default there is only the log; the keys are named."""
    (finding,) = found(patient, "channels")

    assert finding.level == "warning"
    assert "MLMONITOR_SLACK_WEBHOOK_URL" in finding.remedy


def test_some_are_told(
    make_service: "MakeService", production: dict[str, Any], found: "Examine"
) -> None:
    """What else is routed, and that messages have no link, is good to know."""
    service = make_service(**production, MLMONITOR_SLACK_WEBHOOK_URL=HOOK)
    routed, link = found(service, "channels")

    assert (routed.level, link.level) == ("info", "info")
    assert "MLMONITOR_PAGERDUTY_ROUTING_KEY" in routed.remedy
    assert "MLMONITOR_RUNBOOK_URL" in link.remedy


def test_all_is_well(
    make_service: "MakeService", production: dict[str, Any], found: "Examine"
) -> None:
    """All that is routed is there, and where the runbook is."""
    config = {
        "MLMONITOR_WEBHOOK_URL": HOOK,
        "MLMONITOR_ALERT_ROUTE_WARNING": "webhook",
        "MLMONITOR_ALERT_ROUTE_CRITICAL": "webhook",
        "MLMONITOR_RUNBOOK_URL": "https://example.com/mlmonitor/runbook",
    }

    assert found(make_service(**production, **config), "channels") == []


def test_messages_that_were_given_up(patient: "Service", found: "Examine") -> None:
    """They are an error: somebody should have known."""
    patient.post()
    patient.flush()
    assert found(patient, "undelivered") == []
    database, now = patient.runtime.database, 1e10
    with database.writing() as connection:
        messages = [(notification(), ("webhook",))]
        add_messages(connection, patient.state.name, messages, created=now)
        connection.execute(update(tables.outbox).values(state="dead", tried=now))
    (finding,) = found(patient, "undelivered")

    assert finding.level == "error"
    assert finding.problem.endswith(": 1")
