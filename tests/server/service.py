"""A small service for tests that need real servers.

Its instance folder is ``$SERVICE_FOLDER``; a ``baseline.json`` in there is its model's baseline, a
``churn.json`` that of a model that answers with the chances it is sent.
"""

import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

import psutil
from flask import Flask, Response, request

from flask_mlmonitor import MLMonitor

WORKER: str = "X-Worker"
HEAVY = ("scipy", "pandas", "sklearn")


def create_app() -> Flask:
    """Make the service; each answer names the process it comes from."""
    folder = Path(os.environ["SERVICE_FOLDER"]).absolute()
    baseline, churned = folder / "baseline.json", folder / "churn.json"
    app = Flask(__name__, instance_path=str(folder))
    app.config.from_prefixed_env()
    monitor = MLMonitor(app)

    @app.post("/predict")
    @monitor.prediction("fraud", version="2", baseline=baseline if baseline.exists() else None)
    def predict() -> dict[str, object]:
        return {"prediction": True, "probability": 0.75}

    @app.post("/churn")
    @monitor.prediction("churn", baseline=churned if churned.exists() else None)
    def churn() -> dict[str, object]:
        chances = [customer["chance"] for customer in request.get_json()]
        return {"predictions": [chance > 0.5 for chance in chances], "probabilities": chances}

    @app.post("/late/<float:seconds>")
    @monitor.prediction("late", timeout=0.4, fallback=lambda seconds: {"prediction": seconds})
    def late(seconds: float) -> dict[str, object]:
        time.sleep(seconds)
        return {"prediction": len(request.get_data())}

    @app.get("/heavy")
    def heavy() -> list[str]:
        return [name for name in HEAVY if name in sys.modules]

    @app.get("/inside")
    def inside() -> dict[str, list[str]]:
        return {
            "threads": [thread.name for thread in threading.enumerate()],
            "files": [file.path for file in psutil.Process().open_files()],
        }

    @app.get("/stall")
    def stall() -> str:
        time.sleep(60)
        return "too late"

    @app.after_request
    def sign(response: Response) -> Response:
        response.headers[WORKER] = str(os.getpid())
        return response

    return app


def create_with_a2wsgi() -> Any:
    """Make the service as an ASGI application."""
    from a2wsgi import WSGIMiddleware

    return WSGIMiddleware(create_app())  # type: ignore[arg-type]


def create_with_asgiref() -> Any:
    """Make the service as an ASGI application, by another adapter."""
    from asgiref.wsgi import WsgiToAsgi

    return WsgiToAsgi(create_app())  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    create_app().run(port=int(sys.argv[1]))
