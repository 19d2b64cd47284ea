"""``flask mlmonitor worker``."""

import os
import signal
import time
from typing import Final

import click

from flask_mlmonitor.cli.group import cli, runtime_of_app, state_of_app

NICENESS: Final = 10
"""How far the worker steps back behind the web workers where they want the same core."""


@cli.command("worker")
def worker() -> None:
    """Drain the journal, evaluate and tell of alerts in this process, until it is told to stop.

    Set MLMONITOR_BACKGROUND=external, so that the web workers leave it all to this one. It runs at
    a low priority: where the cores are busy, requests come first.

    Example: flask --app service mlmonitor worker
    """
    runtime = runtime_of_app()
    told: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _: told.append(number))
    if state_of_app().settings.background != "external":
        click.echo(
            "MLMONITOR_BACKGROUND is not 'external': the web workers stand for election too.",
            err=True,
        )
    os.nice(NICENESS)
    runtime.work()
    click.echo(f"Draining {runtime.spool.path} into the store.", err=True)
    while not told:  # the handler stops nothing: it may interrupt whoever holds a lock
        time.sleep(0.25)
    runtime.close()
