"""A shop whose fraud model has been served for some hours, some of it badly."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from flask import Flask

from flask_mlmonitor import Baseline, MLMonitor
from flask_mlmonitor._app import EXTENSION
from tests.conftest import Service

TOKEN: Final = "s=cret"
MARKUP: Final = "<img src=x onerror=alert(1)>"
"""The name of a feature."""
CATEGORY: Final = "</script><b>gold"
"""A value of another one."""
Names = tuple[str, str]
"""Of a feature, and of a value of another one."""
ODD: Final = (MARKUP, CATEGORY)
HOURS: Final = 5
PER_HOUR: Final = 300
BEARER: Final = {"Authorization": f"Bearer {TOKEN}"}


def customers(n: int, seed: int, names: Names, *, shift: float = 0.0) -> pd.DataFrame:
    """Return customers, with what they did and what the model says of them."""
    feature, category = names
    random = np.random.default_rng(seed)
    age = random.normal(45 + shift, 12, n).round(1)
    probability = 1 / (1 + np.exp(-(age - 45) / 6))
    return pd.DataFrame(
        {
            "age": age,
            "amount": np.where(random.random(n) < 0.05, np.nan, random.lognormal(3, 1, n)),
            "plan": random.choice(["free", "paid", category], n, p=[0.6, 0.3, 0.1]),
            "member": random.random(n) < 0.5,
            feature: random.integers(0, 5, n),
            "probability": probability.round(4),
            "fraud": random.random(n) < probability,
        }
    )


def open_shop(folder: Path, names: Names = ODD) -> Service:
    """Serve the model for some hours up to now; in the last one, customers are much older.

    :param names: of a feature, and of a value of another one.
    """
    app = Flask("shop")
    app.config.update(
        MLMONITOR_API_TOKEN=TOKEN,
        MLMONITOR_DATA_DIR=str(folder / "data"),
        MLMONITOR_STORE_URL=f"sqlite:///{folder / 'store.sqlite3'}",
        MLMONITOR_BACKGROUND="external",
        MLMONITOR_WINDOWS="1h,3h",
    )
    monitor = MLMonitor()

    @app.post("/predict")
    @monitor.prediction("fraud", version="2", baseline=_baseline(names))
    def predict() -> Any:
        return {"prediction": True, "probability": 0.9}

    monitor.register("idle", version="0.1")
    monitor.init_app(app)
    service = Service(app, monitor)
    with app.app_context():
        _serve(service, names)
    return service


def _baseline(names: Names) -> Baseline:
    known = customers(3000, 1, names)
    predictions, probabilities = known["probability"] >= 0.5, known.pop("probability")
    return Baseline.from_dataframe(
        known, target="fraud", predictions=predictions, probabilities=probabilities
    )


def _serve(service: Service, names: Names) -> None:
    now = datetime.now(UTC)
    hour = now.replace(minute=0, second=0, microsecond=0)
    truths = []
    for ago in range(HOURS, -1, -1):
        begin = hour - timedelta(hours=ago)
        truths += _hour(
            service, begin, now, customers(PER_HOUR, ago, names, shift=20.0 * (ago <= 1))
        )
    for _ in range(30):
        service.post({"age": 41.0, "amount": 20.0, "plan": "free", "member": True, names[0]: 1})
    assert service.flush()
    answer = service.client.post("/mlmonitor/ground-truth", json=truths, headers=BEARER)
    assert answer.get_json()["accepted"] == len(truths)
    for ago in range(HOURS - 1, -1, -1):
        service.monitor.evaluate(at=hour - timedelta(hours=ago))
    watch = service.app.extensions[EXTENSION].runtime.duties["shop"].watch
    service.monitor.evaluate()
    watch.look()
    service.monitor.alerts.check_latency(3.0, model="fraud", version="2")


def _hour(
    service: Service, begin: datetime, now: datetime, rows: pd.DataFrame
) -> list[dict[str, Any]]:
    """Predict for an hour; return the ground truth of two in three of the predictions."""
    truths = []
    step = timedelta(hours=1) / PER_HOUR
    for number, given in enumerate(rows.to_dict("records")):
        at = begin + number * step
        if at > now:
            break
        row: dict[str, Any] = {str(name): value for name, value in given.items()}
        probability, fraud = row.pop("probability"), row.pop("fraud")
        amount = row["amount"]
        row["amount"] = None if amount != amount else amount
        known = service.monitor.record_prediction(
            *("fraud", row, bool(probability >= 0.5)),
            version="2",
            probability=probability,
            latency=0.05,
            time=at,
        )
        if number % 3:
            truths.append({"prediction_id": known, "value": bool(fraud)})
    return truths
