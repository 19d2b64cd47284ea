"""``flask mlmonitor alerts``."""

import json

import click
import msgspec
from flask.cli import with_appcontext

from flask_mlmonitor import _checking as checking
from flask_mlmonitor._quantities import Unreadable, seconds
from flask_mlmonitor.alerts.alert import Alert
from flask_mlmonitor.alerts.rule import MONITOR
from flask_mlmonitor.cli.group import cli, runtime_of_app, state_of_app
from flask_mlmonitor.cli.tables import print_table
from flask_mlmonitor.clock import as_datetime, now
from flask_mlmonitor.exceptions import ConfigError, MLMonitorError
from flask_mlmonitor.store.alerting import (
    acknowledge,
    end_silence,
    read_alerts,
    read_silences,
)
from flask_mlmonitor.store.outbox import Entry, read_outbox


@cli.group("alerts", invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
@with_appcontext
def alerts(as_json: bool) -> None:
    """Show the alerts that have fired and are not over; acknowledge or silence some.

    Example: flask --app service mlmonitor alerts
    """
    if click.get_current_context().invoked_subcommand is not None:
        return
    database = runtime_of_app().database
    try:
        database.prepare()
        found = read_alerts(database, state_of_app().name)
    except MLMonitorError as error:
        raise click.ClickException(f"The store cannot be read: {error}") from None
    if as_json:
        click.echo(json.dumps(msgspec.to_builtins(found), indent=2))
    elif found:
        rows = [
            (one.id, one.severity, f"{one.since:%Y-%m-%d %H:%M}", _whose(one), one.message)
            for one in found
        ]
        print_table(("id", "severity", "since (UTC)", "model", "what"), rows)
    else:
        click.echo("No alert is active.")


def _whose(alert: Alert) -> str:
    return "the monitor" if alert.model == MONITOR else f"{alert.model} {alert.version}"


@alerts.command("acknowledge")
@click.argument("alert_id")
def acknowledge_alert(alert_id: str) -> None:
    """Say that somebody knows of an alert: it is not repeated unless it becomes worse.

    Example: flask --app service mlmonitor alerts acknowledge 1f0c5e9a2b7d4c6e8f90a1b2
    """
    database = runtime_of_app().database
    try:
        database.prepare()
        alert = acknowledge(database, state_of_app().name, alert_id)
    except MLMonitorError as error:
        raise click.ClickException(f"The store cannot be used: {error}") from None
    if alert is None:
        raise click.ClickException(f"no alert {alert_id} is active")
    click.echo(f"Acknowledged: {alert.message}")


@alerts.command("silence")
@click.argument("duration")
@click.option("--model", help="Of which model; of all by default.")
@click.option("--version", help="Of which version.")
@click.option("--metric", help="About which figure, such as data_drift.")
@click.option("--feature", help="About which feature.")
@click.option("--why", default="", help="A few words for people.")
def silence(duration: str, why: str, **matched: str | None) -> None:
    """Let nobody be told of some alerts for DURATION; they are there all the same.

    Example: flask --app service mlmonitor alerts silence 2h --model fraud --why "a release"
    """
    runtime_of_app()
    try:
        lasts = seconds(duration)
    except Unreadable as unreadable:
        raise click.BadParameter(str(unreadable), param_hint="DURATION") from None
    try:
        found = checking.silence(state_of_app(), lasts, why=why, **matched)
    except ConfigError as error:
        raise click.BadParameter(str(error)) from None
    except MLMonitorError as error:
        raise click.ClickException(f"The store cannot be used: {error}") from None
    click.echo(f"Silent until {as_datetime(found.until):%Y-%m-%d %H:%M} UTC: {found.id}")


@alerts.command("silences")
def silences() -> None:
    """Show the silences that hold now.

    Example: flask --app service mlmonitor alerts silences
    """
    try:
        database = runtime_of_app().database
        database.prepare()
        found = read_silences(database, state_of_app().name, now())
    except MLMonitorError as error:
        raise click.ClickException(f"The store cannot be read: {error}") from None
    if not found:
        click.echo("Nothing is silenced.")
        return
    rows = [
        (
            one.id,
            f"{as_datetime(one.until):%Y-%m-%d %H:%M}",
            " ".join(filter(None, (one.model, one.version, one.metric, one.feature))) or "all",
            one.why,
        )
        for one in found
    ]
    print_table(("id", "until (UTC)", "of", "why"), rows)


@alerts.command("unsilence")
@click.argument("silence_id")
def unsilence(silence_id: str) -> None:
    """End a silence before its time.

    Example: flask --app service mlmonitor alerts unsilence 5f0c2e9a-7d1b-4c6e-8f90-a1b2c3d4e5f6
    """
    try:
        database = runtime_of_app().database
        database.prepare()
        ended = end_silence(database, state_of_app().name, silence_id)
    except MLMonitorError as error:
        raise click.ClickException(f"The store cannot be used: {error}") from None
    if not ended:
        raise click.ClickException(f"there is no silence {silence_id}")
    click.echo("It is over.")


@alerts.command("messages")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
def messages(as_json: bool) -> None:
    """Show what became of the last messages: waiting, delivered, or dead, and why.

    Example: flask --app service mlmonitor alerts messages
    """
    database = runtime_of_app().database
    try:
        database.prepare()
        found = read_outbox(database, state_of_app().name)
    except MLMonitorError as error:
        raise click.ClickException(f"The store cannot be read: {error}") from None
    if as_json:
        click.echo(json.dumps([one._asdict() for one in found], indent=2))
    elif found:
        heads = ("made (UTC)", "channel", "what", "about", "state", "tries", "last outcome")
        print_table(heads, [_message_row(one) for one in found])
    else:
        click.echo("There are no messages.")


def _message_row(one: Entry) -> tuple[str, ...]:
    made = f"{as_datetime(one.created):%Y-%m-%d %H:%M}"
    outcome = ": ".join(filter(None, (one.outcome, one.detail)))
    return made, one.channel, one.action, one.key, one.state, str(one.attempts), outcome
