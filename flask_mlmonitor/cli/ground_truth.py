"""``flask mlmonitor ground-truth``."""

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import dropwhile
from pathlib import Path
from typing import Final

import click
from flask.cli import AppGroup

from flask_mlmonitor._app import AppState
from flask_mlmonitor.cli.group import cli, runtime_of_app, state_of_app
from flask_mlmonitor.cli.progress import progress
from flask_mlmonitor.exceptions import StoreError
from flask_mlmonitor.truth.files import FIRST_LINE, FORMATS, Source, format_of, read_file
from flask_mlmonitor.truth.items import Unreadable
from flask_mlmonitor.truth.recording import Refusal, Summary, record
from flask_mlmonitor.truth.tables import Columns

SOME_REFUSED: Final = 3
"""The exit status when all was read, and some of it refused."""
_SHOWN: Final = 10

group: Final = AppGroup("ground-truth", help="Ground truth: what turned out to be true.")
cli.add_command(group)


@group.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option(
    "--format", "kind", type=click.Choice(FORMATS), help="By the file's ending, if not set."
)
@click.option("--id-column", default="prediction_id", help="The column with our ids.")
@click.option(
    "--external-id-column", default="external_id", help="The column with the callers' ids."
)
@click.option("--value-column", default="value", help="The column with what was true.")
@click.option("--time-column", default="time", help="The column with when it became known.")
@click.option("--row-column", default="row", help="The column with the row in a batch, from 0.")
@click.option("--skip", type=click.IntRange(0), default=0, help="Go on behind so many items.")
@click.option("--rejects", type=click.Path(dir_okay=False, path_type=Path),
              help="A CSV file to write what was refused to: its line, and why.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
def import_ground_truth(
    file: str,
    kind: str | None,
    skip: int,
    rejects: Path | None,
    as_json: bool,
    **columns: str,
) -> None:
    """Record the ground truth in FILE: CSV, NDJSON, a JSON list or Parquet; "-" is the input.

    It ends with 0 when all of it was taken, with 3 when some was refused, and with 1 when it
    could not go on. Running it again is never wrong: what is recorded is only updated.

    Example: flask --app service mlmonitor ground-truth import arrivals.csv --value-column late
    """
    state = _recording_state()
    names = Columns(columns.pop("id_column"), **{
        name.removesuffix("_column"): column for name, column in columns.items()
    })  # fmt: skip
    summary = Summary(end=skip)
    with _explained(file, summary, skip), click.open_file(file, "rb") as opened:
        kind = kind or format_of(Path(file))
        source = read_file(opened, kind, names)
        with _writing(rejects, kind, append=skip > 0) as write:
            _import(state, source, summary, write)
    click.echo(json.dumps(summary.document(), indent=2) if as_json else _report(summary, kind))
    if summary.invalid:
        click.get_current_context().exit(SOME_REFUSED)


def _recording_state() -> AppState:
    state = state_of_app()
    if not state.settings.enabled:
        raise click.ClickException("MLMONITOR_ENABLED is false: nothing is recorded. Set it.")
    runtime_of_app()
    return state


def _import(
    state: AppState, source: Source, summary: Summary, write: Callable[[Sequence[Refusal]], None]
) -> None:
    skip = summary.end
    entries = dropwhile(lambda entry: entry.place < skip, source.entries)
    with progress("Recording", source.total) as show:
        for part in record(state, entries):
            summary.add(part)
            write(part.refused)
            show(source.position(part.end))


@contextmanager
def _explained(name: str, summary: Summary, skip: int) -> Iterator[None]:
    """Turn what ends the import too early into one line that says how to go on."""
    try:
        yield
    except Unreadable as error:
        raise click.ClickException(f"{name}: {error}.{_go_on(summary, skip)}") from None
    except StoreError as error:
        told = f"The store does not answer ({error}).{_go_on(summary, skip)}"
        raise click.ClickException(told) from None
    except OSError as error:
        told = f"{error.filename or name}: {error.strerror}.{_go_on(summary, skip)}"
        raise click.ClickException(told) from None
    except KeyboardInterrupt:
        raise click.ClickException(f"Interrupted.{_go_on(summary, skip)}") from None


def _go_on(summary: Summary, skip: int) -> str:
    if summary.end == skip:
        return " Nothing was recorded."
    return f" {summary.recorded} values were recorded: go on with --skip {summary.end}."


@contextmanager
def _writing(
    path: Path | None, kind: str, *, append: bool
) -> Iterator[Callable[[Sequence[Refusal]], None]]:
    if path is None:
        yield lambda refused: None
        return
    with path.open("a" if append else "w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        if file.tell() == 0:
            rows.writerow(("line", "error"))
        yield lambda refused: rows.writerows((_line(one, kind), one.error) for one in refused)


def _report(summary: Summary, kind: str) -> str:
    counts = {
        name: getattr(summary, name) for name in ("accepted", "updated", "pending", "invalid")
    }
    lines = [", ".join(f"{name} {number}" for name, number in counts.items())]
    lines += [f"  line {_line(one, kind)}: {one.error}" for one in summary.refused[:_SHOWN]]
    if summary.invalid > _SHOWN:
        lines.append(f"  and {summary.invalid - _SHOWN} more; --rejects FILE lists them all")
    return "\n".join(lines)


def _line(refusal: Refusal, kind: str) -> int:
    return refusal.place + FIRST_LINE.get(kind, 1)
