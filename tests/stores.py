"""Copies of whole stores, to set them back to what they were."""

import re
import shutil
from pathlib import Path

from flask_mlmonitor.store import tables
from flask_mlmonitor.store.database import Database
from flask_mlmonitor.store.urls import open_store


def copy_store(source: str, target: str) -> None:
    """Make the store at one URL hold what that at another does; nobody has them open."""
    if source.startswith("sqlite:"):
        shutil.copyfile(file_of(source), file_of(target))
        return
    database = open_store(target)
    database.prepare()
    names = list(tables.METADATA.tables)
    old, new = _schema(source), _schema(target)
    copies = [
        f"DELETE FROM {new}.{name}; INSERT INTO {new}.{name} SELECT * FROM {old}.{name}"
        for name in names
    ]
    with database.writing() as connection:
        connection.exec_driver_sql("; ".join(copies))
    database.close()


def file_of(url: str) -> Path:
    """Return the file of a SQLite store."""
    return Path(url.removeprefix("sqlite:///"))


def _schema(url: str) -> str:
    found = re.search(r"search_path%3D(\w+)", url)
    assert found is not None, url
    return found[1]


def assert_sound(database: Database) -> None:
    """Assert that a file of SQLite's is whole; PostgreSQL looks after its own."""
    with database.reading() as connection:
        if connection.dialect.name == "sqlite":
            assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
