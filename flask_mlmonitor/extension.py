"""The extension object: wiring only."""

import weakref
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from flask import Flask, Request

from flask_mlmonitor._app import (
    EXTENSION,
    AppState,
    Authorize,
    BaselineOrPath,
    Declaration,
    current_state,
    declare,
    load_baseline,
)
from flask_mlmonitor._evaluations import evaluate_now, schedule_of
from flask_mlmonitor.background.folders import check_folders
from flask_mlmonitor.channels.configured import channels_of
from flask_mlmonitor.config import Settings
from flask_mlmonitor.counters.cells import Owner
from flask_mlmonitor.counters.faults import LOGGER
from flask_mlmonitor.counters.requests import UNKNOWN, NotificationCounters, TruthCounters
from flask_mlmonitor.exceptions import ConfigError
from flask_mlmonitor.metrics import MonitorCollector
from flask_mlmonitor.request.boundary import Boundary
from flask_mlmonitor.request.by_hand import record_by_hand
from flask_mlmonitor.request.endpoint import Concerns, Endpoint, Fallback, Version
from flask_mlmonitor.request.ids import new_id
from flask_mlmonitor.request.prediction import Monitored, endpoints_of, monitor_view, prepare
from flask_mlmonitor.request.privacy import warn_of_unknown
from flask_mlmonitor.request.route import route_of
from flask_mlmonitor.stats.evaluation import Evaluation
from flask_mlmonitor.truth.recording import record_value
from flask_mlmonitor.web.blueprint import add_routes, warn_of_clash

if TYPE_CHECKING:
    from prometheus_client.registry import Collector

P = ParamSpec("P")
R = TypeVar("R")


class MLMonitor:
    """Monitors the models that a Flask app serves.

    >>> app = Flask(__name__)
    >>> app.config["TESTING"] = True
    >>> monitor = MLMonitor(app)
    >>> @app.post("/predict")
    ... @monitor.prediction("fraud", version="2")
    ... def predict():
    ...     return {"prediction": 1}
    >>> app.test_client().post("/predict", json={"amount": 5}).headers["X-Prediction-Source"]
    'primary'

    :param app: the app, or ``None`` to call :meth:`init_app` later, for any number of apps.
    :param authorize: decides about a request to the monitor's own routes, instead of
        ``MLMONITOR_API_TOKEN``: true lets it in; a response, or an HTTP exception raised, is the
        answer to one that may not.
    """

    def __init__(self, app: Flask | None = None, *, authorize: Authorize | None = None) -> None:
        self._authorize = authorize
        self._registered: list[Declaration] = []
        self._early: list[Declaration] = []
        self._root: Path | None = None
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Monitor the app; nothing is written to disk before its first request.

        :raises ConfigError: for a wrong ``MLMONITOR_`` key or value, or a second call for *app*.
        :raises BaselineError: when a decorated view's baseline is missing or damaged.
        """
        if EXTENSION in app.extensions:
            raise ConfigError("init_app", app.name, "call it once for an app")
        settings = Settings.from_mapping(app.config, instance_path=app.instance_path)
        check_folders(settings)
        if settings.without_effect:
            names = ", ".join(settings.without_effect)
            LOGGER.warning("These keys have no effect in this version: %s.", names)
        reference = weakref.ref(app)
        state = AppState(
            reference,
            app.name,
            Path(app.root_path),
            settings,
            self._registered,
            lambda: _declared_by(reference()),
            schedule_of,
            channels_of(settings),
            self._authorize,
        )
        for declaration in self._early:
            load_baseline(declaration.baseline, state.root)
        self._root = state.root
        app.extensions[EXTENSION] = state
        weakref.finalize(app, state.close)
        if settings.enabled:
            app.wsgi_app = Boundary(app.wsgi_app, lambda: _open(state))  # type: ignore[method-assign]
            add_routes(app, settings)

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

    def record_prediction(
        self,
        model: str,
        features: Mapping[str, Any],
        prediction: Any,
        *,
        version: str | None = None,
        prediction_id: str | None = None,
        probability: Any = None,
        latency: float | None = None,
        time: datetime | None = None,
    ) -> str:
        """Record a prediction that was made outside a request; return its id.

        :param version: may be left out where the model has one.
        :param probability: P(positive), a list in the order of the classes, or class -> P.
        :param latency: seconds.
        :param time: when it was made, an aware datetime; now by default. It counts in the window
            of that time.
        :raises ConfigError: for a name or a time that cannot be used.
        """
        state = current_state()
        declaration = state.declaration(model, version)
        if not state.settings.enabled:
            return new_id() if prediction_id is None else prediction_id
        return record_by_hand(
            state,
            declaration,
            features,
            prediction,
            prediction_id=prediction_id,
            probability=probability,
            latency=latency,
            time=time,
        )

    def record_ground_truth(
        self, prediction_id: str, value: Any, *, time: datetime | None = None
    ) -> str:
        """Record what turned out to be true for a prediction.

        :param value: a class, a number or a boolean.
        :param time: when it became known, an aware datetime; now by default.
        :return: "accepted", "updated" (there was a value before) or "pending" (the prediction is
            not stored yet; it will find its truth when it is).
        :raises ConfigError: for a value or time that cannot be used.
        :raises StoreUnavailable: when the store does not answer; nothing was recorded.
        """
        return record_value(current_state(), prediction_id, value, time)

    def evaluate(
        self, model: str | None = None, *, at: datetime | None = None
    ) -> tuple[Evaluation, ...]:
        """Judge every window of the app's models now, in this process, and store the results.

        The elected process does so by itself, each time the shortest window ends.

        :param model: one of the app's models; all of them by default.
        :param at: as of when, an aware datetime; the minute that it lies in counts too.
        :return: one for each model, version and window.
        :raises ConfigError: for an unknown model, or a time without a time zone.
        :raises StoreUnavailable: when the store does not answer.
        """
        state = current_state()
        return evaluate_now(state, model, at) if state.settings.enabled else ()

    def flush(self, timeout: float = 10.0) -> bool:
        """Move what is journaled into the store.

        :param timeout: seconds to wait for another process that is doing so.
        :return: whether nothing is left.
        :raises StoreUnavailable: when the store does not answer.
        """
        return current_state().runtime.flush(timeout)

    def collector(self, app: Flask) -> "Collector":
        """Return a collector of the app's metrics, for a registry of your own."""
        with app.app_context():
            return MonitorCollector(current_state())

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


def _declared_by(app: Flask | None) -> list[Declaration]:
    return [one for endpoint in endpoints_of(app) for one in endpoint.declarations.values()]


def _open(state: AppState) -> None:
    try:
        runtime = state.runtime
    except Exception as error:  # noqa: BLE001  a fault of the monitor must not stop the app
        LOGGER.error("The monitor could not start; the app goes on without.", exc_info=error)
        return
    with runtime.faults.guard("request"):
        warn_of_clash(state)
        warn_of_unknown(state)
        # Made now, so that every counter exists at 0 before there is anything to count.
        TruthCounters(runtime.slot, UNKNOWN)
        NotificationCounters(runtime.slot, state.channels)
        for declaration in state.declarations():
            route_of(state, declaration)
            TruthCounters(runtime.slot, Owner(declaration.model, declaration.version))
        for endpoint in endpoints_of(state.app()):
            prepare(state, endpoint)
