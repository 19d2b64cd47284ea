"""A disk that a test can fill."""

import contextlib
from pathlib import Path


class SmallDisk:
    """A disk of 1 MiB, and somebody who fills it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ballast = path / "ballast"

    def fill(self) -> None:
        """Take all that is left."""
        with self._ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(bytes(4096)) == 4096:
                pass

    def empty(self) -> None:
        """Give it back."""
        self._ballast.unlink()
