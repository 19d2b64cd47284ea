"""A real Prometheus that scrapes one app, as a context manager."""

import json
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from tests.prometheuses import program

SECONDS: Final = 20.0
CONFIG: Final = """
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [%s]
scrape_configs:
- job_name: models
  static_configs: [{targets: ["127.0.0.1:%d"]}]
"""


class PrometheusServer:
    """The server.

    :param port: where the app listens.
    :param rules: its rules.
    """

    def __init__(self, folder: Path, port: int, rules: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.url = f"http://127.0.0.1:{probe.getsockname()[1]}"
        folder.mkdir()
        config = folder / "prometheus.yml"
        config.write_text(CONFIG % (rules, port), encoding="utf-8")
        self._log = folder / "log"
        self._command = [
            program("prometheus"),
            f"--config.file={config}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address={self.url.removeprefix('http://')}",
        ]

    def __enter__(self) -> Self:
        with self._log.open("wb") as log:
            self._server = subprocess.Popen(self._command, stdout=log, stderr=log)
        deadline = time.monotonic() + SECONDS
        while not self._is_ready():
            if self._server.poll() is not None or time.monotonic() > deadline:
                self._stop()
                raise AssertionError(self._log.read_text(encoding="utf-8"))
            time.sleep(0.05)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()

    def query(self, expr: str) -> list[Any]:
        """Return the series that a query has now."""
        found: list[Any] = self._ask("query", query=expr)["result"]
        return found

    def label_values(self, label: str, selector: str) -> list[str]:
        """Return what Grafana's ``label_values(selector, label)`` asks for."""
        found: list[str] = self._ask(f"label/{label}/values", **{"match[]": selector})
        return found

    def _ask(self, path: str, **parameters: str) -> Any:
        asked = f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(asked, timeout=SECONDS) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{parameters}: {error.read().decode()}") from None

    def _stop(self) -> None:
        self._server.kill()
        self._server.wait(SECONDS)

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=SECONDS):
                return True
        except OSError:
            return False
