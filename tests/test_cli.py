"""What `flask mlmonitor` prints, does, and how it ends."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from click.testing import Result
from flask import Flask

from flask_mlmonitor import Baseline
from flask_mlmonitor.background.election import HostElection
from flask_mlmonitor.cli import cli

if TYPE_CHECKING:
    from tests.conftest import MakeService, Serve, Service

FLASK = [sys.executable, "-m", "flask"]
SERVICE = """
from flask import Flask
from flask_mlmonitor import MLMonitor

app = Flask(__name__)
app.config.from_prefixed_env()
MLMonitor(app)
"""


def run(service: "Service", *arguments: str) -> Result:
    """Run a command of the app."""
    return service.app.test_cli_runner().invoke(cli, arguments)


def assert_told(result: Result, status: int, *words: str) -> None:
    """Fail unless the command ended with *status* and one line that holds the words."""
    assert result.exit_code == status, result.output
    assert isinstance(result.exception, SystemExit)
    *_, line = result.output.splitlines()
    assert line.startswith("Error: ")
    assert result.output.count("\n") <= (1 if status == 1 else 4)
    for word in words:
        assert word in line


@pytest.fixture
def fraud(serve: "Serve", production: dict[str, Any]) -> "Service":
    """Three predictions, one of them failed, and the ground truth of one."""
    answers = iter([({"prediction": 1}, 200), ({"error": "no"}, 500), ({"prediction": 0}, 200)])
    service = serve(lambda: next(answers), config=production)
    keys = [service.post().headers["X-Prediction-ID"] for _ in range(3)]
    assert service.flush()
    with service.app.app_context():
        service.monitor.record_ground_truth(keys[0], 1)
        service.monitor.record_ground_truth("nobody's", 1)
    return service


def test_status(fraud: "Service") -> None:
    """What is stored, what waits, and where."""
    result = run(fraud, "status")

    assert result.exit_code == 0, result.output
    lines = [" ".join(line.split()) for line in result.output.splitlines()]
    assert lines[:6] == [
        *("fraud 2", "predictions 3", "success 2", "fallback 0", "error 1", "invalid 0"),
    ]
    assert {"ground truth 1", "coverage 0.500", "pending ground truth 1"} <= set(lines)
    assert {"dead letters 0", "journal bytes 0"} <= set(lines)
    assert lines[-1] == f"store {fraud.runtime.database.path}"


def test_status_for_programs(fraud: "Service") -> None:
    """With `--json`, the same as one document."""
    found = json.loads(run(fraud, "status", "--json").output)

    assert found["models"][0].pop("requests_per_second") > 0
    assert found == {
        "models": [
            {
                "model": "fraud",
                "version": "2",
                "predictions": 3,
                "success": 2,
                "fallback": 0,
                "error": 1,
                "invalid": 0,
                "ground_truth": 1,
                "coverage": 0.5,
            }
        ],
        "pending_ground_truth": 1,
        "dead_letters": 0,
        "journal_bytes": 0,
        "drain_lag_seconds": 0,
        "store": str(fraud.runtime.database.path),
    }


def test_status_of_what_waits(serve: "Serve", production: dict[str, Any]) -> None:
    """Before the first drain there is no model, but a journal."""
    service = serve(lambda: {"prediction": 1}, config=production)
    service.post()
    found = json.loads(run(service, "status", "--json").output)

    assert found["models"] == []
    assert found["journal_bytes"] > 0
    assert found["drain_lag_seconds"] > 0


def test_status_before_anything(make_service: "MakeService", production: dict[str, Any]) -> None:
    """A service that nobody asked yet is no error."""
    result = run(make_service(**production), "status")

    assert result.exit_code == 0, result.output
    assert "journal bytes             0" in result.output


@pytest.mark.parametrize("arguments", [("status",), ("status", "--json"), ("worker",)])
def test_an_app_without_a_monitor(arguments: tuple[str, ...]) -> None:
    """One line says what to call."""
    result = Flask("shop").test_cli_runner().invoke(cli, arguments)

    assert_told(result, 1, "'shop' is not monitored", "monitor.init_app(app)")


@pytest.mark.parametrize("arguments", [("status",), ("status", "--json")])
def test_status_while_the_store_is_down(
    make_service: "MakeService", production: dict[str, Any], arguments: tuple[str, ...]
) -> None:
    """One line says that it cannot be read, and why."""
    service = make_service(**production)
    Path(production["MLMONITOR_STORE_URL"].removeprefix("sqlite:///")).mkdir()

    assert_told(run(service, *arguments), 1, "The store cannot be read", "Is a directory")


@pytest.mark.parametrize("arguments", [("status",), ("worker",)])
def test_a_folder_that_cannot_be_used(
    make_service: "MakeService", production: dict[str, Any], arguments: tuple[str, ...]
) -> None:
    """One line names the key."""
    service = make_service(**production)
    Path(production["MLMONITOR_DATA_DIR"]).write_text("a file is in the folder's place")

    assert_told(run(service, *arguments), 1, "MLMONITOR_DATA_DIR", "folder")


@pytest.fixture
def environment(tmp_path: Path, production: dict[str, Any]) -> dict[str, str]:
    """The environment of a real process that works for the service of *production*."""
    (tmp_path / "service.py").write_text(SERVICE)
    root = str(Path(__file__).parents[1])
    return {
        **os.environ,
        **{f"FLASK_{key}": value for key, value in production.items() if isinstance(value, str)},
        "FLASK_APP": str(tmp_path / "service.py"),
        "PYTHONPATH": root,
        "PYTHONWARNINGS": "error",
    }


@contextmanager
def working(environment: dict[str, str]) -> Iterator["subprocess.Popen[str]"]:
    """Run a worker; at the end it is dead, whatever happened."""
    with subprocess.Popen(
        [*FLASK, "mlmonitor", "worker"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as worker:
        try:
            yield worker
        finally:
            worker.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_worker(
    serve: "Serve",
    production: dict[str, Any],
    environment: dict[str, str],
    number: signal.Signals,
) -> None:
    """It drains what comes while it lives, says where from, and ends cleanly when told to."""
    service = serve(lambda: {"prediction": 1}, config=production)
    service.post()
    with working(environment) as worker:
        assert worker.stderr is not None
        first = worker.stderr.readline()
        assert str(service.runtime.spool.path) in first
        service.wait_for(lambda: stored(service) == 1)
        service.post()
        service.wait_for(lambda: stored(service) == 2)
        worker.send_signal(number)
        out, err = worker.communicate(timeout=10)

    assert (worker.returncode, out, err) == (0, "", "")
    election = HostElection(service.runtime.folders.data / "drain.lock")
    assert election.win(), "it gave its office back"
    election.resign()


def stored(service: "Service") -> int:
    """Return how many predictions are in the store, moving none."""
    samples = json.loads(run(service, "status", "--json").output)["models"]
    return sum(int(model["predictions"]) for model in samples)


def test_a_worker_drains_before_it_ends(
    serve: "Serve", production: dict[str, Any], environment: dict[str, str]
) -> None:
    """Told to stop at once, it still moves what waits."""
    service = serve(lambda: {"prediction": 1}, config=production)
    for _ in range(20):
        service.post()
    with working(environment) as worker:
        assert worker.stderr is not None
        worker.stderr.readline()
        worker.terminate()
        worker.communicate(timeout=10)

    assert worker.returncode == 0
    assert stored(service) == 20


@pytest.fixture
def training(tmp_path: Path) -> Path:
    """Training data as CSV."""
    path = tmp_path / "train.csv"
    frame = pd.DataFrame(
        {"age": range(40), "zip": [1, 2] * 20, "id": range(40), "late": ["no", "yes"] * 20}
    )
    frame.to_csv(path, index=False)
    return path


def build(*arguments: object) -> Result:
    """Build a baseline with what stands on the command line."""
    words = ["baseline", "build", *map(str, arguments)]
    return Flask("none").test_cli_runner().invoke(cli, words)


def test_building_a_baseline_without_an_app(tmp_path: Path, training: Path) -> None:
    """A real command, in a folder where there is no app."""
    empty = tmp_path / "empty"
    empty.mkdir()
    words = ["mlmonitor", "baseline", "build", str(training), "-o", "baseline.json"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    environment.pop("FLASK_APP", None)
    done = subprocess.run(
        [*FLASK, *words], env=environment, cwd=empty, capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "baseline.json: 4 features, 40 rows\n"
    assert Baseline.load(empty / "baseline.json").feature_names == ("age", "zip", "id", "late")


def test_the_options_of_a_baseline(tmp_path: Path, training: Path) -> None:
    """They are those of `Baseline.from_csv`."""
    output = tmp_path / "baseline.json"
    options = ["--target", "late", "--categorical", "zip", "--exclude", "id", "--positive", "yes"]
    result = build(training, "--output", output, *options)

    assert result.exit_code == 0, result.output
    baseline = Baseline.load(output)
    assert baseline.feature_names == ("age", "zip")
    assert baseline.features["zip"].kind == "categorical"
    assert (baseline.positive, baseline.n) == ("yes", 40)


def test_a_baseline_from_parquet(tmp_path: Path, training: Path) -> None:
    """By the ending of the file's name."""
    pd.read_csv(training).to_parquet(tmp_path / "train.parquet")
    result = build(tmp_path / "train.parquet", "-o", tmp_path / "baseline.json")

    assert result.exit_code == 0, result.output
    assert Baseline.load(tmp_path / "baseline.json").n == 40


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--target", "lat"], "no column 'lat' in the training data; is it 'late'?"),
        (["--exclude", "nonsense"], "no column 'nonsense'"),
        (["-o", "{folder}/missing/baseline.json"], "missing/baseline.json: No such file"),
        (["-o", "/proc/baseline.json"], "/proc/baseline.json: "),
    ],
)
def test_what_a_baseline_cannot_be_built_from(
    tmp_path: Path, training: Path, options: list[str], told: str
) -> None:
    """One line says what is wrong."""
    output = ["-o", str(tmp_path / "baseline.json")]
    given = [option.format(folder=tmp_path) for option in options]

    assert_told(build(training, *output, *given), 1, told)
    assert not (tmp_path / "baseline.json").exists()


@pytest.mark.parametrize(
    ("name", "data", "told"),
    [
        ("empty.csv", b"", "give a CSV file with a header"),
        ("header.csv", b"age,plan\n", "has no rows"),
        ("binary.csv", b"\xff\xfe\x00\x01", "give a CSV file with a header"),
        ("broken.parquet", b"PAR1nonsense", "give a Parquet file"),
    ],
)
def test_what_is_no_training_data(tmp_path: Path, name: str, data: bytes, told: str) -> None:
    """One line says what to give."""
    (tmp_path / name).write_bytes(data)

    assert_told(build(tmp_path / name, "-o", tmp_path / "baseline.json"), 1, told)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["missing.csv", "-o", "b.json"], "'missing.csv' does not exist"),
        ([__file__], "Missing option '-o'"),
        ([], "Missing argument 'DATA'"),
        ([__file__, "-o", "b.json", "--targt", "x"], "--targt"),
    ],
)
def test_a_wrong_use(arguments: list[str], told: str) -> None:
    """The usage, and one line that says what is wrong."""
    assert_told(build(*arguments), 2, told)
