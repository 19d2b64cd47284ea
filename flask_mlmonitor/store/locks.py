"""Who holds the locks of a file."""

import os
from pathlib import Path
from typing import Final

_LOCKS: Final = Path("/proc/locks")


def holders(*paths: Path) -> list[int]:
    """Return the other processes that hold a lock to write on one of these files.

    The kernel is asked, on Linux; elsewhere nobody is known. To open the files would be wrong:
    closing them again drops the locks that SQLite holds there in this process.
    """
    files = {_identity(path) for path in paths} - {None}
    try:
        lines = _LOCKS.read_text().splitlines()
    except OSError:
        return []
    found = set()
    for line in lines:
        # 1: POSIX  ADVISORY  WRITE 4711 08:01:131090 120 120; behind "->" somebody only waits.
        words = line.split()
        if len(words) >= 6 and words[3] == "WRITE" and words[5] in files:
            found.add(int(words[4]))
    return sorted(found - {os.getpid()})


def _identity(path: Path) -> str | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return f"{os.major(stat.st_dev):02x}:{os.minor(stat.st_dev):02x}:{stat.st_ino}"
