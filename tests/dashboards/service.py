"""A service with all that a dashboard can show: a classifier in two versions, and a regression.

Its callers say what shall go wrong; how it then does is real.
"""

import math
import os
import random
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from flask import Flask, request

from flask_mlmonitor import MLMonitor
from tests.server import traffic

if TYPE_CHECKING:
    from flask_mlmonitor import Baseline

FRAUD: Final = "fraud.json"
PRICE: Final = "price.json"
TIMEOUT: Final = 0.3


def create_app() -> Flask:
    """Make the service."""
    folder = Path(os.environ["SERVICE_FOLDER"]).absolute()
    app = Flask(__name__, instance_path=str(folder))
    app.config.from_prefixed_env()
    monitor = MLMonitor(app)

    @app.post("/fraud")
    @monitor.prediction(
        "fraud",
        version=lambda: request.args.get("version", "1"),
        versions=("1", "2"),
        baseline=folder / FRAUD,
        timeout=TIMEOUT,
    )
    def fraud() -> dict[str, object]:
        """Fail as the caller wishes."""
        match request.args.get("then"):
            case "raise":
                raise RuntimeError("no model")
            case "sleep":
                time.sleep(2 * TIMEOUT)
            case "nan":
                return {"prediction": math.nan}
        score = probability(request.get_json())
        return {"prediction": score > 0.5, "probability": score}

    @app.post("/price")
    @monitor.prediction(
        "price", baseline=folder / PRICE, fallback=lambda: {"prediction": 0.0}, on_invalid="reject"
    )
    def price() -> dict[str, object]:
        if request.args.get("then") == "raise":
            raise RuntimeError("no model")
        return {"prediction": cost(request.get_json())}

    return app


def probability(row: Mapping[str, Any]) -> float:
    """Return how likely a row is a fraud, as the model sees it."""
    return 1 / (1 + math.exp(10 - float(row["amount"] or 10)))


def cost(row: Mapping[str, Any]) -> float:
    """Return a row's price, as the other model sees it."""
    return float(2 * row["amount"] + row["age"])


def truths(rows: list[dict[str, Any]], *, seed: int = 3) -> tuple[list[bool], list[float]]:
    """Return what becomes known of rows: whether they were frauds, and their prices."""
    dice = random.Random(seed)
    return (
        [dice.random() < probability(row) for row in rows],
        [cost(row) + dice.gauss(0, 1) for row in rows],
    )


def baselines(rows: int = 2000) -> "dict[str, Baseline]":
    """Return the baselines of both models, by the names of their files."""
    import pandas as pd

    from flask_mlmonitor import Baseline

    sent = traffic.payloads(rows, seed=0)
    frauds, prices = truths(sent)
    scores = pd.Series([probability(row) for row in sent])
    return {
        FRAUD: Baseline.from_dataframe(
            pd.DataFrame(sent),
            target=frauds,
            predictions=scores > 0.5,
            probabilities=scores,
            positive=True,
        ),
        PRICE: Baseline.from_dataframe(
            pd.DataFrame(sent), target=prices, predictions=[cost(row) for row in sent]
        ),
    }
