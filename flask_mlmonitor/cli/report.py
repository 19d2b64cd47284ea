"""``flask mlmonitor report``."""

from pathlib import Path

import click

from flask_mlmonitor.cli.group import cli, only_version, runtime_of_app, state_of_app
from flask_mlmonitor.cli.moments import WRITTEN, Moment
from flask_mlmonitor.cli.writing import write
from flask_mlmonitor.exceptions import MLMonitorError
from flask_mlmonitor.views.choosing import Unknown
from flask_mlmonitor.web.report import report as written


@cli.command("report")
@click.argument("model")
@click.option("--version", help="Which version; may be left out where there is one.")
@click.option("--window", help="Such as 24h; the longest that was judged, if not set.")
@click.option(
    "--until",
    type=Moment(),
    help=f"The one that had ended last by this time: {WRITTEN}; by now, if not set.",
)
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path),
              help="The file to write; the standard output, if not set.")  # fmt: skip
def report(
    model: str,
    version: str | None,
    window: str | None,
    until: float | None,
    output: Path | None,
) -> None:
    """Write what is known of MODEL as one HTML file: verdict, alerts, performance, drift, quality.

    It opens in any browser, without a server and without the internet: mail it, or keep it.

    Example: flask --app service mlmonitor report fraud --until 2026-05-28 -o fraud.html
    """
    runtime_of_app()
    state = state_of_app()
    try:
        text = written(state, model, version or only_version(model), window, until)
    except (MLMonitorError, Unknown) as error:
        raise click.ClickException(str(error)) from None
    write(text, output)
