"""A host without its threads."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.background.rigs import Rig


@pytest.fixture
def rig(tmp_path: Path, store_url: str) -> Iterator[Rig]:
    """A spool to write to, and a store to drain into, in each database."""
    rig = Rig(tmp_path / "host", store_url)
    yield rig
    rig.close()


@pytest.fixture
def rig_with_file(tmp_path: Path) -> Iterator[Rig]:
    """The same with a store in a file."""
    rig = Rig(tmp_path / "host", f"sqlite:///{tmp_path / 'host' / 'mlmonitor.sqlite3'}")
    yield rig
    rig.close()
