"""What is written above a view, and what declares a model without one."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from flask import Request

from flask_mlmonitor._app import BaselineOrPath, Declaration, declare, load_baseline
from flask_mlmonitor.request.endpoint import Concerns, Endpoint, Fallback, Version
from flask_mlmonitor.request.prediction import Monitored, monitor_view

P = ParamSpec("P")
R = TypeVar("R")


class Decorators:
    """Declares models, with their views or without."""

    def __init__(self) -> None:
        self._registered: list[Declaration] = []
        self._early: list[Declaration] = []
        self._root: Path | None = None

    def prediction(
        self,
        model: str,
        *,
        version: Version = "1",
        versions: Sequence[str] = (),
        task: str | None = None,
        baseline: BaselineOrPath = None,
        fallback: Fallback | None = None,
        timeout: float | None = None,
        on_invalid: str = "flag",
        on_nan: str = "error",
        strict: bool = False,
        features: Callable[[Request], Any] | None = None,
        output: Callable[[Any], Any] | None = None,
        record: bool = True,
    ) -> Callable[[Callable[P, R]], Monitored[P, R]]:
        """Monitor a view: validate, time, count and record it, and answer by a fallback.

        :param model: 1 to 64 letters, digits, dots, dashes or underscores.
        :param version: likewise; or a callable, with *versions*.
        :param versions: what the callable may return; anything else counts as ``__other__``.
        :param task: "classification" or "regression"; the baseline's by default.
        :param baseline: a :class:`Baseline`, or its path below the app's root.
        :param fallback: a callable with the view's arguments, or an object with
            ``predict(rows)``; also spelled ``@view.fallback``. With it comes a circuit breaker.
        :param timeout: seconds that the view may take, in a thread of its own; then the fallback
            answers, or a 504.
        :param on_invalid: "flag" (count and go on), "fallback" or "reject" (422).
        :param on_nan: "error" (500) or "flag"; with a fallback, the fallback answers.
        :param strict: let *on_invalid* act on ranges, unseen categories and extra fields too.
        :param features: from the request to a row or rows, where no dialect matches.
        :param output: from the return value to a prediction, or one for each row.
        :param record: whether predictions are stored.
        :raises ConfigError: for a wrong name or policy.
        :raises BaselineError: when the baseline's file is missing or damaged.
        """
        return self._monitored(
            Endpoint(
                model=model,
                concerns=Concerns(time=True, validate=True, record=record, fall_back=True),
                version=version,
                versions=versions,
                task=task,
                baseline=baseline,
                fallback=fallback,
                timeout=timeout,
                on_invalid=on_invalid,
                on_nan=on_nan,
                strict=strict,
                features=features,
                output=output,
            )
        )

    def timed(
        self, model: str, *, version: str = "1"
    ) -> Callable[[Callable[P, R]], Monitored[P, R]]:
        """Only time and count a view: latency, throughput, errors by type."""
        return self._monitored(
            Endpoint(model=model, version=version, concerns=Concerns(time=True), on_nan="flag")
        )

    def validated(
        self,
        model: str,
        *,
        version: str = "1",
        baseline: BaselineOrPath = None,
        on_invalid: str = "flag",
        strict: bool = False,
        features: Callable[[Request], Any] | None = None,
    ) -> Callable[[Callable[P, R]], Monitored[P, R]]:
        """Only check a view's input against a baseline: count what is wrong, or reject it."""
        return self._monitored(
            Endpoint(
                model=model,
                concerns=Concerns(validate=True),
                version=version,
                baseline=baseline,
                on_invalid=on_invalid,
                on_nan="flag",
                strict=strict,
                features=features,
            )
        )

    def recorded(
        self,
        model: str,
        *,
        version: str = "1",
        task: str | None = None,
        baseline: BaselineOrPath = None,
        features: Callable[[Request], Any] | None = None,
        output: Callable[[Any], Any] | None = None,
    ) -> Callable[[Callable[P, R]], Monitored[P, R]]:
        """Only store a view's predictions, and return their ids."""
        return self._monitored(
            Endpoint(
                model=model,
                concerns=Concerns(record=True),
                version=version,
                task=task,
                baseline=baseline,
                on_nan="flag",
                features=features,
                output=output,
            )
        )

    def with_fallback(
        self,
        model: str,
        fallback: Fallback,
        *,
        version: str = "1",
        timeout: float | None = None,
        on_nan: str = "error",
    ) -> Callable[[Callable[P, R]], Monitored[P, R]]:
        """Only answer by *fallback* when a view fails, is late or predicts NaN, and count it."""
        return self._monitored(
            Endpoint(
                model=model,
                concerns=Concerns(fall_back=True),
                version=version,
                fallback=fallback,
                timeout=timeout,
                on_nan=on_nan,
            )
        )

    def register(
        self,
        model: str,
        *,
        version: str = "1",
        task: str | None = None,
        baseline: BaselineOrPath = None,
    ) -> None:
        """Declare a model without a route, whose predictions are recorded by hand.

        :raises ConfigError: for a wrong name or task.
        :raises BaselineError: when the baseline's file is missing or damaged.
        """
        declaration = declare(model, version, task=task, baseline=baseline)
        self._check(declaration)
        self._registered.append(declaration)

    def _monitored(self, endpoint: Endpoint) -> Callable[[Callable[P, R]], Monitored[P, R]]:
        self._check(*endpoint.declarations.values())
        return lambda view: monitor_view(endpoint, view)

    def _check(self, *declarations: Declaration) -> None:
        """Read the baselines now, or for each app to come, so that a wrong path is loud."""
        if self._root is None:
            self._early += declarations
        else:
            for declaration in declarations:
                load_baseline(declaration.baseline, self._root)
