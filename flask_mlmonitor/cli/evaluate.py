"""``flask mlmonitor evaluate``."""

import json

import click
import msgspec

from flask_mlmonitor._evaluations import evaluate_now
from flask_mlmonitor.cli.group import cli, runtime_of_app, state_of_app
from flask_mlmonitor.cli.moments import WRITTEN, Moment
from flask_mlmonitor.clock import as_datetime
from flask_mlmonitor.exceptions import MLMonitorError


@cli.command("evaluate")
@click.option("--model", help="Only this one of the app's models.")
@click.option("--at", type=Moment(), help=f"As of when: {WRITTEN}; now, if not set.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
def evaluate(model: str | None, at: float | None, as_json: bool) -> None:
    """Judge every window of the app's models now, and store the results.

    The elected process does so by itself, each time the shortest window ends.

    Example: flask --app service mlmonitor evaluate --model fraud
    """
    runtime_of_app()
    moment = None if at is None else as_datetime(at)
    try:
        found = evaluate_now(state_of_app(), model, moment)
    except MLMonitorError as error:
        raise click.ClickException(str(error)) from None
    if as_json:
        click.echo(json.dumps(msgspec.to_builtins(found), indent=2))
        return
    for one in found:
        until = f"{one.end:%Y-%m-%d %H:%M} UTC"
        click.echo(f"{one.model} {one.version}, {one.window} until {until}: {one.verdict.severity}")
        click.echo(f"  {one.verdict.text}")
