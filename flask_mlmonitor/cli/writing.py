"""Where commands write what they make."""

from pathlib import Path

import click


def write(text: str, output: Path | None) -> None:
    """Write a text to a file, or to the standard output.

    :raises click.ClickException: when that cannot be done.
    """
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise click.ClickException(f"{output}: {error.strerror}") from None
    click.echo(f"Wrote {output}.", err=True)
