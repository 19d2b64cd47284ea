"""Each dialect from the mouth of a client that others wrote, over a real connection."""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from flask import Response, request

from flask_mlmonitor import Baseline

if TYPE_CHECKING:
    from tests.clients.conftest import AskBy
    from tests.conftest import Serve, Service

TWO = [{"plan": "free", "age": 41}, {"plan": "paid", "age": 42}]


@pytest.fixture
def invocations(service: "Service") -> "Service":
    """A view as MLflow's server would be: it doubles the ages, or the first column."""

    @service.app.post("/invocations")
    @service.monitor.prediction("fraud")
    def predict() -> Any:
        if request.mimetype == "text/csv":
            frame = pd.read_csv(request.stream)
        else:
            body = request.get_json()
            split = body.get("dataframe_split", {})
            frame = pd.DataFrame(
                split.get("data", body.get("dataframe_records", body.get("inputs"))),
                columns=split.get("columns"),
            )
        column = frame["age"] if "age" in frame else frame[0]
        return {"predictions": (2 * column).tolist()}

    return service


def test_mlflow(invocations: "Service", serve: "Serve", ask_by: "AskBy") -> None:
    """What its client sends is read, and what its server writes is understood."""
    told = ask_by(invocations, "by_mlflow", "mlflow")
    rows = invocations.rows()

    assert [answer["predictions"] for answer in told["answers"]] == [
        *([82, 84], [82], [83.0, 85.0], [82, 84], [82, 84])
    ]
    assert [row.features for row in rows] == [
        *TWO,
        *TWO[:1],
        *({"0": 41.5, "1": 900.25}, {"0": 42.5, "1": 901.25}),
        *TWO,
        *TWO,
    ]
    assert [row.prediction for row in rows] == [82, 84, 82, 83.0, 85.0, 82, 84, 82, 84]
    assert invocations.tally() == {"predictions success": 9, "timed": 5}
    for name, text in told["written"].items():
        answering = serve(lambda text=text: Response(text, mimetype="application/json"))
        answering.post(TWO)
        probabilities = [0.5, 0.75] if name == "frame" else [None, None]

        assert [row.prediction for row in answering.rows()] == [1.5, 2.5]
        assert [row.probability for row in answering.rows()] == probabilities


class Doubling:
    """A fallback that doubles the first feature of the baseline."""

    def predict(self, rows: Any) -> list[float]:
        """Return an answer for each row."""
        return [2 * (0 if math.isnan(row[0]) else row[0]) for row in rows]


def test_triton(service: "Service", baseline: Baseline, ask_by: "AskBy") -> None:
    """Its JSON and its raw tensors are read, and it reads what a fallback answers."""

    @service.app.post("/v2/models/fraud/versions/2/infer")
    @service.monitor.prediction("fraud", version="2", baseline=baseline, fallback=Doubling())
    def predict() -> Any:
        raise ZeroDivisionError

    told = ask_by(service, "by_triton", "tritonclient")
    rows = service.rows()

    assert told == [
        ["columns-False", [83.0, 0.0]],
        ["matrix-False", [83.0, 85.0]],
        ["columns-True", [83.0, 0.0]],
        ["matrix-True", [83.0, 85.0]],
    ]
    assert [
        {name: row.features[name] for name in row.features if name != "age"} for row in rows
    ] == [
        {"plan": "free", "member": True},
        {"plan": "früh", "member": False},
        {"income": 900.25},
        {"income": 901.25},
    ] * 2
    assert [row.prediction for row in rows] == [83.0, 0.0, 83.0, 85.0] * 2
    assert [row.external_id for row in rows] == [key for key, _ in told for _ in range(2)]
    assert service.tally()["failures age nan"] == 2


def test_mlserver(serve: "Serve", written_by: Callable[[str], Any]) -> None:
    """Its codecs for frames and arrays write what is read, and an answer that is understood."""
    frame, matrix, answer = written_by("by_mlserver")
    service = serve(lambda: Response(answer, mimetype="application/json"))
    for body in (frame, matrix):
        service.post(json=None, data=body, content_type="application/json")
    rows = service.rows()

    assert [row.features for row in rows] == [
        {"age": 41.5, "plan": "free", "member": True, "tags": ["a"]},
        {"age": None, "plan": "früh", "member": False, "tags": {}},
        {"0": 41.5, "1": 900.25},
        {"0": 42.5, "1": None},
    ]
    assert [(row.prediction, row.probability) for row in rows] == [
        ("a", {"a": 0.5}),
        ("b", {"b": 0.75}),
    ] * 2
    assert service.tally() == {"predictions success": 4, "timed": 2}


def test_kserve(serve: "Serve", written_by: Callable[[str], Any]) -> None:
    """Its requests are read, in JSON and with raw tensors."""
    plain, raw, length = written_by("by_kserve")
    service = serve(lambda: {"predictions": [1, 0]})
    service.post(json=None, data=plain, content_type="application/json")
    headers = {"Inference-Header-Content-Length": str(length)}
    service.post(json=None, data=bytes.fromhex(raw), headers=headers)
    rows = service.rows()

    assert [(row.features["plan"], row.external_id) for row in rows] == [
        ("free", "r-1"),
        ("früh", "r-1"),
    ] * 2
    assert [row.features["age"] for row in rows] == [41.5, None] * 2
    assert service.tally() == {"predictions success": 4, "timed": 2}
