"""A server in a folder of its own."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.server import traffic
from tests.server.serving import Gunicorn

Serve = Callable[..., Gunicorn]


@pytest.fixture(scope="session")
def baseline(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The service's baseline, as a file has it."""
    path = tmp_path_factory.mktemp("baseline") / "baseline.json"
    traffic.baseline().save(path)
    return path.read_bytes()


@pytest.fixture
def folder(tmp_path: Path, baseline: bytes) -> Path:
    """An instance folder with a baseline."""
    (tmp_path / "baseline.json").write_bytes(baseline)
    return tmp_path


@pytest.fixture
def serve(folder: Path) -> Iterator[Serve]:
    """Start gunicorn with the given options; all end with the test."""
    with ExitStack() as stack:

        def start(*options: str, **keywords: Any) -> Gunicorn:
            return stack.enter_context(Gunicorn(folder, *options, **keywords))

        yield start
