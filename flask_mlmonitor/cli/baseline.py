"""``flask mlmonitor baseline``."""

from pathlib import Path
from typing import Any, Final

import click
from flask.cli import AppGroup

from flask_mlmonitor.cli.group import cli
from flask_mlmonitor.exceptions import MLMonitorError
from flask_mlmonitor.stats.baseline import Baseline

group: Final = AppGroup("baseline", help="Baselines: what the data looked like in training.")
cli.add_command(group)


@group.command("build", with_appcontext=False)
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
