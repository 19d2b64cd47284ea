"""What a service need not be told: its files are private, its labels its own, and no pickle."""

import ast
import os
import stat
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from flask import request

from flask_mlmonitor import Baseline
from flask_mlmonitor.records import Served

if TYPE_CHECKING:
    from tests.conftest import MakeService, Service

PACKAGE = Path(__file__).parents[1] / "flask_mlmonitor"
UNPICKLERS = {"pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve", "jsonpickle"}


@pytest.fixture(params=[0o000, 0o022, 0o077], ids="umask {:03o}".format)
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    """Make files as a process with this umask does."""
    before = os.umask(request.param)
    yield
    os.umask(before)


def use(service: "Service") -> None:
    """Predict, fall back, log, report ground truth, meet a damaged segment and a dead letter."""

    def view() -> Any:
        if request.get_json()["age"] == 0:
            raise ValueError("no such age")
        return {"prediction": 1}

    monitored = service.monitor.prediction("fraud", fallback=lambda: {"prediction": 0})(view)
    service.app.post("/predict")(monitored)
    key = service.post({"age": 41}).headers["X-Prediction-ID"]
    service.post({"age": 0})
    schema = 7  # there is none: the drain can make nothing of it
    service.runtime.journal.append(Served(schema, str(uuid.uuid4()), 1.0, 0, 0.1, False, ()))
    assert service.flush()
    truth = {"prediction_id": key, "value": 1}
    assert service.client.post("/mlmonitor/ground-truth", json=truth).status_code == 200
    service.post({"age": 41})
    path = service.runtime.journal.path
    assert path is not None
    with path.open("r+b") as file:
        file.seek(-3, os.SEEK_END)
        file.write(b"???")
    service.flush()
    service.runtime.journal.heartbeat()
    service.post({"age": 41})


def kinds(folder: Path) -> set[str]:
    """Return how the names of the files in a folder end."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.suffix or path.name for path in files} | {
        end for end in ("-wal", "-shm") for path in files if path.name.endswith(end)
    }


@pytest.mark.usefixtures("umask")
@pytest.mark.parametrize("chosen", [True, False], ids=["chosen", "instance"])
def test_only_its_user_can_read_what_the_monitor_makes(
    make_service: "MakeService", tmp_path: Path, chosen: bool
) -> None:
    """Each file and each folder on the way to it, while a service runs that has seen trouble."""
    top = tmp_path / "made"
    config: dict[str, Any] = {"TESTING": False, "MLMONITOR_BACKGROUND": "external"}
    config |= {"MLMONITOR_API_TOKEN": "token", "PROPAGATE_EXCEPTIONS": False}
    if chosen:
        config["MLMONITOR_DATA_DIR"] = str(top / "a" / "data")
        config["MLMONITOR_STORE_URL"] = f"sqlite:///{top / 'b' / 'store.sqlite3'}"
    service = make_service(instance_path=str(top / "instance"), **config)
    service.client.environ_base["HTTP_AUTHORIZATION"] = "Bearer token"
    use(service)
    found = {path: stat.S_IMODE(path.stat().st_mode) for path in (top, *top.rglob("*"))}

    expected = {".j", ".corrupt", ".lock", ".cells", ".once", ".sqlite3", "-wal", "-shm"}
    assert expected <= kinds(top)
    assert {path: mode for path, mode in found.items() if path.is_dir() and mode != 0o700} == {}
    assert {path: mode for path, mode in found.items() if path.is_file() and mode != 0o600} == {}


@pytest.mark.usefixtures("umask")
def test_only_its_user_can_read_a_tests_files(service: "Service") -> None:
    """They lie where everybody may look."""
    use(service)
    folder = service.runtime.folders.data

    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_no_client_makes_a_label(
    make_service: "MakeService",
    production: dict[str, Any],
    baseline: Baseline,
    customer: dict[str, Any],
) -> None:
    """A thousand made up fields, versions, ids and values add no series to the metrics."""

    def version() -> str:
        return request.args.get("version", "1")

    service = make_service(**production, MLMONITOR_API_TOKEN="token")
    service.client.environ_base["HTTP_AUTHORIZATION"] = "Bearer token"
    options: dict[str, Any] = {"version": version, "versions": ("1", "2"), "baseline": baseline}
    view = service.monitor.prediction("fraud", **options)(lambda: {"prediction": request.args["p"]})
    service.app.post("/predict")(view)

    def ask(word: str) -> None:
        payload = customer | {word: word, "plan": word}
        headers = {"X-Request-ID": word}
        url = f"/predict?version={word}&p={word}"
        assert service.client.post(url, json=payload, headers=headers).status_code == 200

    def series(*words: str) -> set[str]:
        for word in words:
            ask(word)
        assert service.flush()
        truths = [{"prediction_id": word, "value": word} for word in words]
        answer = service.client.post("/mlmonitor/ground-truth", json=truths).get_json()
        assert answer["pending"] == len(words)
        lines = service.client.get("/metrics").text.splitlines()
        return {line.rsplit(" ", 1)[0] for line in lines if not line.startswith("#")}

    before = series("1", "of-nobody")
    words = [uuid.uuid4().hex for _ in range(1000)]

    assert series(*words) == before
    assert service.tally()["failures __extra__ extra"] == len(words) + 2


def test_no_pickle_is_loaded() -> None:
    """Whoever can write to a file or to the store still cannot run code in the service."""
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or "", *(alias.name for alias in node.names)]
            elif isinstance(node, ast.Attribute):
                names = [node.attr]
            found = {part for name in names for part in name.split(".")}
            assert not found & (UNPICKLERS | {"PickleType", "read_pickle", "allow_pickle"}), path
