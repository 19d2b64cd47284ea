"""A store for a server, and the ways in which it can be away."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from tests.postgres import Postgres
from tests.troubles import locked, moved, stopped

TROUBLES: Final = {
    "sqlite": ("locked", "moved"),
    "postgresql": ("stopped", "silent"),
}
"""What may befall each database."""


class Store(NamedTuple):
    """A store, and how to take it away: for as long as a block lasts."""

    url: str
    away: Callable[[], AbstractContextManager[object]]


def sqlite(folder: Path, trouble: str) -> Store:
    """Return a store in a file, in a folder of its own."""
    path = folder / "store" / "mlmonitor.sqlite3"
    away = {"locked": lambda: locked(path), "moved": lambda: moved(path.parent)}[trouble]
    return Store(f"sqlite:///{path}", away)


def postgresql(server: Postgres, trouble: str) -> Store:
    """Return a store in PostgreSQL."""
    away = {"stopped": lambda: _crashed(server), "silent": lambda: _silent(server)}[trouble]
    return Store(server.new_store(), away)


@contextmanager
def _crashed(server: Postgres) -> Iterator[None]:
    """It ends in mid-transaction, and refuses connections until it is started again."""
    server.stop(immediately=True)
    try:
        yield
    finally:
        server.start()


@contextmanager
def _silent(server: Postgres) -> Iterator[None]:
    """All of its processes are stopped: it takes connections, and never answers."""
    with stopped(server.processes()):
        yield
