"""A server for clients that insist on sockets."""

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from werkzeug.serving import make_server

from tests.missing import missing

if TYPE_CHECKING:
    from tests.conftest import Service

ROOT = Path(__file__).parents[2]

AskBy = Callable[..., Any]


@pytest.fixture
def ask_by() -> Iterator[AskBy]:
    """Serve an app, have a program of this folder ask it, and return what that prints."""
    with ExitStack() as stack:

        def ask(service: "Service", program: str, package: str) -> Any:
            if find_spec(package) is None:
                missing(f"{package} is not installed: pip install -e '.[clients]'")
            server = make_server("127.0.0.1", 0, service.app)
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            stack.callback(thread.join)
            stack.callback(server.shutdown)
            return printed_by(program, str(server.port))

        yield ask


@pytest.fixture
def written_by() -> Callable[[str], Any]:
    """Return what a program of this folder prints whose package has an environment of its own."""

    def written(program: str) -> Any:
        if find_spec(program.removeprefix("by_")) is None:
            pytest.skip(f"by hand, as tests/clients/{program}.py says")
        return printed_by(program)

    return written


def printed_by(program: str, *arguments: str) -> Any:
    """Run a program of this folder; return the JSON that it prints."""
    command = [sys.executable, "-m", f"tests.clients.{program}", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])
