"""Folders that only their owner can enter."""

import os
from collections.abc import Callable
from pathlib import Path


def make_private(folder: Path, mkdir: Callable[[str, int], object] = os.mkdir) -> None:
    """Make a folder with mode 0700 where it is missing, and likewise those above it.

    :func:`os.makedirs` would leave those above to the umask.
    """
    try:
        mkdir(str(folder), 0o700)
    except FileNotFoundError:
        if folder == folder.parent:
            raise
        make_private(folder.parent, mkdir)
        make_private(folder, mkdir)
    except FileExistsError:
        if not folder.is_dir():
            raise
