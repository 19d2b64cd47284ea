"""What all tests share: apps with a monitor, and what can be seen of them from outside."""

import contextlib
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from flask import Flask
from flask.testing import FlaskClient
from prometheus_client import CollectorRegistry
from werkzeug.test import TestResponse

from flask_mlmonitor import Baseline, MLMonitor, MLMonitorError, Prediction
from flask_mlmonitor._app import EXTENSION, AppState
from flask_mlmonitor.background.runtime import Runtime
from flask_mlmonitor.testing import drained
from tests.disks import SmallDisk
from tests.missing import missing
from tests.postgres import Postgres

TALLIED = {
    "ml_predictions_total": ("predictions", "status"),
    "ml_prediction_errors_total": ("errors", "error_type"),
    "ml_fallback_total": ("fallbacks", "reason"),
    "ml_validation_failures_total": ("failures", "feature", "rule"),
    "ml_prediction_latency_seconds_count": ("timed",),
    "ml_predictions_in_progress": ("in progress",),
    "ml_circuit_open": ("circuit open",),
    "ml_abandoned_calls_total": ("abandoned",),
    "ml_abandoned_calls_in_progress": ("abandoned in progress",),
    "mlmonitor_internal_errors_total": ("faults", "where"),
    "mlmonitor_records_dropped_total": ("dropped", "reason"),
}
"""The metrics of a tally: their word in it, then the labels that tell their samples apart."""


class Service:
    """An app with monitored routes, as its callers, its metrics and its store show it."""

    def __init__(self, app: Flask, monitor: MLMonitor) -> None:
        self.app = app
        self.monitor = monitor
        self.client: FlaskClient = app.test_client()

    @property
    def state(self) -> AppState:
        """What the monitor keeps for the app."""
        state = self.app.extensions[EXTENSION]
        assert isinstance(state, AppState)
        return state

    @property
    def runtime(self) -> Runtime:
        """What this process keeps for the app."""
        return self.state.runtime

    def post(self, payload: Any = None, **options: Any) -> TestResponse:
        """Ask for a prediction of *payload*, sent as JSON."""
        options.setdefault("json", {"age": 41} if payload is None else payload)
        return self.client.post("/predict", buffered=True, **options)

    def rows(self) -> list[Prediction]:
        """Return all that is stored, oldest first."""
        return drained(self.app)

    def row(self) -> Prediction:
        """Return the only prediction that is stored."""
        (row,) = self.rows()
        return row

    def samples(self, name: str) -> dict[tuple[str, ...], float]:
        """Return a metric's samples by their labels' values."""
        registry = CollectorRegistry(auto_describe=False)
        registry.register(self.monitor.collector(self.app))
        return {
            tuple(sample.labels.values()): sample.value
            for family in registry.collect()
            for sample in family.samples
            if sample.name == name
        }

    def tally(self) -> dict[str, float]:
        """Return every count above zero, of all models and of the monitor itself.

        A test that compares the whole tally also sees what should not have been counted.
        """
        registry = CollectorRegistry(auto_describe=False)
        registry.register(self.monitor.collector(self.app))
        tally: dict[str, float] = {}
        for family in registry.collect():
            for sample in family.samples:
                if sample.name in TALLIED and sample.value:
                    word, *labels = TALLIED[sample.name]
                    key = " ".join([word, *(sample.labels[label] for label in labels)])
                    tally[key] = tally.get(key, 0) + sample.value
        return tally

    def flush(self) -> bool:
        """Move what is journaled into the store; return whether nothing is left."""
        with self.app.app_context():
            return self.monitor.flush(5.0)

    @staticmethod
    def wait_for(condition: Callable[[], object], seconds: float = 15.0) -> None:
        """Return when *condition* holds; fail when it does not in time."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "it did not happen in time"
            time.sleep(0.01)

    def close(self) -> None:
        """Give back what this process holds for the app."""
        with contextlib.suppress(MLMonitorError):
            self.runtime.close()


MakeService = Callable[..., Service]
Serve = Callable[..., Service]


@pytest.fixture
def make_service() -> Iterator[MakeService]:
    """Make monitored apps: keywords in capitals are configuration, the others are Flask's."""
    made: list[Service] = []

    def make(name: str = "shop", /, monitor: MLMonitor | None = None, **given: Any) -> Service:
        config = {key: value for key, value in given.items() if key.isupper()}
        options: dict[str, Any] = {key: str(given[key]) for key in given if key not in config}
        app = Flask(name, **options)
        app.config.from_mapping({"TESTING": True, **config})
        monitor = monitor or MLMonitor()
        monitor.init_app(app)
        made.append(Service(app, monitor))
        return made[-1]

    yield make
    for service in made:
        service.close()


@pytest.fixture
def production(tmp_path: Path) -> dict[str, Any]:
    """The configuration of a service whose thread keeps its files here, and drains only on demand.

    What waits for :meth:`MLMonitor.flush` is what a test can see.
    """
    return {
        "TESTING": False,
        "MLMONITOR_DATA_DIR": str(tmp_path / "data"),
        "MLMONITOR_STORE_URL": f"sqlite:///{tmp_path / 'store.sqlite3'}",
        "MLMONITOR_BACKGROUND": "external",
    }


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server."""
    if find_spec("psycopg") is None:
        missing("install psycopg: pip install 'flask-mlmonitor[postgresql]'")
    with Postgres() as server:
        yield server


@pytest.fixture
def postgres_url(postgres: Postgres) -> str:
    """The URL of a store in PostgreSQL that nobody has used yet."""
    return postgres.new_store()


@pytest.fixture(params=["sqlite", "postgresql"])
def new_store(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], str]:
    """Makes URLs of stores that nobody has used yet, in each database."""
    if request.param == "postgresql":
        postgres: Postgres = request.getfixturevalue("postgres")
        return postgres.new_store
    numbers = count()
    return lambda: f"sqlite:///{tmp_path / f'store-{next(numbers)}.sqlite3'}"


@pytest.fixture
def store_url(new_store: Callable[[], str]) -> str:
    """The URL of such a store."""
    return new_store()


@pytest.fixture
def service(make_service: MakeService) -> Service:
    """A monitored app that has no route of its own yet."""
    return make_service()


@pytest.fixture
def serve(make_service: MakeService) -> Serve:
    """Serve a view as version 2 of the model "fraud"; the keywords are the decorator's.

    With ``config=``, the app's configuration; with ``by=``, another decorator's name.
    """

    def serve(
        view: Callable[..., Any],
        *arguments: Any,
        by: str = "prediction",
        config: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> Service:
        service = make_service(**config or {})
        decorator = getattr(service.monitor, by)("fraud", *arguments, version="2", **options)
        service.app.post("/predict")(decorator(view))
        return service

    return serve


@pytest.fixture(scope="session")
def baseline() -> Baseline:
    """Two hundred customers; only `income` was ever missing, `plan` and `member` are no numbers."""
    return Baseline.from_dataframe(
        pd.DataFrame(
            {
                "age": [18 + number % 60 for number in range(200)],
                "income": [
                    None if number % 10 == 0 else 900.5 + 7 * number for number in range(200)
                ],
                "plan": [("free", "paid", "gold")[number % 3] for number in range(200)],
                "member": [number % 2 == 0 for number in range(200)],
                "churned": [number % 4 == 0 for number in range(200)],
            }
        ),
        target="churned",
    )


@pytest.fixture
def customer() -> dict[str, Any]:
    """A payload that breaks none of the baseline's rules."""
    return {"age": 41, "income": 1200.5, "plan": "paid", "member": True}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """A disk of 1 MiB."""
    path = tmp_path / "disk"
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(path)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        missing("mounting a disk takes root")
    yield SmallDisk(path)
    subprocess.run(["umount", "--lazy", str(path)], check=True)
