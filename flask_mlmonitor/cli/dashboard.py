"""``flask mlmonitor dashboard``."""

from pathlib import Path

import click

from flask_mlmonitor.cli.group import cli, state_of_app
from flask_mlmonitor.dashboards import dashboards_for


@cli.command("dashboard")
@click.option("-o", "--output", type=click.Path(file_okay=False, path_type=Path),
              default=Path("grafana"), show_default=True, help="The folder.")  # fmt: skip
def dashboard(output: Path) -> None:
    """Write the dashboards for Grafana 10 to 13, with the names and limits of the app's metrics.

    Example: flask --app service mlmonitor dashboard -o /var/lib/grafana/dashboards
    """
    found = dashboards_for(state_of_app().settings)
    try:
        output.mkdir(parents=True, exist_ok=True)
        for name, text in found.items():
            (output / name).write_text(text, encoding="utf-8")
            click.echo(output / name)
    except OSError as error:
        raise click.ClickException(f"{error.filename or output}: {error.strerror}") from None
