"""Commands and how they end."""

import sys
from typing import TYPE_CHECKING

from click.testing import Result

if TYPE_CHECKING:
    pass
FLASK = [sys.executable, "-m", "flask"]


def assert_told(result: Result, status: int, *words: str) -> None:
    """Fail unless the command ended with *status* and one line that holds the words."""
    assert result.exit_code == status, result.output
    assert isinstance(result.exception, SystemExit)
    *_, line = result.output.splitlines()
    assert line.startswith("Error: ")
    assert result.output.count("\n") <= (1 if status == 1 else 4)
    for word in words:
        assert word in line
