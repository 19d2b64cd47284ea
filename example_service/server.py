"""Runs the service under gunicorn, and asks its command line what the store holds."""

import json
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from .client import Client
from .files import SERVER_LOG

HOST: Final = "127.0.0.1"
APP: Final = "example_service.app"
ROOT: Final = Path(__file__).parents[1]
START_SECONDS: Final = 30.0
STOP_SECONDS: Final = 15.0
LONGEST: Final = "15m"
SETTINGS: Final = {
    "FLASK_MLMONITOR_WINDOWS": f"1m,5m,{LONGEST}",
    "FLASK_MLMONITOR_EVALUATION_INTERVAL": "5",
    "FLASK_MLMONITOR_ALERT_FOR": "0",
    "FLASK_MLMONITOR_ALERT_ROUTE_WARNING": "webhook",
    "FLASK_MLMONITOR_ALERT_ROUTE_CRITICAL": "webhook",
    "FLASK_MLMONITOR_BREAKER_RESET": "1",
}
"""A day takes seconds, and so does what else waits for some time."""


class ServerError(Exception):
    """The service did not start or did not answer."""


class Server:
    """The service under gunicorn, as a context manager: ready on entry, stopped on exit.

    :param settings: further variables of its environment, which go before all others.
    """

    def __init__(
        self,
        directory: Path,
        *,
        port: int,
        workers: int,
        settings: Mapping[str, str] = {},
    ) -> None:
        self.directory = directory
        self.port = port
        self.workers = workers
        self.environment = {**_environment(directory), **settings}
        self.token = self.environment["FLASK_MLMONITOR_API_TOKEN"]
        self.url = f"http://{HOST}:{port}"

    def __enter__(self) -> Self:
        _check_free(self.port)
        self.directory.mkdir(parents=True, exist_ok=True)
        with (self.directory / SERVER_LOG).open("ab") as log:
            self._process = subprocess.Popen(
                self._command(),
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Ctrl-C is for us, who then stop it in order.
                process_group=0,
            )
        try:
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def client(self, *, connections: int = 1) -> Client:
        """Open connections to the service."""
        return Client(HOST, self.port, token=self.token, connections=connections)

    def metrics(self) -> str:
        """Scrape ``/metrics``."""
        client = self.client()
        try:
            return client.metrics()
        finally:
            client.close()

    @property
    def running(self) -> bool:
        """Whether nobody has stopped gunicorn."""
        return self._process.poll() is None

    def stop(self) -> None:
        """Let gunicorn finish its requests, then end it."""
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    @property
    def page(self) -> str:
        """Where people look."""
        return f"{self.url}/mlmonitor/"

    def places(self) -> dict[str, str]:
        """Say where to look."""
        return {
            "page": self.page,
            "metrics": f"{self.url}/metrics",
            "health": f"{self.url}/mlmonitor/health",
            "alerts": f"{self.url}/mlmonitor/api/alerts",
            "runbook": f"{self.url}/mlmonitor/runbook",
            "password": f"{self.token} (with any user)",
        }

    def status(self) -> dict[str, Any]:
        """Ask ``flask mlmonitor status`` what the store holds."""
        status: dict[str, Any] = json.loads(self.ask("status", "--json"))
        return status

    def evaluations(self) -> list[dict[str, Any]]:
        """Have ``flask mlmonitor evaluate`` judge every window as of now."""
        evaluations: list[dict[str, Any]] = json.loads(self.ask("evaluate", "--json"))
        return evaluations

    def ask(self, *arguments: str) -> str:
        """Return what ``flask mlmonitor`` says."""
        command = [sys.executable, "-m", "flask", "--app", APP, "mlmonitor", *arguments]
        answer = subprocess.run(
            command, cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False
        )
        if answer.returncode != 0:
            msg = f"flask mlmonitor {' '.join(arguments)} failed:\n{answer.stderr}"
            raise ServerError(msg)
        return answer.stdout

    def _command(self) -> list[str]:
        return [
            *(sys.executable, "-m", "gunicorn", f"{APP}:create_app()"),
            *("--bind", f"{HOST}:{self.port}", "--workers", str(self.workers), "--threads", "4"),
            *("--worker-tmp-dir", str(self.directory), "--no-control-socket"),
        ]

    def _wait_until_ready(self) -> None:
        client = self.client()
        deadline = time.monotonic() + START_SECONDS
        while not client.is_ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                log = (self.directory / SERVER_LOG).read_text(encoding="utf-8")
                msg = f"the service did not start; {SERVER_LOG} ends with:\n{log[-2000:]}"
                raise ServerError(msg)
            time.sleep(0.1)
        client.close()


def _environment(directory: Path) -> dict[str, str]:
    token = "example-" + secrets.token_urlsafe(12)
    defaults: Mapping[str, str] = {**SETTINGS, "FLASK_MLMONITOR_API_TOKEN": token}
    return {**defaults, **os.environ, "FLASK_EXAMPLE_DIR": str(directory)}


def _check_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            msg = f"port {port} cannot be used ({error}); choose another with --port"
            raise ServerError(msg) from error
