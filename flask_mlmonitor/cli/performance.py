"""``flask mlmonitor performance``."""

import json
from collections.abc import Iterator, Mapping, Sequence

import click
import msgspec

from flask_mlmonitor.cli.group import cli, runtime_of_app
from flask_mlmonitor.cli.tables import print_table
from flask_mlmonitor.exceptions import MLMonitorError
from flask_mlmonitor.stats.verdicts.evaluation import Evaluation
from flask_mlmonitor.stats.verdicts.harm import ESTIMATED
from flask_mlmonitor.store.results import read_latest, read_latest_measured


@cli.command("performance")
@click.argument("model", required=False)
@click.option("--window", help="Only of this one, such as 24h.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
def performance(model: str | None, window: str | None, as_json: bool) -> None:
    """Show how well MODEL does, its versions side by side; all models by default.

    Of each window the last one with enough ground truth, or else the last one; in brackets, the
    95 % interval.

    Example: flask --app service mlmonitor performance fraud
    """
    database = runtime_of_app().database
    try:
        database.prepare()
        measured, latest = read_latest_measured(database), read_latest(database)
    except MLMonitorError as error:
        raise click.ClickException(f"The store cannot be read: {error}") from None
    found = {_key(one): one for one in (*latest, *measured)}
    chosen = [
        one for one in found.values() if model in (None, one.model) and window in (None, one.window)
    ]
    if not chosen:
        whose = " over ".join(filter(None, (model or "any model", window)))
        raise click.ClickException(
            f"Nothing is known of {whose} yet: wait for the end of the first window, or run "
            "`flask mlmonitor evaluate`."
        )
    chosen.sort(key=lambda one: (one.model, one.end - one.start, one.version))
    if as_json:
        click.echo(json.dumps(msgspec.to_builtins(chosen), indent=2))
        return
    side_by_side: dict[tuple[str, str], list[Evaluation]] = {}
    for one in chosen:
        side_by_side.setdefault((one.model, one.window), []).append(one)
    for (name, window), versions in side_by_side.items():
        click.echo(f"{name}, {window}")
        heads = ("", *(f"version {one.version}" for one in versions))
        print_table(heads, list(_rows(versions)))


def _key(one: Evaluation) -> tuple[str, str, str]:
    return one.model, one.version, one.window


def _rows(versions: Sequence[Evaluation]) -> Iterator[tuple[str, ...]]:
    yield "until", *(f"{one.end:%Y-%m-%d %H:%M}" for one in versions)
    yield "predictions", *(str(one.n) for one in versions)
    yield "with ground truth", *map(_known, versions)
    for name in {name: None for one in versions for name in {**one.performance, **one.estimated}}:
        measured = [_value(name, one.performance, one.intervals) for one in versions]
        estimated = [_value(name, one.estimated, one.estimated_intervals) for one in versions]
        for title, values in ((name, measured), (f"{ESTIMATED}{name}", estimated)):
            if any(values):
                yield title, *values
    yield "verdict", *(one.verdict.severity for one in versions)


def _known(one: Evaluation) -> str:
    return "" if one.coverage is None else f"{one.labelled} ({one.coverage:.0%})"


def _value(
    name: str,
    figures: Mapping[str, float],
    intervals: Mapping[str, tuple[float, float]],
) -> str:
    if name not in figures:
        return ""
    value = f"{figures[name]:.4g}"
    return value + " ({:.3g} to {:.3g})".format(*intervals[name]) if name in intervals else value
