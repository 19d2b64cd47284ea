"""The service: an ordinary Flask app with one object and one decorator more."""

import logging
from pathlib import Path
from typing import Any, Final

from flask import Blueprint, Flask, current_app, jsonify, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import BadRequest

from flask_mlmonitor import Baseline, MLMonitor

from .files import BASELINE, DIRECTORY, MODEL, OUTAGE, STORE
from .model import FEATURES, DelayRule, LateArrivals, Row, label

MODEL_NAME: Final = "late-arrival"

monitor = MLMonitor()


class ModelDownError(RuntimeError):
    """The file ``outage`` says that the model is out of order: a way to see the fallback."""


def create_app() -> Flask:
    """Make the app from ``FLASK_…`` variables; ``FLASK_EXAMPLE_DIR`` names its folder."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    app = Flask(__name__)
    app.config["EXAMPLE_DIR"] = DIRECTORY
    app.config.from_prefixed_env()
    directory = Path(str(app.config["EXAMPLE_DIR"])).absolute()
    app.config["EXAMPLE_DIR"] = str(directory)
    app.config.setdefault("MLMONITOR_DATA_DIR", str(directory / "monitor"))
    app.config.setdefault("MLMONITOR_STORE_URL", f"sqlite:///{directory / STORE}")
    monitor.init_app(app)
    model = LateArrivals.load(directory / MODEL)
    app.register_blueprint(predictions(model, Baseline.load(directory / BASELINE)))
    return app


def predictions(model: LateArrivals, baseline: Baseline) -> Blueprint:
    """Serve a model: one flight as an object, several as ``{"instances": […]}``."""
    routes = Blueprint("predictions", __name__)
    rule = DelayRule(position=FEATURES.index("dep_delay"))

    @routes.get("/")
    def about() -> ResponseReturnValue:
        return jsonify(model=MODEL_NAME, predict="/predict", features=FEATURES)

    @routes.post("/predict")
    @monitor.prediction(MODEL_NAME, version="1", baseline=baseline, fallback=rule)
    def predict() -> ResponseReturnValue:
        payload = request.get_json()
        if is_batch := isinstance(payload, dict) and "instances" in payload:
            payload = payload["instances"]
        chances = model.probabilities(_flights(payload if is_batch else [payload]))
        if (Path(current_app.config["EXAMPLE_DIR"]) / OUTAGE).exists():
            raise ModelDownError
        if is_batch:
            return jsonify(predictions=[label(p) for p in chances], probabilities=chances)
        return jsonify(prediction=label(chances[0]), probability=chances[0])

    return routes


def _flights(rows: Any) -> list[Row]:
    if isinstance(rows, list) and rows and all(row and isinstance(row, dict) for row in rows):
        return rows
    msg = 'send a flight as an object, or several as {"instances": [...]}'
    raise BadRequest(msg)
