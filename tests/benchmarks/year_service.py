"""The service of the year's flights: predictions that are recorded as of the time they were due."""

import os
from datetime import datetime
from pathlib import Path

from flask import Flask, request

from example_service.model import LateArrivals, label
from flask_mlmonitor import MLMonitor

MODEL = "flights"


def create_app() -> Flask:
    """Make the service; its instance folder is ``$SERVICE_FOLDER``."""
    folder = Path(os.environ["SERVICE_FOLDER"]).absolute()
    app = Flask(__name__, instance_path=str(folder))
    app.config.from_prefixed_env()
    monitor = MLMonitor(app)
    monitor.register(MODEL, baseline=folder / "baseline.json")
    model = LateArrivals.load(folder / "model.json")

    @app.post("/flights")
    def predict() -> dict[str, list[float]]:
        """Predict flights, each with its features and the moment it leaves."""
        flights = request.get_json()
        chances = model.probabilities([flight["features"] for flight in flights])
        for flight, chance in zip(flights, chances, strict=True):
            monitor.record_prediction(
                MODEL,
                flight["features"],
                label(chance),
                prediction_id=flight["id"],
                probability=chance,
                time=datetime.fromisoformat(flight["time"]),
            )
        return {"probabilities": chances}

    return app
