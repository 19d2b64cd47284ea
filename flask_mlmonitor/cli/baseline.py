"""``flask mlmonitor baseline``."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import click
import msgspec
from flask.cli import AppGroup

from flask_mlmonitor.cli.group import cli, only_version, runtime_of_app
from flask_mlmonitor.exceptions import MLMonitorError
from flask_mlmonitor.stats.baselines.baseline import Baseline
from flask_mlmonitor.stats.baselines.learning import Example, learned
from flask_mlmonitor.store.database import Database
from flask_mlmonitor.store.exporting import Selection, read_pages

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
@click.option(
    "--categorical", multiple=True, help="A column of numbers that are categories; may be repeated."
)
@click.option("--exclude", multiple=True, help="A column that is not a feature; may be repeated.")
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


@group.command("learn")
@click.argument("model")
@click.option("--version", help="Which version; may be left out where there is one.")
@click.option("--rows", default=5000, show_default=True, help="How many predictions to learn from.")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file to write, JSON; the standard output, if not set.",
)
def learn_baseline(model: str, version: str | None, rows: int, output: Path | None) -> None:
    """Build a baseline of the first predictions that are stored of a model.

    For a model whose training data is out of reach: what came first then counts as normal. Look at
    the file before you use it.

    Example: flask --app service mlmonitor baseline learn fraud --rows 10000 -o baseline.json
    """
    database = runtime_of_app().database
    version = version or only_version(model)
    try:
        baseline = learned(_examples(database, model, version), rows=rows)
        if output is None:
            click.echo(baseline.to_json())
            return
        baseline.save(output)
    except MLMonitorError as error:
        raise click.ClickException(f"{model} {version}: {error}") from None
    except OSError as error:
        raise click.ClickException(f"{output}: {error.strerror}") from None
    click.echo(f"{output}: {len(baseline.features)} features, {baseline.n} rows")


def _examples(database: Database, model: str, version: str) -> Iterator[Example]:
    selection = Selection(model=model, version=version, statuses=("success",))
    for page in read_pages(database, selection):
        for one in page:
            if one.prediction is not None:
                yield Example(
                    msgspec.json.decode(one.features), msgspec.json.decode(one.prediction)
                )
