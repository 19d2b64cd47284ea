"""Commands and how they end."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from click.testing import Result

if TYPE_CHECKING:
    pass
FLASK = [sys.executable, "-m", "flask"]
SERVICE = """
from flask import Flask
from flask_mlmonitor import MLMonitor

app = Flask(__name__)
app.config.from_prefixed_env()
MLMonitor(app)
"""


def environment_of(folder: Path, config: Mapping[str, Any]) -> dict[str, str]:
    """Return the environment of real commands for a service with this configuration."""
    (folder / "service.py").write_text(SERVICE)
    return {
        **os.environ,
        **{f"FLASK_{key}": value for key, value in config.items() if isinstance(value, str)},
        "FLASK_APP": str(folder / "service.py"),
        "PYTHONPATH": str(Path(__file__).parents[1]),
        "PYTHONWARNINGS": "error",
        "TERM": "xterm",
    }


def assert_told(result: Result, status: int, *words: str) -> None:
    """Fail unless the command ended with *status* and one line that holds the words."""
    assert result.exit_code == status, result.output
    assert isinstance(result.exception, SystemExit)
    *_, line = result.output.splitlines()
    assert line.startswith("Error: ")
    assert result.output.count("\n") <= (1 if status == 1 else 4)
    for word in words:
        assert word in line
