"""`flask mlmonitor baseline`: no app is needed."""

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from click.testing import Result
from flask import Flask

from flask_mlmonitor import Baseline
from flask_mlmonitor.cli import cli

if TYPE_CHECKING:
    pass
from tests.commands import FLASK, assert_told


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
