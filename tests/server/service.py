"""A small service for tests that need real servers.

Its instance folder is ``$SERVICE_FOLDER``; a ``baseline.json`` in there is its model's baseline.
"""

import os
import sys
import time
from pathlib import Path

from flask import Flask, Response, request

from flask_mlmonitor import MLMonitor

WORKER: str = "X-Worker"
HEAVY = ("scipy", "pandas", "sklearn")


def create_app() -> Flask:
    """Make the service; each answer names the process it comes from."""
    folder = Path(os.environ["SERVICE_FOLDER"]).absolute()
    baseline = folder / "baseline.json"
    app = Flask(__name__, instance_path=str(folder))
    app.config.from_prefixed_env()
    monitor = MLMonitor(app)

    @app.post("/predict")
    @monitor.prediction("fraud", version="2", baseline=baseline if baseline.exists() else None)
    def predict() -> dict[str, object]:
        return {"prediction": True, "probability": 0.75}

    @app.post("/late/<float:seconds>")
    @monitor.prediction("late", timeout=0.1, fallback=lambda seconds: {"prediction": seconds})
    def late(seconds: float) -> dict[str, object]:
        time.sleep(seconds)
        return {"prediction": len(request.get_data())}

    @app.get("/heavy")
    def heavy() -> list[str]:
        return [name for name in HEAVY if name in sys.modules]

    @app.after_request
    def sign(response: Response) -> Response:
        response.headers[WORKER] = str(os.getpid())
        return response

    return app
