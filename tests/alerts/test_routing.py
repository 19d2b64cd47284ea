"""Where a message goes."""

from typing import Any

import pytest

from flask_mlmonitor.alerts.alert import Notification
from flask_mlmonitor.alerts.routing import keys_to_set, route_of
from flask_mlmonitor.clock import as_datetime
from tests.alerts.making import MODEL, NOON, VERSION, settings

ALL = {
    "SLACK_WEBHOOK_URL": "https://slack.test/1",
    "PAGERDUTY_ROUTING_KEY": "a-key",
    "SMTP_URL": "smtp://mail.test",
    "EMAIL_TO": "a@mail.test",
}


def notification(severity: Any, action: Any = "trigger") -> Notification:
    """Make a message."""
    return Notification(
        id="1",
        key="k",
        action=action,
        reason="new",
        family="latency",
        model=MODEL,
        version=VERSION,
        severity=severity,
        title="",
        text="",
        time=as_datetime(NOON),
    )


@pytest.mark.parametrize(
    ("severity", "action", "channels"),
    [
        ("info", "trigger", ("log",)),
        ("warning", "trigger", ("log", "slack")),
        ("critical", "trigger", ("log", "pagerduty", "slack", "email")),
        ("critical", "resolve", ("log", "slack", "pagerduty", "email")),
    ],
)
def test_by_default(severity: str, action: str, channels: tuple[str, ...]) -> None:
    """Critical alerts wake somebody, warnings are read."""
    assert route_of(notification(severity, action), settings(**ALL)) == channels


def test_the_end_goes_wherever_a_message_went() -> None:
    """Also to those who were told while it was a warning."""
    keys = {**ALL, "ALERT_ROUTE_WARNING": "email", "ALERT_ROUTE_CRITICAL": "pagerduty"}

    assert route_of(notification("critical"), settings(**keys)) == ("log", "pagerduty")
    resolved = route_of(notification("critical", "resolve"), settings(**keys))
    assert resolved == ("log", "email", "pagerduty")


def test_what_is_not_configured_is_named() -> None:
    """By the keys to set, once each."""
    keys = ("MLMONITOR_PAGERDUTY_ROUTING_KEY", "MLMONITOR_SMTP_URL")

    assert keys_to_set(settings(), ["log", "slack"]) == keys
    assert keys_to_set(settings(), ["log"]) == ("MLMONITOR_SLACK_WEBHOOK_URL", *keys)
    assert keys_to_set(settings(**ALL), ["log", "slack", "pagerduty", "email"]) == ()


def test_a_model_has_routes_of_its_own() -> None:
    """As it may have thresholds."""
    keys = {**ALL, "MODELS": {MODEL: {"ALERT_ROUTE_WARNING": "log"}}}

    assert route_of(notification("warning"), settings(**keys).for_model(MODEL)) == ("log",)
