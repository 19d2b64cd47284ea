"""For the tests of apps that are monitored."""

from flask import Flask

from flask_mlmonitor._app import current_state
from flask_mlmonitor.records import Prediction
from flask_mlmonitor.store.reading import read_predictions


def drained(app: Flask, timeout: float = 10.0) -> list[Prediction]:
    """Return every prediction of the app, oldest first, after moving all of them to the store.

    :param timeout: seconds to wait for another process that is draining.
    """
    with app.app_context():
        state = current_state()
        state.runtime.flush(timeout)
        stored = read_predictions(state.runtime.database)
        return [prediction for prediction in stored if prediction.app == state.name]
