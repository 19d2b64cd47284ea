"""``flask mlmonitor status``."""

import json
from typing import Any

import click

from flask_mlmonitor._app import AppState
from flask_mlmonitor.cli.group import cli, runtime_of_app, state_of_app
from flask_mlmonitor.counters.cells import Owner
from flask_mlmonitor.exceptions import MLMonitorError
from flask_mlmonitor.metrics import take_snapshot
from flask_mlmonitor.store.reading import (
    count_by_status,
    count_dead_letters,
    count_pending,
    read_totals,
)


@cli.command("status")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
def status(as_json: bool) -> None:
    """Show what is stored, what waits, and what this host counted.

    Example: flask --app service mlmonitor status
    """
    state = state_of_app()
    found = _status(state)
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    for model in found["models"]:
        click.echo(f"{model['model']} {model['version']}")
        for name, value in model.items():
            if name not in ("model", "version"):
                click.echo(f"  {name.replace('_', ' '):<24}{_shown(value)}")
    for name in ("pending_ground_truth", "dead_letters", "journal_bytes", "drain_lag_seconds"):
        click.echo(f"{name.replace('_', ' '):<26}{found[name]}")
    click.echo(f"{'store':<26}{found['store']}")


def _status(state: AppState) -> dict[str, Any]:
    runtime = runtime_of_app()
    database = runtime.database
    try:
        database.prepare()
        by_status = count_by_status(database)
        backlog = runtime.drain.backlog()
        models = []
        snapshot = take_snapshot(state)
        for total in read_totals(database):
            owner = Owner(total.model, total.version)
            models.append(
                {
                    "model": total.model,
                    "version": total.version,
                    "predictions": total.predictions,
                    **by_status.get(owner, {}),
                    "ground_truth": total.ground_truth,
                    "coverage": total.coverage,
                    "requests_per_second": snapshot.rates.get(owner, 0.0),
                }
            )
        return {
            "models": models,
            "pending_ground_truth": count_pending(database),
            "dead_letters": count_dead_letters(database),
            "journal_bytes": backlog.size,
            "drain_lag_seconds": backlog.lag,
            "store": database.name,
        }
    except MLMonitorError as error:
        raise click.ClickException(f"The store cannot be read: {error}") from None


def _shown(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}" if isinstance(value, float) else str(value)
