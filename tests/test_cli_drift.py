"""`flask mlmonitor drift`: two files, no app."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import Result
from flask import Flask

from flask_mlmonitor import Baseline
from flask_mlmonitor.cli import cli
from tests.commands import assert_told

RNG = np.random.default_rng(2)


def people(n: int, *, older: float = 0) -> pd.DataFrame:
    """Customers of a shop."""
    return pd.DataFrame(
        {
            "age": RNG.normal(40 + older, 10, n).round(1),
            "plan": RNG.choice(["free", "paid"], n),
            "member": RNG.random(n) < 0.4,
            "zip": RNG.integers(1000, 1010, n),
            "note": RNG.choice(np.array(["x", None], object), n),
        }
    )


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """Training data, the same again, and the data of older customers; also as Parquet."""
    made = {"train": people(3000), "same": people(1000), "older": people(1000, older=15)}
    made["few"] = made["same"].head(3)
    paths = {}
    for name, frame in made.items():
        paths[name] = tmp_path / f"{name}.csv"
        frame.to_csv(paths[name], index=False)
        paths[f"{name}.parquet"] = tmp_path / f"{name}.parquet"
        frame.to_parquet(paths[f"{name}.parquet"])
    return paths


def run(*words: object) -> Result:
    """Run the command."""
    return Flask("none").test_cli_runner().invoke(cli, ["drift", *map(str, words)])


def told(*words: object) -> Any:
    """Return what the command prints for programs."""
    result = run(*words, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.mark.parametrize("kind", ["", ".parquet"])
def test_what_moved_stands_first(files: dict[str, Path], kind: str) -> None:
    """A person reads a table, with the PSI that chance would not reach beside the PSI."""
    result = run(files[f"train{kind}"], files[f"older{kind}"], "--categorical", "zip")

    head, first, *others = result.stdout.splitlines()
    assert result.exit_code == 0
    assert head.split() == ["feature", "kind", "status", "PSI", "needed", "p", "KS", "rows"]
    assert first.split()[:3] == ["age", "numeric", "significant"]
    assert [line.split()[2] for line in others[:4]] == ["stable"] * 4
    assert others[-1] == "5 features: 1 significant, 4 stable"


@pytest.mark.parametrize(("current", "status"), [("older", 3), ("same", 0), ("few", 0)])
def test_fail_is_for_scripts(files: dict[str, Path], current: str, status: int) -> None:
    """Only a significant drift fails; too few rows do not."""
    assert run(files["train"], files[current], "--fail").exit_code == status


def test_programs_get_every_figure(files: dict[str, Path]) -> None:
    """As JSON, by feature, in the order of the reference."""
    found = told(files["train"], files["older"], "--exclude", "note")

    assert list(found) == ["age", "plan", "member", "zip"]
    assert found["age"]["psi"]["score"] > found["age"]["psi"]["critical"]
    assert found["plan"]["ks"] is None


def test_a_csv_is_read_as_the_baseline_expects(files: dict[str, Path]) -> None:
    """The same data gives the same figures as CSV and as Parquet, also against a saved baseline."""
    train = pd.read_parquet(files["train.parquet"])
    saved = files["train"].with_suffix(".json")
    Baseline.from_dataframe(train, categorical=["zip"]).save(saved)

    csv, parquet = told(saved, files["older"]), told(saved, files["older.parquet"])
    assert csv == parquet
    assert csv["zip"]["status"] == csv["member"]["status"] == csv["note"]["status"] == "stable"


def test_one_word_among_numbers_is_one_invalid_value(files: dict[str, Path]) -> None:
    """It does not turn the whole column into texts."""
    lines = files["same"].read_text().splitlines()
    lines[5] = "unknown" + lines[5][lines[5].index(",") :]
    files["same"].write_text("\n".join(lines))

    assert told(files["train"], files["same"])["age"]["status"] == "stable"


def test_the_page_shows_what_is_printed(tmp_path: Path) -> None:
    """The table of the how-to page is that of the data of its Python."""
    page = (Path(__file__).parents[1] / "docs/how-to/drift-offline.md").read_text(encoding="utf-8")
    _, shown, python, *_ = re.findall(r"^```\w+\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    data: dict[str, Any] = {}
    exec(python, data)
    for name, frame in (("train", data["train"]), ("production", data["now"])):
        frame.to_csv(tmp_path / f"{name}.csv", index=False)

    assert run(tmp_path / "train.csv", tmp_path / "production.csv").stdout == shown


def test_few_rows_are_said(files: dict[str, Path]) -> None:
    """And how many are enough can be set."""
    assert "5 not enough data" in run(files["train"], files["few"]).stdout
    assert "not enough data" not in run(files["train"], files["few"], "--min-samples", 3).stdout


def test_what_cannot_be_read_is_said(files: dict[str, Path], tmp_path: Path) -> None:
    """In one line, with what to do."""
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(b"PAR1")
    empty = tmp_path / "empty.csv"
    empty.touch()

    assert_told(run(files["train"], broken), 1, "broken.parquet", "Parquet file")
    assert_told(run(empty, files["same"]), 1, "empty.csv", "header")
    assert_told(run(files["train"], files["same"], "--alarm-budget", "x"), 1, "1/month")
    assert_told(run(files["train"], tmp_path / "none.csv"), 2, "none.csv")
