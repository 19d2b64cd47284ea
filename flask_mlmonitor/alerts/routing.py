"""Where a message goes, by its severity."""

from collections.abc import Mapping
from typing import Final

from flask_mlmonitor.alerts.alert import Notification, Severity
from flask_mlmonitor.config import Settings

LOG: Final = "log"
"""The channel that everything goes to."""

_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "slack": ("SLACK_WEBHOOK_URL", "SLACK_WEBHOOK_URL_CRITICAL"),
    "email": ("SMTP_URL",),
    "pagerduty": ("PAGERDUTY_ROUTING_KEY",),
    "webhook": ("WEBHOOK_URL",),
    "alertmanager": ("ALERTMANAGER_URL",),
    "apprise": ("APPRISE_URLS",),
}
"""What must be set, at least one of them, for a channel to be there."""


def route_of(notification: Notification, settings: Settings) -> tuple[str, ...]:
    """Return the channels of a message: those that are configured, and always the log.

    The end of an incident goes wherever any of its messages went.

    :param settings: of the model.
    """
    route = _route(notification.severity, settings)
    if notification.action == "resolve" and notification.severity == "critical":
        route = (*_route("warning", settings), *route)
    return tuple(dict.fromkeys(name for name in (LOG, *route) if _is_there(name, settings)))


def unreachable(settings: Settings) -> dict[str, str]:
    """Return the channels that messages should go to and that are not configured.

    :return: for each of them the key to set.
    """
    routed = (*settings.alert_route_warning, *settings.alert_route_critical)
    return {name: f"MLMONITOR_{_KEYS[name][0]}" for name in routed if not _is_there(name, settings)}


def _route(severity: Severity, settings: Settings) -> tuple[str, ...]:
    if severity == "critical":
        return settings.alert_route_critical
    return settings.alert_route_warning if severity == "warning" else ()


def _is_there(name: str, settings: Settings) -> bool:
    return name == LOG or any(getattr(settings, key.lower()) for key in _KEYS[name])
