"""`flask mlmonitor doctor`."""

import json
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flask import Flask

from flask_mlmonitor.cli import cli
from flask_mlmonitor.doctor.examination import ANYWHERE, DEPLOYED

if TYPE_CHECKING:
    from tests.conftest import Serve
from tests.commands import FLASK, assert_told, environment_of

PAGE = Path(__file__).parents[1] / "docs" / "how-to" / "doctor.md"


def test_a_real_command(production: dict[str, Any], tmp_path: Path) -> None:
    """Of a service that was never started: an error ends it with 1, and nothing is made."""
    environment = environment_of(tmp_path, production)
    before = set(tmp_path.rglob("*"))
    done = subprocess.run(
        [*FLASK, "mlmonitor", "doctor"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (1, "")
    lines = done.stdout.splitlines()
    assert lines[0].startswith("error   drain: MLMONITOR_BACKGROUND is 'external', and no worker")
    assert re.fullmatch(r"error 1, warning \d+, info \d+", lines[-1])
    assert {path for path in tmp_path.rglob("*") if "__pycache__" not in path.parts} == before


def test_for_programs(serve: "Serve", production: dict[str, Any]) -> None:
    """One document; warnings alone end it with 0."""
    service = serve(
        lambda: {"prediction": 1}, config={**production, "MLMONITOR_BACKGROUND": "thread"}
    )
    result = service.app.test_cli_runner().invoke(cli, ["doctor", "--json"])
    document = json.loads(result.stdout)

    assert result.exit_code == 0
    assert document["counts"]["error"] == 0
    assert sum(document["counts"].values()) == len(document["findings"])
    assert {"check", "level", "problem", "remedy"} == set(document["findings"][0])


def test_an_app_without_a_monitor() -> None:
    """One line says what to call."""
    result = Flask("shop").test_cli_runner().invoke(cli, ["doctor"])

    assert_told(result, 1, "monitor.init_app(app)")


def test_its_page_names_every_check() -> None:
    """In the order in which they are made."""
    named = re.findall(r"^\| `(\w+)` \|", PAGE.read_text(), re.MULTILINE)

    assert named == [check.__name__ for check in (*ANYWHERE, *DEPLOYED)]
