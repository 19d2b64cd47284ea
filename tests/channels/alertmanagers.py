"""A real Alertmanager that tells a webhook of ours, in tenths of seconds instead of minutes."""

import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.missing import missing

SECONDS = 20.0
CONFIG = """
route:
  receiver: hook
  group_by: [alertname, model, version]
  group_wait: 200ms
  group_interval: 400ms
  repeat_interval: 1h
inhibit_rules:
- source_matchers: [severity="critical"]
  target_matchers: [severity="warning"]
  equal: [alertname, model, version, feature]
receivers:
- name: hook
  webhook_configs: [{url: "%s", send_resolved: true}]
"""


class AlertmanagerServer:
    """The server, as a context manager.

    :param hook: where it tells of alerts.
    :param config: its configuration, with ``%s`` for that.
    """

    def __init__(self, folder: Path, hook: str, config: str = CONFIG) -> None:
        program = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
        if program is None:
            missing("install Alertmanager: apt-get install prometheus-alertmanager")
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.url = f"http://127.0.0.1:{probe.getsockname()[1]}"
        file = folder / "alertmanager.yml"
        file.write_text(config.replace("%s", hook), encoding="utf-8")
        self._log = folder / "log"
        self._command = [
            program,
            f"--config.file={file}",
            f"--storage.path={folder / 'data'}",
            f"--web.listen-address={self.url.removeprefix('http://')}",
            "--cluster.listen-address=",
        ]
        self._server: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        with self._log.open("wb") as log:
            server = self._server = subprocess.Popen(self._command, stdout=log, stderr=log)
        deadline = time.monotonic() + SECONDS
        while not self._is_ready():
            if server.poll() is not None or time.monotonic() > deadline:
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

    def alerts(self) -> list[Any]:
        """Return the alerts that it takes for lasting."""
        with urllib.request.urlopen(f"{self.url}/api/v2/alerts", timeout=SECONDS) as answer:
            found: list[Any] = json.load(answer)
            return found

    def _stop(self) -> None:
        if self._server is not None:
            self._server.kill()
            self._server.wait(SECONDS)

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=SECONDS):
                return True
        except (urllib.error.URLError, OSError):
            return False
