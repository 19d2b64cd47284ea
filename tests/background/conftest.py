"""A host without its threads."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.background.rigs import Rig


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    """A spool to write to, and a store to drain into."""
    rig = Rig(tmp_path / "host")
    yield rig
    rig.close()
