"""The runtimes of a process: one for each data folder."""

import os
from pathlib import Path
from typing import Final

from flask_mlmonitor.background.folders import Folders
from flask_mlmonitor.background.runtime import Runtime
from flask_mlmonitor.config import Settings
from flask_mlmonitor.exceptions import ConfigError
from flask_mlmonitor.forks import ProcessLock
from flask_mlmonitor.store.urls import open_store

_lock: Final = ProcessLock()
_runtimes: dict[tuple[int, Path], Runtime] = {}


def runtime_for(settings: Settings, *, testing: bool) -> Runtime:
    """Return this process's runtime for the data folder of *settings*, shared by its apps.

    :param testing: a runtime of its own, in a temporary folder, without a thread.
    """
    if testing:
        return Runtime(settings, Folders.temporary(), inline=True)
    folders = Folders.of(settings)
    key = (os.getpid(), folders.data)
    with _lock:
        runtime = _runtimes.get(key)
        if runtime is None:
            runtime = _runtimes[key] = Runtime(settings, folders, inline=False)
            runtime.on_closed = lambda: _forget(key)
            runtime.start()
        else:
            _check_sharing(runtime, settings, folders)
        return runtime


def _forget(key: tuple[int, Path]) -> None:
    with _lock:
        _runtimes.pop(key, None)


def _check_sharing(runtime: Runtime, settings: Settings, folders: Folders) -> None:
    shared = f"apps that share the data folder {folders.data} must share"
    if settings.store_url_set and runtime.folders.store_url != folders.store_url:
        name = open_store(folders.store_url).name
        raise ConfigError("MLMONITOR_STORE_URL", name, f"{shared} the store too")
    days = runtime.maintenance.retention_days
    if settings.retention_days_set and settings.retention_days != days:
        remedy = f"{shared} the retention too: set {days}, or the same in all of them"
        raise ConfigError("MLMONITOR_RETENTION_DAYS", settings.retention_days, remedy)


def _after_fork() -> None:
    for runtime in list(_runtimes.values()):
        runtime.database.forget()
    _runtimes.clear()


os.register_at_fork(after_in_child=_after_fork)
