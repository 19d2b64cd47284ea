"""What a decorator was told about its route."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol, runtime_checkable

from flask_mlmonitor._app import Declaration
from flask_mlmonitor.exceptions import ConfigError, one_of
from flask_mlmonitor.stats.baseline import Baseline

OTHER: Final = "__other__"
TASKS: Final = ("classification", "regression")
_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_ON_INVALID: Final = ("flag", "fallback", "reject")
_ON_NAN: Final = ("error", "flag")

BaselineOrPath = Baseline | str | Path | None


@runtime_checkable
class Predictor(Protocol):
    """A model that answers rows in the baseline's order."""

    def predict(self, rows: Sequence[Sequence[Any]], /) -> Any:
        """Return one prediction for each row."""


Fallback = Callable[..., Any] | Predictor
Version = str | Callable[[], str]


@dataclass(frozen=True, kw_only=True)
class Concerns:
    """What of a request is done: all of it, or one concern alone."""

    time: bool = False
    validate: bool = False
    record: bool = False
    fall_back: bool = False


@dataclass(kw_only=True, eq=False)
class Endpoint:
    """A monitored route, before it meets an app.

    :raises ConfigError: for a wrong name or an unknown policy.
    """

    model: str
    concerns: Concerns
    version: Version = "1"
    versions: Sequence[str] = ()
    task: str | None = None
    baseline: BaselineOrPath = None
    fallback: Fallback | None = None
    on_invalid: str = "flag"
    on_nan: str = "error"
    strict: bool = False
    features: Callable[[Any], Any] | None = None
    output: Callable[[Any], Any] | None = None
    declarations: dict[str, Declaration] = field(init=False)

    def __post_init__(self) -> None:
        for key, value, allowed in (
            ("on_invalid", self.on_invalid, _ON_INVALID),
            ("on_nan", self.on_nan, _ON_NAN),
        ):
            if value not in allowed:
                raise ConfigError(key, value, f"use {one_of(allowed)}")
        if callable(self.version) and not self.versions:
            raise ConfigError("versions", (), "name the versions that the callable may return")
        names = [*self.versions, OTHER] if callable(self.version) else [self.version]
        self.declarations = {
            name: declare(self.model, name, task=self.task, baseline=self.baseline)
            for name in names
        }

    def declaration(self) -> Declaration:
        """Return the declaration of the version that answers the current request."""
        version = self.version() if callable(self.version) else self.version
        known = self.declarations.get(version)
        return self.declarations[OTHER] if known is None else known


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
