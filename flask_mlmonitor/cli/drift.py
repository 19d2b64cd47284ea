"""``flask mlmonitor drift``."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import click
import msgspec

from flask_mlmonitor.cli.group import cli
from flask_mlmonitor.cli.tables import print_table
from flask_mlmonitor.exceptions import MLMonitorError
from flask_mlmonitor.stats.baselines.baseline import Baseline
from flask_mlmonitor.stats.baselines.sources import Parquet, source_of
from flask_mlmonitor.stats.drift.comparing import MIN_SAMPLES, FeatureDrift
from flask_mlmonitor.stats.drift.distances import Distance

DRIFTED: Final = 3
"""The exit status with ``--fail`` when a feature has drifted significantly."""

_FILE: Final = click.Path(exists=True, dir_okay=False, path_type=Path)
_HEADS: Final = ("feature", "kind", "status", "PSI", "needed", "p", "KS", "rows")


@cli.command("drift", with_appcontext=False)
@click.argument("reference", type=_FILE)
@click.argument("current", type=_FILE)
@click.option("--fail", is_flag=True, help="Exit with 3 when a feature has drifted significantly.")
@click.option("--alarm-budget", default="1/month", show_default=True,
              help="How often an hourly check may be wrong.")  # fmt: skip
@click.option("--min-samples", default=MIN_SAMPLES, show_default=True,
              help="How many rows each file needs.")  # fmt: skip
@click.option(
    "--categorical", multiple=True, help="A column of numbers that are categories; may be repeated."
)
@click.option("--exclude", multiple=True, help="A column that is not a feature; may be repeated.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
def drift(
    reference: Path,
    current: Path,
    fail: bool,
    alarm_budget: str,
    min_samples: int,
    as_json: bool,
    **options: Any,
) -> None:
    """Compare two files, CSV or Parquet; REFERENCE may be a baseline, JSON.

    A feature has drifted when its PSI is at least 0.1 (moderate) or 0.2 (significant) and chance
    does not explain it: "needed" is the PSI that chance would not reach at these sizes.

    Example: flask mlmonitor drift train.csv production.csv --fail
    """
    try:
        baseline = _baseline(reference, options)
        found = baseline.drift_of(
            source_of(current), alarm_budget=alarm_budget, min_samples=min_samples
        )
    except (MLMonitorError, ValueError) as error:
        raise click.ClickException(str(error)) from None
    if as_json:
        click.echo(json.dumps(msgspec.to_builtins(dict(found)), indent=2))
    else:
        _print(found)
    if fail and any(one.status == "significant" for one in found.values()):
        raise click.exceptions.Exit(DRIFTED)


def _baseline(path: Path, options: Mapping[str, Any]) -> Baseline:
    if path.suffix == ".json":
        return Baseline.load(path)
    if isinstance(source_of(path), Parquet):
        return Baseline.from_parquet(path, **options)
    return Baseline.from_csv(path, **options)


def _print(found: Mapping[str, FeatureDrift]) -> None:
    worst_first = sorted(found.items(), key=lambda item: -float(item[1].psi or 0))
    print_table(_HEADS, [_row(name, one) for name, one in worst_first])
    counts = {status: 0 for status in ("significant", "moderate", "stable", "not_enough_data")}
    for one in found.values():
        counts[one.status] += 1
    said = ", ".join(f"{n} {status.replace('_', ' ')}" for status, n in counts.items() if n)
    click.echo(f"\n{len(found)} features: {said}")


def _row(name: str, one: FeatureDrift) -> tuple[str, ...]:
    return (
        name,
        one.kind,
        one.status.replace("_", " "),
        _score(one.psi),
        "-" if one.psi is None else f"{one.psi.critical:.3f}",
        "-" if one.chi_square is None else f"{one.chi_square.p_value:.2g}",
        _score(one.ks),
        f"{one.n_expected} / {one.n_observed}",
    )


def _score(distance: Distance | None) -> str:
    return "-" if distance is None else f"{distance.score:.3f}"
