"""``flask mlmonitor doctor``."""

import json
from collections import Counter
from dataclasses import asdict

import click

from flask_mlmonitor.cli.group import cli, state_of_app
from flask_mlmonitor.doctor.examination import examine
from flask_mlmonitor.doctor.findings import LEVELS

_COLORS = {"error": "red", "warning": "yellow", "info": "cyan"}


@cli.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
def doctor(as_json: bool) -> None:
    """Look for what commonly goes wrong, and say what to do about it.

    It looks at this host from outside of the app's processes and changes nothing; run it as the
    app's user. It ends with 1 if something does not work; warnings alone end it with 0.

    Example: flask --app service mlmonitor doctor
    """
    found = examine(state_of_app())
    counts = Counter(finding.level for _, finding in found)
    if as_json:
        findings = [{"check": check, **asdict(finding)} for check, finding in found]
        summary = {level: counts[level] for level in LEVELS}
        click.echo(json.dumps({"findings": findings, "counts": summary}, indent=2))
    else:
        for check, finding in found:
            level = click.style(f"{finding.level:<8}", fg=_COLORS[finding.level])
            click.echo(f"{level}{check}: {finding.problem}\n        {finding.remedy}")
        click.echo(", ".join(f"{level} {counts[level]}" for level in LEVELS))
    if counts["error"]:
        click.get_current_context().exit(1)
