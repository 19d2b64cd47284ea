"""Files that appear when they are complete."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from flask_mlmonitor.export.columns import CannotExport


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """Write a file that takes its name, or another's place, when the block is left in peace.

    Only its owner may read it: it holds what people sent.

    :raises CannotExport: when something stands there that is no file.
    :raises OSError: when it cannot be written.
    """
    target = path.resolve()
    if target.exists() and not target.is_file():
        raise CannotExport(f"{path} is no regular file: name one, or leave --output out")
    fd, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(fd, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, target)
    except BaseException:
        os.unlink(name)
        raise
