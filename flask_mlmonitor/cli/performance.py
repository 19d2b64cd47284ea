"""``flask mlmonitor performance``."""

import json
from collections.abc import Iterable, Mapping
from typing import Final

import click
import msgspec

from flask_mlmonitor.cli.group import cli, runtime_of_app
from flask_mlmonitor.cli.tables import print_table
from flask_mlmonitor.exceptions import MLMonitorError
from flask_mlmonitor.stats.evaluation import Evaluation
from flask_mlmonitor.store.results import read_latest, read_latest_measured

_HEADS: Final = ("model", "version", "window", "until", "predictions", "known", "figure")
_VALUES: Final = ("measured", "95 %", "estimated", "95 %")


@cli.command("performance")
@click.argument("model", required=False)
@click.option("--window", help="Only of this one, such as 24h.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
def performance(model: str | None, window: str | None, as_json: bool) -> None:
    """Show how well MODEL does, its versions side by side; all models by default.

    Of each window the last one with enough ground truth, or else the last one.

    Example: flask --app service mlmonitor performance fraud
    """
    database = runtime_of_app().database
    try:
        database.prepare()
        measured, latest = read_latest_measured(database), read_latest(database)
    except MLMonitorError as error:
        raise click.ClickException(f"The store cannot be read: {error}") from None
    found = {_key(one): one for one in (*latest, *measured)}
    chosen = [one for one in found.values() if model in (None, one.model)]
    if window is not None:
        chosen = [one for one in chosen if one.window == window]
    if not chosen:
        raise click.ClickException(
            f"Nothing is known of {model or 'any model'} yet: wait for the end of the first "
            "window, or run `flask mlmonitor evaluate`."
        )
    chosen.sort(key=lambda one: (one.model, one.end - one.start, one.version))
    if as_json:
        click.echo(json.dumps(msgspec.to_builtins(chosen), indent=2))
    else:
        print_table((*_HEADS, *_VALUES), [row for one in chosen for row in _rows(one)])


def _key(one: Evaluation) -> tuple[str, str, str]:
    return one.model, one.version, one.window


def _rows(one: Evaluation) -> Iterable[tuple[str, ...]]:
    known = "-" if one.coverage is None else f"{one.labelled} ({one.coverage:.0%})"
    heads: tuple[str, ...] = (*_key(one), f"{one.end:%Y-%m-%d %H:%M}", str(one.n), known)
    for name in {**one.performance, **one.estimated}:
        yield (
            *heads,
            name,
            *_values(name, one.performance, one.intervals),
            *_values(name, one.estimated, one.estimated_intervals),
        )
        heads = ("",) * len(heads)


def _values(
    name: str,
    figures: Mapping[str, float],
    intervals: Mapping[str, tuple[float, float]],
) -> tuple[str, str]:
    value = f"{figures[name]:.4g}" if name in figures else "-"
    return value, "{:.3g} to {:.3g}".format(*intervals[name]) if name in intervals else "-"
