"""`flask mlmonitor dashboard`."""

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from flask import Flask

from flask_mlmonitor import MLMonitor
from flask_mlmonitor.cli import cli
from tests.commands import FLASK, assert_told, environment_of

if TYPE_CHECKING:
    from click.testing import Result


def written(folder: Path, **config: object) -> "Result":
    """Run the command for an app with these keys."""
    app = Flask("shop")
    app.config.update({f"MLMONITOR_{key}": value for key, value in config.items()}, TESTING=True)
    MLMonitor(app)
    return app.test_cli_runner().invoke(cli, ["dashboard", "-o", str(folder)])


def test_a_real_command(tmp_path: Path) -> None:
    """It writes the files that it names, into a folder that it makes, and nothing else."""
    done = subprocess.run(
        [*FLASK, "mlmonitor", "dashboard", "-o", "grafana/models"],
        cwd=tmp_path,
        env=environment_of(tmp_path, {}),
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
    files = sorted(path for path in tmp_path.rglob("*") if path.suffix not in {".py", ".pyc"})
    assert sorted(done.stdout.split()) == [
        str(path.relative_to(tmp_path)) for path in files if path.is_file()
    ]
    titles = {json.loads(path.read_text())["title"] for path in files if path.is_file()}
    assert len(titles) == 4


def test_with_the_names_of_the_app(tmp_path: Path) -> None:
    """What Grafana asks for is what the app shows."""
    result = written(tmp_path, METRICS_PREFIX="shop")

    assert result.exit_code == 0
    assert "shop_predictions_total" in (tmp_path / "overview.json").read_text()


def test_it_is_written_anew(tmp_path: Path) -> None:
    """After another version, or with other limits."""
    written(tmp_path, LATENCY_CRITICAL=3)
    before = (tmp_path / "model.json").read_text()
    written(tmp_path, LATENCY_CRITICAL=4)

    assert (tmp_path / "model.json").read_text() != before


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    """One line names it."""
    (tmp_path / "file").write_text("")
    result = written(tmp_path / "file" / "below")

    assert_told(result, 1, str(tmp_path / "file" / "below"), "Not a directory")


def test_an_app_without_a_monitor(tmp_path: Path) -> None:
    """One line says what to call."""
    result = Flask("shop").test_cli_runner().invoke(cli, ["dashboard", "-o", str(tmp_path)])

    assert_told(result, 1, "monitor.init_app(app)")
