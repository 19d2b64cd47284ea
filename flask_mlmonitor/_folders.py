"""Folders that only their owner can enter."""

import os
from collections.abc import Callable
from pathlib import Path


def make_private(folder: Path, mkdir: Callable[[str, int], object] = os.mkdir) -> None:
    """Make a folder with mode 0700 where it is missing, and likewise those above it.

    :func:`os.makedirs` would leave those above to the umask.
    """
    if folder.is_dir():
        return
    make_private(folder.parent, mkdir)
    try:
        mkdir(str(folder), 0o700)
    except FileExistsError:
        if not folder.is_dir():  # another process was faster, or it is a file
            raise
