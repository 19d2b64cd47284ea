"""``flask mlmonitor export``."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final

import click

from flask_mlmonitor.cli.group import cli, runtime_of_app
from flask_mlmonitor.cli.moments import WRITTEN, Moment
from flask_mlmonitor.cli.progress import progress
from flask_mlmonitor.exceptions import MLMonitorError
from flask_mlmonitor.export.columns import CannotExport, Layout, kinds_of, names_of
from flask_mlmonitor.export.files import replacing
from flask_mlmonitor.export.lines import write_csv, write_ndjson
from flask_mlmonitor.export.parquet import write_parquet
from flask_mlmonitor.records import STATUSES
from flask_mlmonitor.store.database import Database
from flask_mlmonitor.store.exporting import Selection, Stored, count, read_pages
from flask_mlmonitor.store.reading import read_totals

SUFFIXES: Final = {".csv": "csv", ".ndjson": "ndjson", ".jsonl": "ndjson", ".parquet": "parquet"}
HALF_MICROSECOND: Final = 5e-7
FORMATS: Final = tuple(dict.fromkeys(SUFFIXES.values()))
Writer = Callable[[IO[bytes], Iterable[Sequence[Stored]], Layout], Iterator[int]]


@cli.command("export")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path),
              help="The file to write; the standard output, if not set.")  # fmt: skip
@click.option("--format", "kind", type=click.Choice(FORMATS),
              help="By the file's ending, if not set; CSV on the standard output.")  # fmt: skip
@click.option("--model", help="Only this model's predictions.")
@click.option("--version", help="Only this version's.")
@click.option("--since", type=Moment(), help=f"From this time on: {WRITTEN}.")
@click.option("--until", type=Moment(), help="Before this time, given likewise; now, if not set.")
@click.option("--status", "statuses", multiple=True, type=click.Choice(STATUSES),
              help="Only those that ended so; may be repeated.")  # fmt: skip
@click.option("--columns", help="Only these columns, in this order, separated by commas.")
@click.option(
    "--flat", is_flag=True, help="A column feature.NAME for each feature, not one of JSON."
)
@click.option("--spreadsheet", is_flag=True,
              help="In CSV, put an apostrophe before texts that begin like formulas.")  # fmt: skip
def export(
    output: Path | None,
    kind: str | None,
    columns: str | None,
    flat: bool,
    spreadsheet: bool,
    **selected: Any,
) -> None:
    """Write stored predictions, each with its ground truth, to CSV, NDJSON or Parquet.

    Example: flask --app service mlmonitor export -o fraud.parquet --model fraud --since 7d --flat
    """
    kind = kind or _format_of(output)
    if kind == "parquet" and output is None:
        raise click.UsageError("Parquet needs a file: give --output.")
    selection = _selection(**selected)
    with _explained(output):
        database = _store_of(selection)
        typed = flat or kind == "parquet"
        kinds = kinds_of(read_pages(database, selection), flat=flat) if typed else {}
        layout = Layout(
            names=_chosen(names_of(kinds, flat=flat), columns),
            kinds=kinds,
            flat=flat,
            harmless=spreadsheet,
        )
        with _opened(output) as file:
            number = _write(_WRITERS[kind], file, database, selection, layout)
    if output is not None:
        click.echo(f"{output}: {number} predictions")


def _selection(*, since: float | None, until: float | None, **others: Any) -> Selection:
    return Selection(
        since=None if since is None else _as_written(since),
        until=time.time() if until is None else _as_written(until),
        **others,
    )


def _as_written(moment: float) -> float:
    """Return from when on all is that is written as of a moment or later: it is rounded."""
    return moment - HALF_MICROSECOND


def _format_of(output: Path | None) -> str:
    if output is None:
        return "csv"
    try:
        return SUFFIXES[output.suffix.lower()]
    except KeyError:
        told = f"{output} ends with none of {', '.join(SUFFIXES)}: give --format."
        raise click.UsageError(told) from None


def _store_of(selection: Selection) -> Database:
    """Return the store; refuse a model or a version that it knows nothing of."""
    database = runtime_of_app().database
    database.prepare()
    known = [(total.model, total.version) for total in read_totals(database)]
    wanted = (selection.model, selection.version)
    if known and not any(
        all(want in (None, has) for want, has in zip(wanted, one, strict=True)) for one in known
    ):
        shown = ", ".join(" ".join(one) for one in known)
        raise CannotExport(
            f"no predictions of {' '.join(filter(None, wanted))}; there are: {shown}"
        )
    return database


def _chosen(names: Sequence[str], columns: str | None) -> Sequence[str]:
    if columns is None:
        return names
    chosen = [name.strip() for name in columns.split(",")]
    for name in chosen:
        if name not in names:
            raise CannotExport(f"no column {name!r}; there are: {', '.join(names)}")
    return chosen


def _write(
    write: Writer, file: IO[bytes], database: Database, selection: Selection, layout: Layout
) -> int:
    shown = sys.stderr.isatty() and not file.isatty()
    written = 0
    with progress("Exporting", count(database, selection) if shown else 0) as show:
        for number in write(file, read_pages(database, selection), layout):
            written += number
            show(written)
    return written


@contextmanager
def _opened(output: Path | None) -> Iterator[IO[bytes]]:
    if output is None:
        yield sys.stdout.buffer
        sys.stdout.flush()
    else:
        with replacing(output) as file:
            yield file


@contextmanager
def _explained(output: Path | None) -> Iterator[None]:
    try:
        yield
    except CannotExport as error:
        raise click.ClickException(f"{error}.") from None
    except MLMonitorError as error:
        raise click.ClickException(f"The store cannot be read: {error}") from None
    except BrokenPipeError:
        raise  # whoever reads the standard output has enough
    except OSError as error:
        raise click.ClickException(f"{output or 'the output'}: {error.strerror}") from None


_WRITERS: Final[dict[str, Writer]] = {
    "csv": write_csv,
    "ndjson": write_ndjson,
    "parquet": write_parquet,
}
