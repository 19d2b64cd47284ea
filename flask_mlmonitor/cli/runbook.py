"""``flask mlmonitor runbook``."""

from pathlib import Path

import click

from flask_mlmonitor.cli.group import cli, state_of_app
from flask_mlmonitor.cli.writing import write
from flask_mlmonitor.exceptions import MLMonitorError
from flask_mlmonitor.provision.markdown import runbook as written


@cli.command("runbook")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path),
              help="The file to write; the standard output, if not set.")  # fmt: skip
def runbook(output: Path | None) -> None:
    """Write what each alert means, how soon to look and what to do, as Markdown.

    With the thresholds in force. The app shows the same at /mlmonitor/runbook.

    Example: flask --app service mlmonitor runbook -o RUNBOOK.md
    """
    try:
        text = written(state_of_app())
    except MLMonitorError as error:
        raise click.ClickException(str(error)) from None
    write(text, output)
