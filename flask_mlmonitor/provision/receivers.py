"""Whom Alertmanager tells: the channels of the app's routes, as far as it has them too."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from flask_mlmonitor.config import Settings

SLACK: Final = "slack_webhook_url"
SLACK_CRITICAL: Final = "slack_webhook_url_critical"
PAGERDUTY: Final = "pagerduty_routing_key"
PASSWORD: Final = "smtp_password"
_ONLY_APP: Final = ("webhook", "apprise")


class Letters(NamedTuple):
    """How mail is sent.

    :param user: whether the server asks for one.
    """

    to: str
    sender: str
    host: str
    user: bool


class Receiver(NamedTuple):
    """Who is told of alerts of a severity.

    :param slack: the file with the webhook's URL.
    :param without: channels of the route that Alertmanager does not use, and why.
    """

    name: str
    slack: str | None
    pagerduty: bool
    mail: Letters | None
    without: tuple[str, ...]

    @property
    def files(self) -> Iterator[str]:
        """The files of secrets that it reads."""
        if self.slack is not None:
            yield self.slack
        if self.pagerduty:
            yield PAGERDUTY
        if self.mail is not None and self.mail.user:
            yield PASSWORD


def receivers(settings: Settings) -> list[Receiver]:
    """Return those of warnings and of critical alerts."""
    return [
        _receiver("warning", settings.alert_route_warning, settings),
        _receiver("critical", settings.alert_route_critical, settings),
    ]


def _receiver(name: str, route: tuple[str, ...], settings: Settings) -> Receiver:
    configured = {
        "slack": bool(settings.slack_webhook_url or settings.slack_webhook_url_critical),
        "pagerduty": settings.pagerduty_routing_key is not None,
        "email": settings.smtp_url is not None,
    }
    use = {channel: channel in route and there for channel, there in configured.items()}
    own = name == "critical" or not settings.slack_webhook_url
    slack = SLACK_CRITICAL if own and settings.slack_webhook_url_critical else SLACK
    return Receiver(
        name,
        slack=slack if use["slack"] else None,
        pagerduty=use["pagerduty"],
        mail=_letters(settings) if use["email"] else None,
        without=(
            *(f"{one}: not configured" for one in route if configured.get(one) is False),
            *(f"{one}: only the app can send it" for one in route if one in _ONLY_APP),
        ),
    )


def _letters(settings: Settings) -> Letters | None:
    if settings.smtp_url is None:
        return None
    from flask_mlmonitor.channels.mail import Mail  # not for everybody who starts the app

    mail = Mail(settings.smtp_url, settings.email_to)
    to = ", ".join(settings.email_to)
    return Letters(to, mail.sender, f"{mail.host}:{mail.port}", user=mail.has_user)
