"""How far a command has come, for the person who waits for it."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click


@contextmanager
def progress(label: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show a bar on the standard error, if that is a terminal; yield what tells it the position.

    :param total: 0 where nobody can know; then there is no bar.
    """
    if not total or not sys.stderr.isatty():
        yield lambda position: None
        return
    with click.progressbar(length=total, label=label, file=sys.stderr) as bar:
        yield lambda position: bar.update(position - bar.pos)
