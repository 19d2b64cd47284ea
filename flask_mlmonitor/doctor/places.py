"""What kind of place a folder is, and what kind of machine this is."""

import os
from pathlib import Path
from typing import Final

NETWORK: Final = frozenset(
    ("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "lustre", "gpfs", "beegfs",
     "glusterfs", "fuse.sshfs", "fuse.glusterfs", "fuse.s3fs", "fuse.gcsfuse", "fuse.rclone")
)  # fmt: skip
_MARKS: Final = (".dockerenv", "run/.containerenv", "var/run/secrets/kubernetes.io")


def in_container(root: Path = Path("/")) -> bool:
    """Return whether this is a container, as far as its files tell."""
    return any((root / mark).exists() for mark in _MARKS)


def file_system(path: Path, mounts: Path = Path("/proc/self/mountinfo")) -> str | None:
    """Return the type of the file system that holds *path*; ``None`` where nobody tells."""
    try:
        lines = mounts.read_text(errors="surrogateescape").splitlines()
    except OSError:
        return None
    wanted = Path(os.path.realpath(path))
    best, found = -1, None
    for line in lines:
        before, _, behind = line.partition(" - ")
        point = Path(before.split(" ")[4].replace("\\040", " "))
        # Of two mounts on one point, the later one is seen.
        if wanted.is_relative_to(point) and len(point.parts) >= best:
            best, found = len(point.parts), behind.split(" ")[0]
    return found
