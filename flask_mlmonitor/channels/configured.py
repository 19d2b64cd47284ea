"""Which channels an app has, and which of them a message goes to."""

from collections.abc import Collection, Iterable, Mapping
from importlib.util import find_spec
from typing import Final

from flask_mlmonitor.alerts.alert import Notification
from flask_mlmonitor.channels.channel import Channel
from flask_mlmonitor.config import Settings
from flask_mlmonitor.exceptions import ConfigError

SLACK_CRITICAL: Final = "slack-critical"


def channels_of(settings: Settings) -> Mapping[str, Channel]:
    """Return the channels that an app configured, by name; the log is always there.

    :raises ConfigError: when one of them needs a package that is not installed.
    """
    from flask_mlmonitor.channels.log import Log

    return {
        "log": Log(),
        **_slack(settings),
        **_mail(settings),
        **_pagerduty(settings),
        **_webhook(settings),
        **_alertmanager(settings),
        **_others(settings),
    }


def routed(
    notification: Notification, route: Collection[str], channels: Iterable[str]
) -> tuple[str, ...]:
    """Return which of the configured *channels* are of a route.

    Of the two channels of Slack, critical messages go to their own; the end of an incident goes to
    both: the outbox knows which of them has heard of it.

    :param route: the names as ``MLMONITOR_ALERT_ROUTE_…`` has them.
    """
    found = [name for name in channels if name.partition("-")[0] in route]
    if SLACK_CRITICAL in found and notification.action == "trigger":
        critical = notification.severity == "critical"
        found.remove("slack" if critical else SLACK_CRITICAL)
    return tuple(found)


def _slack(settings: Settings) -> dict[str, Channel]:
    url, critical = settings.slack_webhook_url, settings.slack_webhook_url_critical
    urls = {"slack": url, SLACK_CRITICAL: critical} if url else {"slack": critical}
    from flask_mlmonitor.channels.slack import Slack

    return {name: Slack(url) for name, url in urls.items() if url is not None}


def _mail(settings: Settings) -> dict[str, Channel]:
    if settings.smtp_url is None:
        return {}
    from flask_mlmonitor.channels.mail import Mail

    return {"email": Mail(settings.smtp_url, settings.email_to)}


def _pagerduty(settings: Settings) -> dict[str, Channel]:
    if settings.pagerduty_routing_key is None:
        return {}
    from flask_mlmonitor.channels.pagerduty import PagerDuty

    return {"pagerduty": PagerDuty(settings.pagerduty_routing_key)}


def _webhook(settings: Settings) -> dict[str, Channel]:
    if settings.webhook_url is None:
        return {}
    from flask_mlmonitor.channels.webhook import Webhook

    return {"webhook": Webhook(settings.webhook_url, settings.webhook_secret)}


def _alertmanager(settings: Settings) -> dict[str, Channel]:
    if settings.alertmanager_url is None:
        return {}
    from flask_mlmonitor.channels.alertmanager import Alertmanager

    return {"alertmanager": Alertmanager(settings.alertmanager_url, settings.runbook_url)}


def _others(settings: Settings) -> dict[str, Channel]:
    if not settings.apprise_urls:
        return {}
    if find_spec("apprise") is None:
        remedy = "install Apprise: pip install 'flask-mlmonitor[apprise]'"
        raise ConfigError("MLMONITOR_APPRISE_URLS", "(not shown)", remedy)
    from flask_mlmonitor.channels.other import Other

    return {
        "apprise" if number == 1 else f"apprise-{number}": Other(url)
        for number, url in enumerate(settings.apprise_urls, 1)
    }
