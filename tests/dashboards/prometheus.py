"""A real Prometheus that scrapes one app, as a context manager."""

import json
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any, Final

from tests.prometheuses import SECONDS, Running, program

CONFIG: Final = """
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [%s]
scrape_configs:
- job_name: models
  static_configs: [{targets: ["127.0.0.1:%d"]}]
"""


class PrometheusServer(Running):
    """The server.

    :param port: where the app listens.
    :param rules: its rules.
    """

    def __init__(self, folder: Path, port: int, rules: Path) -> None:
        folder.mkdir()
        config = folder / "prometheus.yml"
        config.write_text(CONFIG % (rules, port), encoding="utf-8")
        command = [
            program("prometheus"),
            f"--config.file={config}",
            f"--storage.tsdb.path={folder / 'data'}",
        ]
        super().__init__(folder, command)

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
