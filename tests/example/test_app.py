"""The service over HTTP: an ordinary app, watched."""

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from example_service.data import rows
from example_service.files import OUTAGE
from example_service.model import LATE, ON_TIME
from example_service.summary import counter

ROOT = Path(__file__).parents[2]


@pytest.fixture
def flights(sample: pd.DataFrame) -> list[dict[str, object]]:
    """A punctual flight and one that leaves two hours late."""
    [flight] = rows(sample[:1])
    return [{**flight, "dep_delay": -3.0}, {**flight, "dep_delay": 120.0}]


def content(answer: TestResponse) -> Any:
    """The JSON that was answered."""
    return json.loads(answer.data)


def endings(client: FlaskClient) -> dict[str, int]:
    """How the predictions ended that ``/metrics`` knows of."""
    counts = counter(client.get("/metrics").text, "ml_predictions_total", "status")
    return {ending: number for ending, number in counts.items() if number}


def test_one_flight(client: FlaskClient, flights: list[dict[str, object]]) -> None:
    """A flight as an object is answered with an outcome and its probability."""
    punctual, late = (client.post("/predict", json=flight) for flight in flights)

    assert content(punctual)["prediction"] == ON_TIME
    assert content(late)["prediction"] == LATE
    assert 0 < content(punctual)["probability"] < 0.5 < content(late)["probability"] < 1
    assert late.headers["X-Prediction-Source"] == "primary"
    assert endings(client) == {"success": 2}


def test_several_flights(client: FlaskClient, flights: list[dict[str, object]]) -> None:
    """KServe's ``instances`` are answered in their order and counted by row."""
    answer = client.post("/predict", json={"instances": flights})

    assert content(answer)["predictions"] == [ON_TIME, LATE]
    assert len(content(answer)["probabilities"]) == 2
    assert endings(client) == {"success": 2}


@pytest.mark.parametrize("body", [b'{"dep_delay": 2', b"", b"{}", b'{"instances": [1]}'])
def test_what_is_no_flight_is_refused(client: FlaskClient, body: bytes) -> None:
    """Cut, empty and wrongly shaped bodies get a 400 and count as invalid."""
    answer = client.post("/predict", data=body, content_type="application/json")

    assert answer.status_code == 400
    assert set(endings(client)) == {"invalid"}


def test_rule_answers_while_the_model_is_out(
    client: FlaskClient, flights: list[dict[str, object]], trained: Path
) -> None:
    """With the file ``outage`` in its folder the model raises, and the delay decides."""
    (trained / OUTAGE).touch()
    try:
        one = client.post("/predict", json=flights[1])
        several = client.post("/predict", json={"instances": flights})
    finally:
        (trained / OUTAGE).unlink()

    assert content(one)["prediction"] == LATE
    assert content(several)["predictions"] == [ON_TIME, LATE]
    assert one.headers["X-Prediction-Source"] == "fallback"
    assert endings(client) == {"fallback": 3}


def test_rule_answers_where_the_model_cannot(
    client: FlaskClient, flights: list[dict[str, object]]
) -> None:
    """A list in the place of a category makes the model raise; the caller gets an answer."""
    answer = client.post("/predict", json={**flights[1], "carrier": ["UA", "DL"]})

    assert content(answer)["prediction"] == LATE
    assert endings(client) == {"fallback": 1}


def test_outcome_comes_later(client: FlaskClient, flights: list[dict[str, object]]) -> None:
    """The ids in the answers are what outcomes are reported for."""
    one = client.post("/predict", json=flights[0]).headers["X-Prediction-ID"]
    batch = client.post("/predict", json={"instances": flights}).headers["X-Prediction-ID"]
    request_id = batch.partition(":")[0]
    truths = [
        {"prediction_id": one, "value": ON_TIME},
        {"prediction_id": f"{request_id}:1", "value": LATE},
    ]
    answer = content(client.post("/mlmonitor/ground-truth", json=truths))

    assert answer["accepted"] + answer["pending"] == 2
    assert answer["invalid"] == []


def test_service_says_what_it_is(client: FlaskClient) -> None:
    """The front page names the features, in order."""
    assert content(client.get("/"))["features"][0] == "dep_delay"


def test_worker_is_light(trained: Path) -> None:
    """A web worker of the service loads neither pandas nor scipy nor scikit-learn."""
    code = (
        "import sys; from example_service.app import create_app; create_app();"
        "print({'pandas', 'scipy', 'sklearn'} & set(sys.modules))"
    )
    environment = {**os.environ, "FLASK_EXAMPLE_DIR": str(trained)}
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert (run.stdout, run.stderr) == ("set()\n", "")


@pytest.mark.slow
def test_the_one_command(tmp_path: Path) -> None:
    """Training, serving, replaying and summing up agree on every count, twice in one folder."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "example_service", "--dir", str(tmp_path / "example")]
    command += ["--port", str(port), "--seconds", "4", "--patience", "0"]
    command += ["--outage", "1", "--malformed", "0.05"]
    for _ in range(2):
        run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

        assert "All counts agree." in run.stdout, run.stdout + run.stderr
        assert re.search(r"^accuracy +0\.", run.stdout, re.MULTILINE)
        assert re.search(r"^ml_model_accuracy\{.* 0\.", run.stdout, re.MULTILINE)
        assert run.returncode == 0
    assert [entry.name for entry in tmp_path.iterdir()] == ["example"]
