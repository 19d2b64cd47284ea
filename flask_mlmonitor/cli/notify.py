"""``flask mlmonitor notify``."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import click
from msgspec import structs

from flask_mlmonitor.alerts.alert import Alert, Notification
from flask_mlmonitor.channels.channel import LIMIT_SECONDS, Channel
from flask_mlmonitor.channels.outcome import Outcome
from flask_mlmonitor.cli.group import cli, state_of_app
from flask_mlmonitor.exceptions import one_of


@cli.command("notify")
@click.argument("names", nargs=-1, metavar="[CHANNEL]...")
def notify(names: Sequence[str]) -> None:
    """Send a trial alert to the app's channels, or to some of them, and its end.

    Example: flask --app service mlmonitor notify slack email
    """
    state = state_of_app()
    for name in names:
        if name not in state.channels:
            raise click.ClickException(f"{name!r} is not {one_of(state.channels)}")
    failed = []
    for name in names or state.channels:
        outcome = _try(state.channels[name], state.name)
        click.echo(f"{name:<16}{outcome.reason}{f': {outcome.detail}' * bool(outcome.detail)}")
        if not outcome.delivered:
            failed.append(name)
    if failed:
        raise click.ClickException(f"not delivered: {', '.join(failed)}")


def _try(channel: Channel, app: str) -> Outcome:
    for notification in _trial(app):
        outcome = channel.send(notification, LIMIT_SECONDS)
        if not outcome.delivered:
            break
    return outcome


def _trial(app: str) -> Iterator[Notification]:
    now = datetime.now(UTC)
    about: dict[str, Any] = {"model": "trial", "version": "1", "severity": "info"}
    alert = Alert(
        id=str(uuid4()),
        metric="trial",
        value=1.0,
        threshold=0.0,
        message="Somebody tried the channels.",
        state="firing",
        since=now,
        **about,
    )
    message = Notification(
        id=str(uuid4()),
        key=f"mlmonitor/{app}/trial",
        action="trigger",
        reason="by_hand",
        family="trial",
        title=f"A trial alert of {app}",
        text="Somebody tried the channels. Nothing is wrong.",
        time=now,
        alerts=(alert,),
        **about,
    )
    yield message
    over: dict[str, Any] = {"action": "resolve", "reason": "resolved", "resolved": (alert,)}
    yield structs.replace(message, id=str(uuid4()), alerts=(), **over)
