"""Where a process keeps its journal and its counters."""

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from flask_mlmonitor.config import Settings
from flask_mlmonitor.counters.faults import LOGGER
from flask_mlmonitor.exceptions import ConfigError


@dataclass(frozen=True)
class Folders:
    """Where a process keeps its things.

    :param borrowed: whether the folder is a stand-in for one that cannot be written.
    """

    data: Path
    store_url: str
    borrowed: bool = False

    @classmethod
    def of(cls, settings: Settings) -> "Folders":
        """Return the configured folder, or a private one when the default cannot be written."""
        data = settings.data_dir
        try:
            data.mkdir(mode=0o700, parents=True, exist_ok=True)
            if os.access(data, os.W_OK | os.X_OK):
                return cls(data, settings.store_url)
            problem = "it is not writable"
        except OSError as error:
            problem = str(error)
        if settings.data_dir_set:
            raise ConfigError("MLMONITOR_DATA_DIR", str(data), f"{problem}; set a writable folder")
        borrowed = _private_folder(data)
        LOGGER.warning(
            "The data folder %s cannot be used (%s): keeping everything in %s until "
            "MLMONITOR_DATA_DIR names a writable folder.",
            data, problem, borrowed,
        )  # fmt: skip
        url = settings.store_url
        if not settings.store_url_set:
            url = f"sqlite:///{borrowed / 'mlmonitor.sqlite3'}"
        return cls(borrowed, url, borrowed=True)

    @classmethod
    def temporary(cls) -> "Folders":
        """Return a new folder for a test."""
        data = Path(tempfile.mkdtemp(prefix="mlmonitor-"))
        return cls(data, f"sqlite:///{data / 'mlmonitor.sqlite3'}")


def check_folder(settings: Settings) -> None:
    """Refuse a chosen data folder that cannot be made or written, without making it.

    :raises ConfigError: naming what is in the way.
    """
    if not settings.data_dir_set:
        return
    folder = settings.data_dir
    nearest = next(path for path in (folder, *folder.parents) if path.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        raise ConfigError(
            "MLMONITOR_DATA_DIR", str(folder), f"{nearest} is not writable: set a folder that is"
        )


def _private_folder(wanted: Path) -> Path:
    """Return a folder of this user's for *wanted*, the same in every worker."""
    digest = hashlib.blake2s(str(wanted.absolute()).encode(), digest_size=4).hexdigest()
    folder = Path(tempfile.gettempdir(), f"mlmonitor-{os.getuid()}-{digest}")
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.getuid():
        return Path(tempfile.mkdtemp(prefix="mlmonitor-"))
    return folder
