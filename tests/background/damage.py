"""What may happen to a segment's file."""

import os
from pathlib import Path


def cut(path: Path, length: int) -> None:
    """Cut a file's end off."""
    os.truncate(path, path.stat().st_size - length)


def flip(path: Path, share: float) -> None:
    """Flip a bit at a share of a file's length."""
    data = bytearray(path.read_bytes())
    data[int(len(data) * share)] ^= 4
    path.write_bytes(data)
