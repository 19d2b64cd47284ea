"""A store that nobody has used yet: in a file, and in PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from flask_mlmonitor.store.database import Database
from flask_mlmonitor.store.urls import open_store


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the file of a SQLite store will be."""
    return tmp_path / "mlmonitor.sqlite3"


@pytest.fixture
def database(store_url: str) -> Iterator[Database]:
    """The store, in each database."""
    database = open_store(store_url)
    yield database
    database.close()


@pytest.fixture
def sqlite(path: Path) -> Iterator[Database]:
    """A store in a file."""
    database = open_store(f"sqlite:///{path}")
    yield database
    database.close()


@pytest.fixture
def postgresql(postgres_url: str) -> Iterator[Database]:
    """A store in PostgreSQL."""
    database = open_store(postgres_url)
    yield database
    database.close()
