"""The one command: train, serve, replay with late ground truth, and sum up."""

import signal
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from .callers import Troubles
from .files import DIRECTORY
from .run import Plan, run
from .server import ServerError

SHARE = click.FloatRange(0, 1)


@click.command(context_settings={"show_default": True})
@click.option("--dir", "directory", default=DIRECTORY, help="Folder for every file.")
@click.option("--seconds", default=60.0, help="Length of the replay.")
@click.option("--patience", default=90.0, help="How much longer for alerts that end soon.")
@click.option("--day-seconds", default=4.0, help="Length of one of its days.")
@click.option("--start", default="2013-07-01", type=click.DateTime(["%Y-%m-%d"]), help="First day.")
@click.option("--connections", default=8, help="Connections of the replay.")
@click.option("--workers", default=2, help="Workers of gunicorn.")
@click.option("--port", default=8000, help="Port of the service.")
@click.option("--keep", is_flag=True, help="Go on serving after the replay.")
@click.option("--malformed", default=0.01, type=SHARE, help="Share of absurd requests.")
@click.option("--nulls", default=0.0, type=SHARE, help="Share of flights without weather.")
@click.option("--broken-sensor", default=0.0, type=SHARE, help="Share of temperatures in Celsius.")
@click.option("--outage", default=5.0, help="Seconds during which the model raises.")
@click.option("--flood", default=1, help="How often each flight is sent.")
def main(*, directory: str, start: datetime, keep: bool, **options: Any) -> None:
    """Train a model on the flights of January 2013, serve it under gunicorn, and replay later
    flights against it, whose outcomes come in hours later.

    Nulls, broken sensors, outage and flood happen in the middle third of the replay. What is
    told of them comes to a webhook of this program, which prints it.
    """
    for number in (signal.SIGHUP, signal.SIGTERM):
        # As after Ctrl-C: the server is stopped on the way out.
        signal.signal(number, lambda received, _: sys.exit(128 + received))
    troubles = Troubles(**{name: options.pop(name) for name in Troubles.__slots__})
    plan = Plan(directory=Path(directory).absolute(), start=start, troubles=troubles, **options)
    try:
        agrees = run(plan, keep=keep)
    except (FileNotFoundError, ServerError) as error:
        raise click.ClickException(str(error)) from error
    sys.exit(0 if agrees else 1)


if __name__ == "__main__":
    main(prog_name="python -m example_service")
