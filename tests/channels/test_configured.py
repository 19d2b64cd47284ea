"""Which channels an app has, and which of them get a message."""

from collections.abc import Callable
from typing import Any

import pytest

from flask_mlmonitor import ConfigError
from flask_mlmonitor.channels import configured
from flask_mlmonitor.channels.configured import channels_of, routed
from flask_mlmonitor.config import Settings
from tests.channels.notices import notification, resolved

ALL = {
    "SLACK_WEBHOOK_URL": "https://hooks.slack.com/services/T/B/1",
    "SLACK_WEBHOOK_URL_CRITICAL": "https://hooks.slack.com/services/T/B/2",
    "PAGERDUTY_ROUTING_KEY": "R0UT1NG",
    "SMTP_URL": "smtp://mail.example.com",
    "EMAIL_TO": "ann@example.com",
    "WEBHOOK_URL": "https://example.com/hook",
    "WEBHOOK_SECRET": "whsec_c2VjcmV0",
    "ALERTMANAGER_URL": "http://127.0.0.1:9093",
    "APPRISE_URLS": "json://127.0.0.1, json://localhost",
}


def settings(**given: Any) -> Settings:
    """The settings of an app."""
    named = {f"MLMONITOR_{name}": value for name, value in given.items()}
    return Settings.from_mapping(named, instance_path="/nowhere")


def test_by_default_there_is_the_log() -> None:
    """Which needs nothing."""
    assert list(channels_of(settings())) == ["log"]


def test_all_of_them() -> None:
    """Each under the name that routes have for it."""
    assert list(channels_of(settings(**ALL))) == [
        *("log", "slack", "slack-critical", "email", "pagerduty", "webhook", "alertmanager"),
        *("apprise", "apprise-2"),
    ]


@pytest.mark.parametrize("name", ["SLACK_WEBHOOK_URL", "SLACK_WEBHOOK_URL_CRITICAL"])
def test_one_channel_of_slack(name: str) -> None:
    """Then it gets everything."""
    channels = channels_of(settings(**{name: ALL[name]}))

    assert list(channels) == ["log", "slack"]
    for severity in ("info", "warning", "critical"):
        assert routed(notification(severity=severity), ["slack"], channels) == ("slack",)


def test_routes() -> None:
    """What is routed and not configured is left out; the critical go their own way in Slack."""
    channels = channels_of(settings(**ALL))
    warning, critical = notification(), notification(severity="critical")

    assert routed(warning, ["log", "slack"], channels) == ("log", "slack")
    assert routed(critical, ["slack", "email"], channels) == ("slack-critical", "email")
    assert routed(resolved(), ["slack"], channels) == ("slack", "slack-critical")
    assert routed(warning, ["apprise"], channels) == ("apprise", "apprise-2")
    assert routed(warning, ["pagerduty"], channels_of(settings())) == ()


def test_what_must_be_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The start says so, not the first alert."""

    def absent(_: str) -> None:
        return None

    find: Callable[[str], None] = absent
    monkeypatch.setattr(configured, "find_spec", find)
    with pytest.raises(ConfigError, match=r"pip install 'flask-mlmonitor\[apprise\]'") as caught:
        channels_of(settings(APPRISE_URLS="json://me:T0K3N@127.0.0.1"))

    assert "T0K3N" not in str(caught.value)


def test_a_secret_that_is_no_base64() -> None:
    """It is refused when the app starts, and not shown."""
    with pytest.raises(ConfigError, match="MLMONITOR_WEBHOOK_SECRET") as caught:
        settings(WEBHOOK_SECRET="whsec_T0K3N?")

    assert "T0K3N" not in str(caught.value)
