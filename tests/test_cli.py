"""What `flask mlmonitor` prints, does, and how it ends."""

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import Result
from flask import Flask

from flask_mlmonitor.background.election import HostElection
from flask_mlmonitor.cli import cli

if TYPE_CHECKING:
    from tests.conftest import MakeService, Serve, Service
from tests.commands import FLASK, assert_told, environment_of


def run(service: "Service", *arguments: str) -> Result:
    """Run a command of the app."""
    return service.app.test_cli_runner().invoke(cli, arguments)


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
    assert lines[-1] == f"store {fraud.runtime.database.name}"


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
        "store": fraud.runtime.database.name,
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


def test_as_a_command_of_the_app(fraud: "Service") -> None:
    """As an app's own tests call it; the very commands of the entry point."""
    runner = fraud.app.test_cli_runner()

    assert runner.invoke(args=["mlmonitor", "status"]).output == run(fraud, "status").output
    assert runner.invoke(args=["mlmonitor", "alerts", "--json"]).output == "[]\n"
    shown = runner.invoke(args=["mlmonitor", "--help"]).output
    assert all(name in shown for name in cli.commands)


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
    return environment_of(tmp_path, production)


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


def test_a_process_that_answers_no_request_evaluates_too(
    make_service: "MakeService", production: dict[str, Any]
) -> None:
    """A worker may be elected: then the app's models are its to evaluate."""
    service = make_service(**production)

    assert list(service.runtime.duties) == ["shop"]


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
