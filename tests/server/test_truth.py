"""Whether the model is right, through a real server: truth that comes unevenly, and late."""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from math import inf
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import numpy as np
import pandas as pd
import pytest

from flask_mlmonitor.store.results import WindowKey, read_history
from flask_mlmonitor.store.urls import open_store
from tests.labelled import baseline_of, customers
from tests.server.serving import APP, HOST, ROOT, Gunicorn, environment

SETTINGS = {"MLMONITOR_WINDOWS": "1h", "MLMONITOR_API_TOKEN": "t"}
RNG = np.random.default_rng(11)
SOME = customers(RNG, 800, changed=0.25)
TOGETHER = 100


@pytest.fixture
def churn(tmp_path: Path) -> Iterator[Gunicorn]:
    """The model "churn" under gunicorn, with two workers."""
    baseline_of(customers(RNG, 6000)).save(tmp_path / "churn.json")
    with Gunicorn(tmp_path, workers=2, settings=SETTINGS) as server:
        yield server


def predict(server: Gunicorn, some: pd.DataFrame) -> list[str]:
    """Ask what customers will do; return the predictions' ids."""
    keys = []
    with server.caller() as caller:
        for start in range(0, len(some), TOGETHER):
            part = some.iloc[start : start + TOGETHER]
            body = part[["age", "chance"]].to_json(orient="records").encode()
            answer = caller.call("POST", "/churn", body)
            assert answer is not None
            assert answer.status == 200
            keys += [f"{answer.prediction_id}:{row}" for row in range(len(part))]
    return keys


def tell(server: Gunicorn, keys: Sequence[str], some: pd.DataFrame) -> None:
    """Report what they did."""
    known = [
        {"prediction_id": key, "value": bool(left)}
        for key, left in zip(keys, some["left"], strict=True)
    ]
    headers = {"Authorization": "Bearer t", "Content-Type": "application/json"}
    url = f"http://{HOST}:{server.port}/mlmonitor/ground-truth"
    with urlopen(Request(url, json.dumps(known).encode(), headers)) as answer:
        told = json.load(answer)
    assert told["accepted"] + told["pending"] == len(known), told


def run(server: Gunicorn, *arguments: str) -> list[dict[str, Any]]:
    """Run a command beside the server; return what it says of the model."""
    done = subprocess.run(
        [sys.executable, "-m", "flask", "--app", APP, "mlmonitor", *arguments, "--json"],
        cwd=ROOT,
        env=environment(server.folder, SETTINGS),
        stdout=subprocess.PIPE,
        check=True,
    )
    return [one for one in json.loads(done.stdout) if one["model"] == "churn"]


def of_all_workers(server: Gunicorn, path: str) -> list[bytes]:
    """Return what each worker answers."""
    found: dict[int, bytes] = {}
    for _ in range(200):
        answer = server.get(path)
        found[answer.worker] = answer.body
        if len(found) == server.workers:
            return list(found.values())
    raise AssertionError(f"only the workers {list(found)} answered")


def judged(server: Gunicorn) -> list[tuple[int, str]]:
    """Return labels and verdict of each stored window that has predictions."""
    database = open_store(f"sqlite:///{server.folder / 'mlmonitor.sqlite3'}")
    with closing(database):
        found = read_history(database, WindowKey("churn", "1", "1h"), start=0, end=inf)
    return [(one.labelled, one.verdict.severity) for one in found if one.n]


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_truth_that_is_early_for_one_class_and_late_for_the_other(churn: Gunicorn) -> None:
    """Nobody is alarmed by what came early; when the rest is there, the verdict is right."""
    keys = np.array(predict(churn, SOME))
    said = SOME["said"].to_numpy()
    wrong = np.flatnonzero(said & (SOME["said"] != SOME["left"]))

    tell(churn, keys[wrong[:12]].tolist(), SOME.iloc[wrong[:12]])
    (twelve,) = run(churn, "evaluate")
    assert (twelve["n"], twelve["labelled"], twelve["performance"]["accuracy"]) == (800, 12, 0.0)
    assert twelve["verdict"]["severity"] in ("ok", "info")
    assert "too few to judge" in twelve["verdict"]["text"]

    early = np.setdiff1d(np.flatnonzero(said), wrong[:12])
    tell(churn, keys[early].tolist(), SOME.iloc[early])
    (uneven,) = run(churn, "evaluate")
    assert uneven["class_coverage"] == {"True": 1.0, "False": 0.0}
    assert uneven["open"]
    assert uneven["verdict"]["severity"] in ("ok", "info")
    assert b"ml_model_accuracy{" not in churn.get("/metrics").body

    tell(churn, keys[~said].tolist(), SOME.iloc[np.flatnonzero(~said)])
    run(churn, "evaluate")
    (shown,) = run(churn, "performance")
    accuracy = float((SOME["said"] == SOME["left"]).mean())
    assert shown["performance"]["accuracy"] == pytest.approx(accuracy)
    assert shown["coverage"] == 1.0
    assert set(judged(churn)) == {(800, "critical")}
    sample = f'ml_model_accuracy{{model="churn",version="1"}} {accuracy}\n'
    assert [sample in page.decode() for page in of_all_workers(churn, "/metrics")] == [True, True]
    assert [json.loads(page) for page in of_all_workers(churn, "/heavy")] == [[], []]
