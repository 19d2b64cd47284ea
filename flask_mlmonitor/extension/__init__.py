"""The extension object: wiring only."""

import weakref
from pathlib import Path

from flask import Flask

from flask_mlmonitor._alerting import duties_of
from flask_mlmonitor._app import EXTENSION, AppState, Authorize, Declaration, load_baseline
from flask_mlmonitor.background.folders import check_folders
from flask_mlmonitor.channels.configured import channels_of
from flask_mlmonitor.cloudwatch.sender import check_installed
from flask_mlmonitor.config import Settings
from flask_mlmonitor.counters.cells import Owner
from flask_mlmonitor.counters.faults import LOGGER
from flask_mlmonitor.counters.requests import (
    UNKNOWN,
    NotificationCounters,
    RetrainingCounters,
    TruthCounters,
)
from flask_mlmonitor.exceptions import ConfigError
from flask_mlmonitor.extension.alerts import AlertManager
from flask_mlmonitor.extension.by_hand import ByHand
from flask_mlmonitor.extension.commands import NAME, Commands
from flask_mlmonitor.extension.decorators import Decorators
from flask_mlmonitor.request.boundary import Boundary
from flask_mlmonitor.request.prediction import endpoints_of, prepare, warn_of_bypassed
from flask_mlmonitor.request.privacy import warn_of_unknown
from flask_mlmonitor.request.route import route_of
from flask_mlmonitor.web.blueprint import add_routes, warn_of_clash


class MLMonitor(Decorators, ByHand):
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
        super().__init__()
        self.alerts = AlertManager()
        self._authorize = authorize
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
        check_folders(settings, testing=app.testing)
        check_installed(settings)
        reference = weakref.ref(app)
        state = AppState(
            reference,
            app.name,
            Path(app.root_path),
            settings,
            self._registered,
            lambda: _declared_by(reference()),
            duties_of,
            channels_of(settings),
            self._authorize,
        )
        for declaration in self._early:
            load_baseline(declaration.baseline, state.root)
        self._root = state.root
        app.extensions[EXTENSION] = state
        app.cli.add_command(Commands(NAME, help="Monitor the models that this app serves."))
        weakref.finalize(app, state.close)
        if settings.enabled:
            app.wsgi_app = Boundary(app.wsgi_app, lambda: _open(state))  # type: ignore[method-assign]
            add_routes(app, settings)


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
        warn_of_bypassed(state)
        warn_of_unknown(state)
        # Made now, so that every counter exists at 0 before there is anything to count.
        TruthCounters(runtime.slot, UNKNOWN)
        NotificationCounters(runtime.slot, state.channels)
        for declaration in state.declarations():
            route_of(state, declaration)
            owner = Owner(declaration.model, declaration.version)
            TruthCounters(runtime.slot, owner)
            RetrainingCounters(runtime.slot, owner)
        for endpoint in endpoints_of(state.app()):
            prepare(state, endpoint)
