"""Where a message goes, by its severity."""

from collections.abc import Collection, Mapping
from typing import Final

from flask_mlmonitor.alerts.alert import Notification, Severity
from flask_mlmonitor.config import Settings

LOG: Final = "log"
"""The channel that everything goes to."""

_KEYS: Final[Mapping[str, str]] = {
    "slack": "SLACK_WEBHOOK_URL",
    "email": "SMTP_URL",
    "pagerduty": "PAGERDUTY_ROUTING_KEY",
    "webhook": "WEBHOOK_URL",
    "alertmanager": "ALERTMANAGER_URL",
    "apprise": "APPRISE_URLS",
}
"""What must be set for a channel to be there."""


def route_of(notification: Notification, settings: Settings) -> tuple[str, ...]:
    """Return the names of the channels that a message should go to, always to the log.

    The end of an incident goes wherever any of its messages went.

    :param settings: of the model.
    """
    route = route_to(notification.severity, settings)
    if notification.action == "resolve" and notification.severity == "critical":
        route = (*route_to("warning", settings), *route)
    return tuple(dict.fromkeys((LOG, *route)))


def route_to(severity: Severity, settings: Settings) -> tuple[str, ...]:
    """Return the names of the channels of a severity.

    :param settings: of the model.
    """
    if severity == "critical":
        return settings.alert_route_critical
    return settings.alert_route_warning if severity == "warning" else ()


def keys_to_set(settings: Settings, channels: Collection[str]) -> tuple[str, ...]:
    """Return the keys of the channels that messages should go to and that are not there.

    :param channels: those that are.
    """
    routed = (*settings.alert_route_warning, *settings.alert_route_critical)
    return tuple(
        dict.fromkeys(f"MLMONITOR_{_KEYS[name]}" for name in routed if name not in channels)
    )
