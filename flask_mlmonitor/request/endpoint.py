"""What a decorator was told about its route."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import TIMEOUT_MAX
from typing import Any, Final, Protocol, runtime_checkable

from flask_mlmonitor._app import BaselineOrPath, Declaration, declare
from flask_mlmonitor.exceptions import ConfigError, one_of

OTHER: Final = "__other__"
_ON_INVALID: Final = ("flag", "fallback", "reject")
_ON_NAN: Final = ("error", "flag")


@runtime_checkable
class Predictor(Protocol):
    """A model that answers rows in the baseline's order."""

    def predict(self, rows: Sequence[Sequence[Any]], /) -> Any:
        """Return one prediction for each row."""


Fallback = Callable[..., Any] | Predictor
Version = str | Callable[[], str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Concerns:
    """What of a request is done: all of it, or one concern alone."""

    time: bool = False
    validate: bool = False
    record: bool = False
    fall_back: bool = False


@dataclass(kw_only=True, eq=False, slots=True)
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
    timeout: float | None = None
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
        if self.timeout is not None and not _is_limit(self.timeout):
            raise ConfigError("timeout", self.timeout, "give seconds above 0, or None for no limit")
        if self.on_invalid == "fallback" and not self.concerns.fall_back:
            raise ConfigError("on_invalid", "fallback", "use monitor.prediction, which has one")
        self._check_callables()
        self.declarations = {
            name: declare(self.model, name, task=self.task, baseline=self.baseline)
            for name in self._names()
        }

    def _check_callables(self) -> None:
        for key, value, remedy in (
            ("features", self.features, "give a function of the request that returns its rows"),
            ("output", self.output, "give a function of what the view returns"),
        ):
            if value is not None and not callable(value):
                raise ConfigError(key, value, remedy)
        fallback: object = self.fallback
        if not (fallback is None or callable(fallback) or isinstance(fallback, Predictor)):
            remedy = "give a function with the view's arguments, or an object with predict(rows)"
            raise ConfigError("fallback", fallback, remedy)

    def _names(self) -> Sequence[str]:
        """Return every version that may be counted."""
        if not callable(self.version):
            return [self.version]
        if not self.versions or isinstance(self.versions, str):
            remedy = "list the versions that the callable may return"
            raise ConfigError("versions", self.versions, remedy)
        return [*self.versions, OTHER]

    @property
    def falls_back(self) -> bool:
        """Whether a fallback answers where the view cannot."""
        return self.fallback is not None and self.concerns.fall_back


def _is_limit(value: object) -> bool:
    return (
        isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= TIMEOUT_MAX
    )
