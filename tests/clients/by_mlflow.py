"""A program that asks by MLflow's scoring client, and writes answers as MLflow's server does.

``python -m tests.clients.by_mlflow PORT`` prints what it was answered, and what was written.
"""

import io
import json
import os
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

FRAME = pd.DataFrame({"plan": ["free", "paid"], "age": [41, 42]})
MATRIX = np.array([[41.5, 900.25], [42.5, 901.25]])
PREDICTED = {
    "array": np.array([1.5, 2.5]),
    "matrix": np.array([[1.5], [2.5]]),
    "series": pd.Series([1.5, 2.5]),
    "frame": pd.DataFrame({"prediction": [1.5, 2.5], "probability": [0.5, 0.75]}),
}


def answers(port: str) -> Iterator[Any]:
    """Ask by a frame, one of a single row, an array, records, and CSV."""
    import requests
    from mlflow.pyfunc.scoring_server.client import ScoringServerClient

    client = ScoringServerClient("127.0.0.1", port)
    yield client.invoke(FRAME)
    yield client.invoke(FRAME[:1], params={"temperature": 1})
    yield client.invoke(MATRIX)
    url = f"{client.url_prefix}/invocations"
    yield requests.post(
        url, json={"dataframe_records": FRAME.to_dict("records")}, timeout=30
    ).json()
    csv, kind = FRAME.to_csv(index=False), {"Content-Type": "text/csv"}
    yield requests.post(url, csv, headers=kind, timeout=30).json()


def written(predicted: Any) -> str:
    """Return the answer that MLflow's server makes of what a model predicted."""
    from mlflow.pyfunc.scoring_server import predictions_to_json

    text = io.StringIO()
    predictions_to_json(predicted, text)
    return text.getvalue()


def main(port: str) -> None:
    """Print all of it as JSON."""
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    texts = {name: written(predicted) for name, predicted in PREDICTED.items()}
    print(json.dumps({"answers": list(answers(port)), "written": texts}))


if __name__ == "__main__":
    main(sys.argv[1])
