"""``flask mlmonitor rules``."""

import json
from pathlib import Path

import click

from flask_mlmonitor.cli.group import cli, state_of_app
from flask_mlmonitor.cli.writing import write
from flask_mlmonitor.exceptions import MLMonitorError
from flask_mlmonitor.provision.prometheus import rule_file


@cli.command("rules")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path),
              help="The file to write; the standard output, if not set.")  # fmt: skip
@click.option("--job", help="Only for the series of this job of Prometheus; for all by default.")
def rules(output: Path | None, job: str | None) -> None:
    """Write recording and alerting rules for Prometheus, with this app's thresholds.

    They are JSON, which Prometheus takes as well as YAML, from version 2.42 on. Write them anew
    when a threshold, a model or a baseline has changed.

    Example: flask --app service mlmonitor rules -o mlmonitor.rules.json
    """
    try:
        found = rule_file(state_of_app(), job)
    except MLMonitorError as error:
        raise click.ClickException(str(error)) from None
    write(json.dumps(found, indent=2, ensure_ascii=False) + "\n", output)
