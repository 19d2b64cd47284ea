"""A store in a folder of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from flask_mlmonitor.store.database import Database


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the store will be."""
    return tmp_path / "mlmonitor.sqlite3"


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    """A store that nobody has used yet."""
    database = Database(f"sqlite:///{path}")
    yield database
    database.close()
