"""A trained service in a folder of its own."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from flask import Flask
from flask.testing import FlaskClient

from example_service.app import create_app
from example_service.data import read_flights
from example_service.files import BASELINE, MODEL
from example_service.inbox import Inbox
from example_service.training import build_baseline, fit, training_flights


@pytest.fixture(scope="session")
def sample() -> pd.DataFrame:
    """Every eighth flight of the training weeks."""
    return training_flights(read_flights())[::8]


@pytest.fixture(scope="session")
def trained(sample: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model and a baseline of the sample."""
    directory = tmp_path_factory.mktemp("trained")
    model = fit(sample)
    model.save(directory / MODEL)
    build_baseline(sample).save(directory / BASELINE)
    return directory


@pytest.fixture
def app(trained: Path, monkeypatch: pytest.MonkeyPatch) -> Flask:
    """The service as its environment makes it, under test."""
    monkeypatch.setenv("FLASK_EXAMPLE_DIR", str(trained))
    monkeypatch.setenv("FLASK_TESTING", "true")
    return create_app()


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    """Where alerts arrive."""
    with Inbox() as inbox:
        yield inbox


@pytest.fixture
def client(app: Flask) -> Iterator[FlaskClient]:
    """A caller of the service."""
    with app.test_client() as client:
        yield client
