"""Checks of where things are kept."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from flask_mlmonitor.doctor.case import Case
from flask_mlmonitor.doctor.findings import Finding
from flask_mlmonitor.doctor.places import NETWORK, file_system, in_container

LEAST_FREE: Final = 256 << 20


def data_folder(case: Case) -> Iterator[Finding]:
    """A data folder that cannot be written, or is another user's."""
    if case.folders.borrowed:
        problem = (
            f"the data folder {case.settings.data_dir} cannot be written: everything is kept in "
            f"{case.data}, which may be gone after a restart"
        )
        yield Finding("error", problem, "Set MLMONITOR_DATA_DIR to a folder that can be.")
    elif case.data.exists():
        if not (case.data.is_dir() and os.access(case.data, os.R_OK | os.W_OK | os.X_OK)):
            problem = f"the data folder {case.data} is no folder that this user can write"
            yield Finding("error", problem, "Run this as the app's user, or mend its permissions.")
        elif case.data.stat().st_uid != os.geteuid():
            problem = f"the data folder {case.data} is another user's than the one who runs this"
            yield Finding("info", problem, "Run this as the app's user: then it sees what it sees.")


def file_systems(case: Case) -> Iterator[Finding]:
    """Folders on a disk that cannot keep what is written there."""
    for what, folder in _folders(case):
        kind = file_system(folder)
        if kind in NETWORK:
            problem = (
                f"the {what} lies on a network file system ({kind}): locks and SQLite fail there"
            )
            remedy = "Put it on a local disk; for several hosts, use PostgreSQL as the store."
            yield Finding("error", problem, remedy)
        elif kind == "tmpfs":
            problem = f"the {what} {folder} lies in memory (tmpfs) and is gone after a restart"
            yield Finding("warning", problem, "Put it on a disk.")
        elif kind == "overlay" and in_container():
            problem = f"the {what} {folder} lies inside of the container and goes with it"
            yield Finding("warning", problem, "Mount a volume there.")


def free_space(case: Case) -> Iterator[Finding]:
    """Disks that are nearly full."""
    for what, folder in _folders(case):
        free = shutil.disk_usage(_nearest(folder)).free
        if free < LEAST_FREE:
            problem = f"the disk of the {what} has {free >> 20} MiB left"
            remedy = "Make room: a full disk drops predictions."
            yield Finding("warning", problem, remedy)


def _folders(case: Case) -> Iterator[tuple[str, Path]]:
    yield "data folder", case.data
    folder = case.database.folder
    if folder is not None and folder != case.data:
        yield "store's folder", folder


def _nearest(folder: Path) -> Path:
    return next(path for path in (folder, *folder.absolute().parents) if path.exists())
