"""``flask mlmonitor ...``"""

import json
import signal
import time
from pathlib import Path
from typing import Any

import click
from flask.cli import AppGroup

from flask_mlmonitor._app import AppState, current_state
from flask_mlmonitor.background.runtime import Runtime
from flask_mlmonitor.counters.cells import Owner
from flask_mlmonitor.exceptions import MLMonitorError
from flask_mlmonitor.metrics import take_snapshot
from flask_mlmonitor.stats.baseline import Baseline
from flask_mlmonitor.store.reading import (
    count_by_status,
    count_dead_letters,
    count_pending,
    read_totals,
)

cli = AppGroup("mlmonitor", help="Monitor the models that this app serves.")
baseline_group = AppGroup("baseline", help="Baselines: what the data looked like in training.")
cli.add_command(baseline_group)


@cli.command("worker")
def worker() -> None:
    """Drain the journal in this process, until it is told to stop.

    Set MLMONITOR_BACKGROUND=external, so that the web workers leave it all to this one.

    Example: flask --app service mlmonitor worker
    """
    runtime = _runtime()
    told: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _: told.append(number))
    if _state().settings.background != "external":
        click.echo(
            "MLMONITOR_BACKGROUND is not 'external': the web workers stand for election too.",
            err=True,
        )
    runtime.work()
    click.echo(f"Draining {runtime.spool.path} into the store.", err=True)
    while not told:  # the handler stops nothing: it may interrupt whoever holds a lock
        time.sleep(0.25)
    runtime.close()


@cli.command("status")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
def status(as_json: bool) -> None:
    """Show what is stored, what waits, and what this host counted.

    Example: flask --app service mlmonitor status
    """
    state = _state()
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


@baseline_group.command("build", with_appcontext=False)
@click.argument("data", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file to write, JSON.",
)
@click.option("--target", help="The column with the ground truth; not a feature.")
@click.option("--predictions", help="The column with the model's predictions; not a feature.")
@click.option("--probabilities", help="The column with the model's probabilities; not a feature.")
@click.option("--positive", help="The class whose probability a single number means.")
@click.option("--categorical", multiple=True, help="A column of numbers that are categories.")
@click.option("--exclude", multiple=True, help="A column that is not a feature.")
def build_baseline(data: Path, output: Path, **options: Any) -> None:
    """Build a baseline from training data, CSV or Parquet.

    Example: flask mlmonitor baseline build train.csv -o baseline.json --target late
    """
    read = Baseline.from_parquet if data.suffix == ".parquet" else Baseline.from_csv
    try:
        baseline = read(data, **options)
        baseline.save(output)
    except MLMonitorError as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise click.ClickException(f"{output}: {error.strerror}") from None
    click.echo(f"{output}: {len(baseline.features)} features, {baseline.n} rows")


def _state() -> AppState:
    try:
        return current_state()
    except MLMonitorError as error:
        raise click.ClickException(str(error)) from None


def _runtime() -> Runtime:
    try:
        return _state().runtime
    except MLMonitorError as error:
        raise click.ClickException(str(error)) from None


def _status(state: AppState) -> dict[str, Any]:
    runtime = _runtime()
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
            "store": str(database.path),
        }
    except MLMonitorError as error:
        raise click.ClickException(f"The store cannot be read: {error}") from None


def _shown(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}" if isinstance(value, float) else str(value)
