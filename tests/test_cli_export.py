"""`flask mlmonitor export`: what is stored, in files that other programs read."""

import csv
import io
import json
import os
import pty
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
from click.testing import Result

from flask_mlmonitor.cli import cli

if TYPE_CHECKING:
    from tests.conftest import MakeService, Serve, Service
from tests.commands import FLASK, assert_told, environment_of
from tests.disks import SmallDisk
from tests.web.truths import predicted, send

COLUMNS = [
    *("prediction_id", "external_id", "app", "model", "version", "time", "features"),
    *("prediction", "probability", "latency", "source", "status", "error_type"),
    *("fallback_reason", "ground_truth", "ground_truth_time"),
]
ROWS: list[dict[str, Any]] = [
    {"age": 41, "plan": "=cmd|' /C calc'!A0", "paid": True, "tags": ["a", 1], "mix": 1},
    {"age": 41.5, "plan": 'a "quoted", line\nand another', "paid": None, "mix": "x"},
    {"plan": "", "paid": False, "big": 2**70, "none": None, "mix": -7},
]


@pytest.fixture
def fraud(serve: "Serve") -> "Service":
    """Three predictions, the second of them sent with an id; two have ground truth."""
    answers = iter(
        [
            {"prediction": "-late", "probability": {"-late": 0.75, "no": 0.25}},
            ({"error": "no"}, 500),
            {"prediction": "no"},
        ]
    )
    service = serve(lambda: next(answers), features=lambda request: request.get_json())
    keys = [
        predicted(service, row, headers={"X-Request-ID": "order-7"} if "tags" not in row else {})
        for row in ROWS
    ]
    truths = [
        {"prediction_id": keys[0], "value": "no", "time": 1_780_000_000},
        {"prediction_id": keys[2], "value": "007"},
    ]
    assert send(service, truths)["accepted"] == 2
    service.rows()
    return service


def run(service: "Service", *arguments: object, **options: Any) -> Result:
    """Run an export."""
    words = ["export", *map(str, arguments)]
    return service.app.test_cli_runner().invoke(cli, words, **options)


def table(text: str) -> list[dict[str, str]]:
    """Read CSV."""
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_csv(fraud: "Service") -> None:
    """On the standard output, every column, features as JSON."""
    result = run(fraud)

    assert (result.exit_code, result.stderr) == (0, "")
    first, second, third = table(result.stdout)
    assert list(first) == COLUMNS
    assert [json.loads(row["features"]) for row in (first, second, third)] == ROWS
    assert (first["prediction"], first["ground_truth"]) == ("-late", "no")
    assert json.loads(first["probability"]) == {"-late": 0.75, "no": 0.25}
    assert first["ground_truth_time"] == "2026-05-28T20:26:40+00:00"
    assert (second["external_id"], second["status"], second["prediction"]) == (
        "order-7",
        "error",
        "",
    )
    assert second["error_type"] == "unknown_error"
    assert third["ground_truth"] == "007"


def test_ndjson(fraud: "Service", tmp_path: Path) -> None:
    """An object in a line, every value with the type it had."""
    result = run(fraud, "-o", tmp_path / "all.ndjson")

    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == f"{tmp_path / 'all.ndjson'}: 3 predictions\n"
    first, second, third = map(json.loads, (tmp_path / "all.ndjson").read_text().splitlines())
    assert list(first) == COLUMNS
    assert [row["features"] for row in (first, second, third)] == ROWS
    assert first["probability"] == {"-late": 0.75, "no": 0.25}
    assert (first["external_id"], second["prediction"], third["ground_truth"]) == (
        None,
        None,
        "007",
    )
    assert isinstance(first["latency"], float)
    assert (tmp_path / "all.ndjson").stat().st_mode & 0o777 == 0o600


def test_flat_csv(fraud: "Service") -> None:
    """A column for each feature that any prediction had; in CSV all of it is text."""
    first, second, third = table(run(fraud, "--flat").stdout)

    features = ["age", "big", "mix", "none", "paid", "plan", "tags"]
    assert list(first) == [*COLUMNS[:6], *(f"feature.{name}" for name in features), *COLUMNS[7:]]
    assert [row["feature.plan"] for row in (first, second, third)] == [row["plan"] for row in ROWS]
    assert [row["feature.age"] for row in (first, second, third)] == ["41", "41.5", ""]
    assert [row["feature.paid"] for row in (first, second, third)] == ["true", "", "false"]
    assert (first["feature.tags"], float(third["feature.big"])) == ('["a",1]', 2**70)


def test_flat_ndjson(fraud: "Service") -> None:
    """What a prediction did not have is no member of its object."""
    lines = run(fraud, "--format", "ndjson", "--flat").stdout.splitlines()

    for line, row in zip(map(json.loads, lines), ROWS, strict=True):
        features = {name: value for name, value in line.items() if name.startswith("feature.")}
        assert features == {f"feature.{name}": value for name, value in row.items()}


def test_parquet(fraud: "Service", tmp_path: Path) -> None:
    """Typed by what is in the columns; a mixture is kept as JSON."""
    path = tmp_path / "all.parquet"
    assert run(fraud, "-o", path, "--flat").exit_code == 0
    schema = pq.read_schema(path)
    frame = pd.read_parquet(path)

    assert {name: str(schema.field(name).type) for name in schema.names if "." in name} == {
        "feature.age": "double",
        "feature.big": "double",
        "feature.mix": "string",
        "feature.none": "string",
        "feature.paid": "bool",
        "feature.plan": "string",
        "feature.tags": "string",
    }
    assert frame["feature.mix"].tolist() == ["1", '"x"', "-7"]
    assert frame["feature.age"].tolist()[:2] == [41, 41.5]
    assert frame["feature.paid"].tolist() == [True, None, False]
    assert frame["feature.plan"].tolist() == [row["plan"] for row in ROWS]
    assert frame["ground_truth"].tolist()[::2] == ["no", "007"]
    assert str(schema.field("time").type) == "timestamp[us, tz=UTC]"
    assert frame["ground_truth_time"][0] == pd.Timestamp(1_780_000_000, unit="s", tz="UTC")


def test_parquet_of_numbers(serve: "Serve", tmp_path: Path) -> None:
    """A regression's predictions and truths are numbers; features are one column of JSON."""
    answers = iter([{"prediction": 1}, {"prediction": 2.5}])
    service = serve(lambda: next(answers))
    key, _ = predicted(service), predicted(service)
    send(service, {"prediction_id": key, "value": 7})
    service.rows()
    assert run(service, "-o", tmp_path / "all.parquet").exit_code == 0
    frame = pd.read_parquet(tmp_path / "all.parquet")

    assert frame["prediction"].tolist() == [1.0, 2.5]
    assert str(pq.read_schema(tmp_path / "all.parquet").field("ground_truth").type) == "int64"
    assert frame["features"].map(json.loads).tolist() == [{"age": 41}] * 2


def test_columns(fraud: "Service") -> None:
    """Only some, in the order that was asked for; features too."""
    result = run(fraud, "--flat", "--columns", "ground_truth, feature.age,prediction_id")

    assert result.stdout.splitlines()[0] == "ground_truth,feature.age,prediction_id"
    assert result.stdout.splitlines()[1].startswith("no,41,")
    assert_told(run(fraud, "--columns", "age"), 1, "no column 'age'; there are: prediction_id")


def test_for_a_spreadsheet(fraud: "Service") -> None:
    """A text that begins like a formula gets an apostrophe; a negative number is none."""
    first, second, third = table(run(fraud, "--flat", "--spreadsheet").stdout)

    assert first["feature.plan"] == "'=cmd|' /C calc'!A0"
    assert first["prediction"] == "'-late"
    assert (second["feature.plan"], third["feature.mix"]) == (ROWS[1]["plan"], "-7")


def test_selections(fraud: "Service") -> None:
    """By model, version, status and time."""
    assert len(table(run(fraud, "--model", "fraud", "--version", "2").stdout)) == 3
    assert [row["status"] for row in table(run(fraud, "--status", "error").stdout)] == ["error"]
    assert len(table(run(fraud, "--since", "1h").stdout)) == 3
    assert run(fraud, "--until", "2020-01-01T00:00:00Z").stdout == ",".join(COLUMNS) + "\n"
    since = table(run(fraud).stdout)[1]["time"]
    assert len(table(run(fraud, "--since", since).stdout)) == 2


def test_there_and_back(fraud: "Service", tmp_path: Path) -> None:
    """What was exported can be imported as ground truth, in each format."""
    for ending in ("csv", "ndjson", "parquet"):
        path = tmp_path / f"all.{ending}"
        run(fraud, "-o", path)
        words = ["ground-truth", "import", str(path), "--value-column", "ground_truth"]
        words += ["--time-column", "ground_truth_time"]
        result = fraud.app.test_cli_runner().invoke(cli, words)

        assert result.stdout.startswith("accepted 0, updated 2, pending 0, invalid 1\n")


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        (["--format", "parquet"], 2, "Parquet needs a file: give --output."),
        (["-o", "all.xlsx"], 2, "all.xlsx ends with none of .csv, .ndjson, .jsonl, .parquet"),
        (["-o", "/dev/null", "--format", "csv"], 1, "/dev/null is no regular file"),
        (["-o", "/proc/all.csv"], 1, "/proc/all.csv: "),
        (["-o", "no/folder/all.csv"], 1, "No such file or directory"),
        (["--model", "churn"], 1, "no predictions of churn; there are: fraud 2."),
        (["--model", "fraud", "--version", "1"], 1, "no predictions of fraud 1; there are"),
        (["--since", "yesterday"], 2, "'yesterday': give '24h' for a day ago, or ISO 8601"),
        (["--since", "99999999w"], 2, "'99999999w': give '24h' for a day ago, or ISO 8601"),
        (["--status", "odd"], 2, "'odd'"),
    ],
)
def test_a_wrong_use(
    fraud: "Service",
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    status: int,
    told: str,
) -> None:
    """One line says what to give instead."""
    monkeypatch.chdir(tmp_path)

    assert_told(run(fraud, *arguments), status, told)
    assert list(tmp_path.iterdir()) == []


def test_before_anything(make_service: "MakeService", production: dict[str, Any]) -> None:
    """A service that nobody asked yet has a header, and no rows."""
    assert run(make_service(**production)).stdout == ",".join(COLUMNS) + "\n"


def test_an_export_that_fails(fraud: "Service", small_disk: SmallDisk) -> None:
    """The file that was there is as it was, and nothing else is left."""
    small_disk.path.joinpath("all.csv").write_text("yesterday's")
    small_disk.fill()
    result = run(fraud, "-o", small_disk.path / "all.csv")

    assert_told(result, 1, "all.csv: No space left on device")
    assert small_disk.path.joinpath("all.csv").read_text() == "yesterday's"
    assert len(list(small_disk.path.iterdir())) == 2


def test_a_terminal_and_a_pipe(serve: "Serve", production: dict[str, Any], tmp_path: Path) -> None:
    """The bar is for the terminal; a reader who has enough is no error to speak of."""
    service = serve(lambda: {"prediction": 1}, config=production)
    for _ in range(20):
        service.post({"text": "x" * 10_000})
    assert service.flush()
    environment = environment_of(tmp_path, production)
    command = [*FLASK, "mlmonitor", "export"]
    master, terminal = pty.openpty()
    subprocess.run([*command, "-o", "all.csv"], env=environment, cwd=tmp_path, stderr=terminal,
                   stdout=subprocess.PIPE, check=True)  # fmt: skip
    os.close(terminal)
    shown = os.read(master, 100_000).decode()
    os.close(master)
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE) as exporting:  # fmt: skip
        assert exporting.stdout is not None
        exporting.stdout.read(100)
        exporting.stdout.close()
        told = exporting.communicate()[1]

    assert "Exporting" in shown
    assert "100%" in shown
    assert len(table((tmp_path / "all.csv").read_text())) == 20
    assert (exporting.returncode, told) == (1, b"")
