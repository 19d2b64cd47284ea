"""``flask mlmonitor prune``."""

import json
from collections import Counter

import click

from flask_mlmonitor.cli.group import cli, runtime_of_app, state_of_app
from flask_mlmonitor.cli.progress import progress
from flask_mlmonitor.clock import as_datetime, now
from flask_mlmonitor.exceptions import StoreError
from flask_mlmonitor.store.database import Database
from flask_mlmonitor.store.levels import DAY
from flask_mlmonitor.store.pruning import Deletion, outlived


@cli.command("prune")
@click.option("--older-than", type=click.IntRange(1), metavar="DAYS",
              help="How old they must be; MLMONITOR_RETENTION_DAYS, if not set.")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
def prune(older_than: int | None, dry_run: bool, as_json: bool) -> None:
    """Delete the rows whose retention is over; rollups and totals stay.

    The elected process does so every hour. This command is for another age, for a cron job, or to
    see what would go. It deletes in small parts: the monitor works on meanwhile.

    Example: flask --app service mlmonitor prune --older-than 7 --dry-run
    """
    days = older_than or state_of_app().settings.retention_days
    before = now() - days * DAY
    try:
        found = _prune(runtime_of_app().database, before, dry_run=dry_run)
    except StoreError as error:
        raise click.ClickException(f"The store cannot be used: {error}") from None
    time = as_datetime(before).isoformat(timespec="seconds")
    if as_json:
        document = {"before": time, "dry_run": dry_run, "deleted": found}
        click.echo(json.dumps(document, indent=2))
        return
    click.echo(f"{'Would be deleted' if dry_run else 'Deleted'}, from before {time}:")
    for what, number in found.items():
        click.echo(f"  {what.replace('_', ' '):<24}{number}")


def _prune(database: Database, before: float, *, dry_run: bool) -> dict[str, int]:
    database.prepare()
    deletions = outlived(database, before)
    if dry_run:
        return _by_name(deletions, [deletion.count(database) for deletion in deletions])
    total = sum(deletion.count(database) for deletion in deletions)
    deleted: list[int] = []
    with progress("Deleting", total) as show:
        for deletion in deletions:
            deleted.append(0)
            while part := deletion.delete(database):
                deleted[-1] += part
                show(sum(deleted))
    return _by_name(deletions, deleted)


def _by_name(deletions: list[Deletion], numbers: list[int]) -> dict[str, int]:
    found: Counter[str] = Counter()
    for deletion, number in zip(deletions, numbers, strict=True):
        found[deletion.what] += number
    return dict(found)
