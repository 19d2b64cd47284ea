"""What the monitor keeps for one app."""

import difflib
import os
import re
import weakref
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Final, TypeVar, cast

from flask import Flask, Request, current_app

from flask_mlmonitor.background.duties import Duties
from flask_mlmonitor.background.runtime import Runtime
from flask_mlmonitor.background.runtimes import runtime_for
from flask_mlmonitor.channels.channel import Channel
from flask_mlmonitor.config import Settings
from flask_mlmonitor.counters.faults import LOGGER
from flask_mlmonitor.exceptions import BaselineError, ConfigError, MLMonitorError, one_of
from flask_mlmonitor.forks import ProcessLock
from flask_mlmonitor.stats.baselines.baseline import Baseline

EXTENSION: Final = "mlmonitor"
TASKS: Final = ("classification", "regression")
_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
BaselineOrPath = Baseline | str | Path | None
Authorize = Callable[[Request], object]
K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, eq=False)
class Declaration:
    """A model that the app serves.

    :param baseline: a path is relative to the app's root.
    """

    model: str
    version: str
    task: str | None = None
    baseline: Baseline | Path | None = None


@dataclass(eq=False)
class AppState:
    """One app's settings, models, and the runtime of the process it runs in.

    :param registered: models without a route.
    :param routed: returns the models of the app's monitored views.
    :param channels: the configured ones, by name.
    :param duties: returns what the elected process does for the app.
    :param problem: why the monitor could not start, if it could not.
    """

    app: "weakref.ref[Flask]"
    name: str
    root: Path
    settings: Settings
    registered: Sequence[Declaration]
    routed: Callable[[], Iterable[Declaration]]
    duties: Callable[["AppState", Runtime], Duties]
    channels: Mapping[str, Channel]
    authorize: Authorize | None = None
    problem: str | None = None
    _undeclared: dict[tuple[str, str], Declaration] = field(default_factory=dict)
    _runtime: Runtime | None = None
    _built: dict[Hashable, object] = field(default_factory=dict)
    _opening: ProcessLock = field(default_factory=ProcessLock)

    @property
    def runtime(self) -> Runtime:
        """The runtime of this process; opened at first use, and anew after a fork."""
        runtime = self._runtime
        if runtime is not None and runtime.pid == os.getpid():
            return runtime
        return self._open()

    def _open(self) -> Runtime:
        with self._opening:
            if self._runtime is None or self._runtime.pid != os.getpid():
                app = self.app()
                testing = app is not None and app.testing
                self._built = {}
                try:
                    runtime = runtime_for(self.settings, testing=testing)
                except Exception as error:
                    self.problem = str(error)
                    raise
                self.problem = None
                runtime.take_on(self.name, self.duties(self, runtime))
                self._runtime = runtime
            return self._runtime

    def built(self, key: K, make: Callable[["AppState", K], T]) -> T:
        """Return what *make* built for *key* in this process, built at first use."""
        runtime = self._runtime
        if runtime is None or runtime.pid != os.getpid():
            self._open()
        known = self._built.get(key)
        if known is None:
            with self._opening:
                known = self._built.get(key)
                if known is None:
                    known = self._built[key] = make(self, key)
        return cast("T", known)

    def declarations(self) -> list[Declaration]:
        """Return every model of the app, each version once: as it was declared with a baseline."""
        known: dict[tuple[str, str], Declaration] = {}
        for declaration in (*self.routed(), *self.registered):
            key = (declaration.model, declaration.version)
            if key not in known or known[key].baseline is None:
                known[key] = declaration
        return list(known.values())

    def declaration(self, model: str, version: str | None) -> Declaration:
        """Return the declaration of a model; *version* may be left out where there is one.

        A model that nobody declared is declared here, without a baseline.

        :raises ConfigError: for a wrong name, or when one of several versions must be named.
        """
        of_model = [known for known in self.declarations() if known.model == model]
        if version is not None:
            of_model = [known for known in of_model if known.version == version]
        if len(of_model) > 1:
            versions = [known.version for known in of_model]
            raise ConfigError("version", None, f"name one of the model's versions {versions}")
        if of_model:
            return of_model[0]
        declared = declare(model, "1" if version is None else version)
        return self._undeclared_as(declared)

    def _undeclared_as(self, declared: Declaration) -> Declaration:
        key = (declared.model, declared.version)
        if key not in self._undeclared:
            names = sorted({f"{known.model} {known.version}" for known in self.declarations()})
            near = difflib.get_close_matches(" ".join(key), names, n=1)
            LOGGER.warning(
                "Nobody declared model %s %s%s; it is monitored without a baseline. "
                "Declare it with monitor.register().",
                *key,
                f" (is it {near[0]}?)" if near else "",
            )
        return self._undeclared.setdefault(key, declared)

    def close(self) -> None:
        """Close a runtime that belongs to this app alone; a shared one ends with its process."""
        runtime = self._runtime
        if runtime is not None and runtime.inline:
            runtime.close()


def declare(
    model: str, version: str, *, task: str | None = None, baseline: BaselineOrPath = None
) -> Declaration:
    """Return a checked declaration.

    :raises ConfigError: for a wrong name or an unknown task.
    """
    names: dict[str, object] = {"model": model, "version": version}
    for key, value in names.items():
        if not isinstance(value, str) or not _NAME.fullmatch(value):
            raise ConfigError(key, value, "use 1 to 64 letters, digits, dots, dashes, underscores")
    if task is not None and task not in TASKS:
        raise ConfigError("task", task, f"use {one_of(TASKS)}")
    if baseline is not None and not isinstance(baseline, Baseline | str | Path):
        raise ConfigError("baseline", baseline, "give a Baseline, or the path of its file")
    path = Path(baseline) if isinstance(baseline, str) else baseline
    return Declaration(model=model, version=version, task=task, baseline=path)


def load_baseline(baseline: Baseline | Path | None, root: Path) -> Baseline | None:
    """Return a baseline given as itself or as a path below *root*.

    :raises BaselineError: when the file is missing or damaged.
    """
    if not isinstance(baseline, Path):
        return baseline
    path = root / baseline
    if not path.is_file():
        raise BaselineError(
            f"The baseline {path} is no file: build it with "
            f"`flask mlmonitor baseline build DATA -o {path}`, or correct the path."
        )
    return _read(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=64)
def _read(path: Path, _changed: int) -> Baseline:
    return Baseline.load(path)


def current_state() -> AppState:
    """Return the state of the current app.

    :raises MLMonitorError: when the app was never given to ``init_app``.
    """
    state = current_app.extensions.get(EXTENSION)
    if not isinstance(state, AppState):
        raise MLMonitorError(
            f"The app {current_app.name!r} is not monitored: call `monitor.init_app(app)`."
        )
    return state
