"""`flask mlmonitor rules`."""

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flask import Flask

from flask_mlmonitor.cli import cli
from flask_mlmonitor.provision.prometheus import rule_file
from tests.commands import FLASK, assert_told, environment_of
from tests.prometheuses import ask

if TYPE_CHECKING:
    from tests.conftest import MakeService, Serve


def test_a_real_command(production: dict[str, Any], tmp_path: Path) -> None:
    """Of a service that was never started: promtool takes the file, and nothing else is made."""
    environment = environment_of(tmp_path, production)
    before = set(tmp_path.rglob("*"))
    done = subprocess.run(
        [*FLASK, "mlmonitor", "rules", "-o", tmp_path / "rules.json"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == f"Wrote {tmp_path / 'rules.json'}.\n"
    made = {path.name for path in set(tmp_path.rglob("*")) - before}
    assert made - {"__pycache__"} - {path for path in made if path.endswith(".pyc")} == {
        "rules.json"
    }
    assert "SUCCESS" in ask("promtool", "check", "rules", tmp_path / "rules.json")


def test_on_the_standard_output(make_service: "MakeService") -> None:
    """Nothing else is there."""
    service = make_service()
    result = service.app.test_cli_runner().invoke(cli, ["rules", "--job", "shop"])

    assert result.exit_code == 0
    assert json.loads(result.stdout) == rule_file(service.state, "shop")


def test_what_cannot_be(serve: "Serve", tmp_path: Path) -> None:
    """A folder that is not there, an app without a monitor: one line."""
    service = serve(lambda: {"prediction": 1})
    away = tmp_path / "away" / "rules.json"

    result = service.app.test_cli_runner().invoke(cli, ["rules", "-o", str(away)])
    assert_told(result, 1, str(away), "No such file or directory")
    result = Flask("shop").test_cli_runner().invoke(cli, ["rules"])
    assert_told(result, 1, "monitor.init_app(app)")


def test_metrics_are_named_as_prometheus_wants(serve: "Serve") -> None:
    """What a service shows after traffic, by promtool."""
    service = serve(lambda: {"prediction": 1})
    service.post()

    assert ask("promtool", "check", "metrics", given=service.client.get("/metrics").data) == ""
