"""Where a process keeps its journal and its counters."""

import hashlib
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from flask_mlmonitor._folders import make_private
from flask_mlmonitor.config import Settings
from flask_mlmonitor.counters.faults import LOGGER
from flask_mlmonitor.exceptions import ConfigError
from flask_mlmonitor.store.urls import is_in_memory, open_store


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
            make_private(data)
            if os.access(data, os.W_OK | os.X_OK):
                return cls(data, _store_url(settings, data))
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
        url = settings.store_url if settings.store_url_set else _store_in(borrowed)
        return cls(borrowed, url, borrowed=True)

    @classmethod
    def expected(cls, settings: Settings) -> "Folders":
        """Return what :meth:`of` would, and make nothing."""
        data = settings.data_dir
        if settings.data_dir_set or _writable(_nearest(data)):
            return cls(data, _store_url(settings, data))
        private = _private_path(data)
        url = settings.store_url if settings.store_url_set else _store_in(private)
        return cls(private, url, borrowed=True)

    @classmethod
    def temporary(cls) -> "Folders":
        """Return a new folder for a test."""
        data = Path(tempfile.mkdtemp(prefix="mlmonitor-"))
        return cls(data, _store_in(data))

    def first_in_interval(self, name: str, interval: float) -> bool:
        """Return whether this is the first call for *name* on this host in the current interval.

        The one whose file could be made is the first; earlier intervals' files go.
        """
        stamp = self.data / f"{name}-{int(time.time() / interval)}.once"
        try:
            os.close(os.open(stamp, os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        except FileExistsError:
            return False
        for path in self.data.glob(f"{name}-*.once"):
            if path != stamp:
                path.unlink(missing_ok=True)
        return True


def check_folders(settings: Settings, *, testing: bool) -> None:
    """Refuse a store that cannot be, and chosen folders that cannot be made or written.

    :param testing: the store will be a temporary one, whatever was chosen.
    :raises ConfigError: naming what is in the way; nothing is made.
    """
    chosen = []
    if settings.data_dir_set:
        chosen.append(("MLMONITOR_DATA_DIR", settings.data_dir))
    store = open_store(settings.store_url)
    if settings.store_url_set and store.folder is not None:
        chosen.append(("MLMONITOR_STORE_URL", store.folder))
    if is_in_memory(settings.store_url) and not testing:
        remedy = (
            "each connection would see a memory of its own: set a file such as "
            "sqlite:///mlmonitor.sqlite3, or TESTING, which makes the store temporary"
        )
        raise ConfigError("MLMONITOR_STORE_URL", settings.store_url, remedy)
    for key, folder in chosen:
        nearest = _nearest(folder)
        if not _writable(nearest):
            remedy = f"{nearest} is not writable: set a folder that is"
            raise ConfigError(key, str(folder), remedy)


def _store_url(settings: Settings, data: Path) -> str:
    """Return the configured store, or one beside the data when the default cannot be written."""
    folder = open_store(settings.store_url).folder
    if settings.store_url_set or folder is None or _writable(_nearest(folder)):
        return settings.store_url
    LOGGER.warning("%s is not writable: the store lies in %s.", folder, data)
    return _store_in(data)


def _store_in(folder: Path) -> str:
    return f"sqlite:///{folder / 'mlmonitor.sqlite3'}"


def _nearest(folder: Path) -> Path:
    """Return the folder or, while it does not exist, the nearest one above it that does."""
    return next(path for path in (folder, *folder.absolute().parents) if path.exists())


def _writable(folder: Path) -> bool:
    return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)


def _private_folder(wanted: Path) -> Path:
    """Return a folder of this user's for *wanted*, the same in every worker."""
    folder = _private_path(wanted)
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.getuid():
        return Path(tempfile.mkdtemp(prefix="mlmonitor-"))
    return folder


def _private_path(wanted: Path) -> Path:
    digest = hashlib.blake2s(str(wanted.absolute()).encode(), digest_size=4).hexdigest()
    return Path(tempfile.gettempdir(), f"mlmonitor-{os.getuid()}-{digest}")
