"""A real Alertmanager that tells a webhook of ours, in tenths of seconds instead of minutes."""

import json
import urllib.request
from pathlib import Path
from typing import Any

from tests.prometheuses import SECONDS, Running, program

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


class AlertmanagerServer(Running):
    """The server, as a context manager.

    :param hook: where it tells of alerts.
    :param config: its configuration, with ``%s`` for that.
    """

    def __init__(self, folder: Path, hook: str, config: str = CONFIG) -> None:
        file = folder / "alertmanager.yml"
        file.write_text(config.replace("%s", hook), encoding="utf-8")
        command = [
            program("prometheus-alertmanager"),
            f"--config.file={file}",
            f"--storage.path={folder / 'data'}",
            "--cluster.listen-address=",
        ]
        super().__init__(folder, command)

    def alerts(self) -> list[Any]:
        """Return the alerts that it takes for lasting."""
        with urllib.request.urlopen(f"{self.url}/api/v2/alerts", timeout=SECONDS) as answer:
            found: list[Any] = json.load(answer)
            return found
