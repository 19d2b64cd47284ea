"""A service whose callers decide whether its model fails. Its folder is ``$SERVICE_FOLDER``."""

import os
from pathlib import Path

from flask import Flask, request

from flask_mlmonitor import MLMonitor


def create_app() -> Flask:
    """Make the service."""
    app = Flask("moody", instance_path=str(Path(os.environ["SERVICE_FOLDER"]).absolute()))
    app.config.from_prefixed_env()
    monitor = MLMonitor(app)

    @app.post("/well")
    @app.post("/ill", endpoint="ill")
    @monitor.prediction("moods")
    def predict() -> tuple[dict[str, object], int]:
        return (
            ({"sorry": "as asked for"}, 500) if request.path == "/ill" else ({"prediction": 1}, 200)
        )

    return app
