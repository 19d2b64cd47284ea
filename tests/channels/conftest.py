"""A store that nobody has used yet: in a file, and in PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from flask_mlmonitor.store.database import Database
from flask_mlmonitor.store.urls import open_store


@pytest.fixture
def database(store_url: str) -> Iterator[Database]:
    """The store, in each database."""
    database = open_store(store_url)
    yield database
    database.close()


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Database]:
    """A store in a file, in a folder of its own."""
    database = open_store(f"sqlite:///{tmp_path / 'store' / 'mlmonitor.sqlite3'}")
    yield database
    database.close()
