"""`flask mlmonitor ground-truth import`: from a file into the store."""

import csv
import io
import json
import os
import pty
import signal
import subprocess
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from click.testing import Result

from flask_mlmonitor import GroundTruth, signals
from flask_mlmonitor.cli import cli
from flask_mlmonitor.store.reading import count_pending

if TYPE_CHECKING:
    from tests.conftest import MakeService, Serve, Service
from tests.commands import FLASK, assert_told, environment_of
from tests.web.test_truth_without_store import displaced
from tests.web.truths import MODEL, UNKNOWN, counted, delays, predicted, stored, values


@pytest.fixture
def fraud(serve: "Serve", production: dict[str, Any]) -> "Service":
    """A service in production, drained on demand."""
    return serve(lambda: {"prediction": 1}, config=production)


def keys(service: "Service", number: int) -> list[str]:
    """Return the ids of so many stored predictions."""
    made = [predicted(service) for _ in range(number)]
    assert service.flush()
    return made


def load(service: "Service", *arguments: object, **options: Any) -> Result:
    """Import a file."""
    words = ["ground-truth", "import", *map(str, arguments)]
    return service.app.test_cli_runner().invoke(cli, words, **options)


def test_a_csv_file(fraud: "Service", tmp_path: Path) -> None:
    """All of it is taken: counted as over HTTP, with its delays, and summed up in a line."""
    first, second = keys(fraud, 2)
    path = tmp_path / "truth.csv"
    path.write_text(f"prediction_id,value\n{first},1\n{second},late\nearly,0\n")
    result = load(fraud, path)

    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == "accepted 2, updated 0, pending 1, invalid 0\n"
    assert values(fraud) == {first: "1", second: '"late"'}
    assert counted(fraud) == {(*MODEL, "accepted"): 2, (*UNKNOWN, "pending"): 1}
    assert delays(fraud) == {MODEL: 2}
    assert load(fraud, path).stdout == "accepted 0, updated 2, pending 1, invalid 0\n"


def test_a_parquet_file(fraud: "Service", tmp_path: Path) -> None:
    """With types of its own; what it holds beside the columns is not read."""
    ids = keys(fraud, 3)
    time = datetime(2026, 7, 1, 12, tzinfo=UTC)
    frame = pd.DataFrame(
        {
            "prediction_id": [*ids, "naive"],
            "value": [Decimal("1.5"), Decimal(2), None, Decimal(3)],
            "time": pd.Series([time, None, time, time]),
            "features": [[1], [2], [3], [4]],
        }
    )
    frame.to_parquet(tmp_path / "truth.parquet")
    result = load(fraud, tmp_path / "truth.parquet")

    assert result.exit_code == 3
    assert "accepted 2, updated 0, pending 1, invalid 1" in result.stdout
    assert "line 3: send either value" in result.stdout
    assert stored(fraud)[ids[0]] == ("1.5", time.timestamp())


@pytest.mark.parametrize("ending", ["ndjson", "jsonl", "json"])
def test_json(fraud: "Service", tmp_path: Path, ending: str) -> None:
    """By the ending; fields that mean nothing here are not looked at, batches may go together."""
    (key,) = keys(fraud, 1)
    items = [
        {"prediction_id": key, "value": True, "note": "x"},
        {"external_id": 77, "value": 1, "prediction_id": None},
        {"external_id": "order-7", "values": [1, 0]},
        {"prediction_id": key, "value": None},
    ]
    text = json.dumps(items) if ending == "json" else "\n".join(map(json.dumps, items))
    (tmp_path / f"truth.{ending}").write_text(text)
    result = load(fraud, tmp_path / f"truth.{ending}", "--json")

    assert result.exit_code == 3
    document = json.loads(result.stdout)
    assert [wrong["index"] for wrong in document.pop("invalid")] == [3]
    assert document == {"accepted": 1, "updated": 0, "pending": 3}
    assert values(fraud) == {key: "true"}


def test_the_standard_input(fraud: "Service") -> None:
    """What a pipe brings, in a format that must be said."""
    (key,) = keys(fraud, 1)
    text = f"id,late\n{key},1\n"
    options = ("--format", "csv", "--id-column", "id", "--value-column", "late")
    result = load(fraud, "-", *options, input=text)

    assert result.exit_code == 0, result.output
    assert values(fraud) == {key: "1"}
    assert_told(load(fraud, "-", input=text), 1, "give --format", "Nothing was recorded")
    assert_told(load(fraud, "-", "--format", "parquet", input=text), 1, "no Parquet")


def test_what_was_refused(fraud: "Service", tmp_path: Path) -> None:
    """Status 3; the first ten are shown, `--rejects` writes all of them with their lines."""
    path, rejects = tmp_path / "truth.csv", tmp_path / "rejects.csv"
    path.write_text("prediction_id,value\n" + "p,1\nq,\n" * 12)
    result = load(fraud, path, "--rejects", rejects)

    assert result.exit_code == 3
    first, *shown, last = result.stdout.splitlines()
    assert first == "accepted 0, updated 0, pending 12, invalid 12"
    assert [line.split(":")[0] for line in shown] == [f"  line {n}" for n in range(3, 23, 2)]
    assert last == "  and 2 more; --rejects FILE lists them all"
    head, *rows = csv.reader(io.StringIO(rejects.read_text()))
    assert head == ["line", "error"]
    assert [int(line) for line, _ in rows] == list(range(3, 27, 2))
    assert {error for _, error in rows} == {"send either value or, for a batch, values"}
    assert counted(fraud) == {(*UNKNOWN, "pending"): 12, (*UNKNOWN, "invalid"): 12}


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("truth.csv", b"id,value\n", "no column 'prediction_id' or 'external_id'"),
        ("truth.csv", b"", "no column 'value'"),
        ("truth.txt", b"", "ends with none of .csv, .ndjson, .jsonl, .json, .parquet: give"),
        ("truth.json", b"{", "no JSON"),
        ("truth.json", b'{"prediction_id": "p", "value": 1}', "no list of objects"),
        ("truth.json", b"[" * 5000, "no JSON"),
        ("truth.parquet", b"PAR1nonsense", "no Parquet"),
    ],
)
def test_what_is_no_ground_truth(
    fraud: "Service", tmp_path: Path, name: str, text: bytes, told: str
) -> None:
    """One line says what is wrong with which file."""
    (tmp_path / name).write_bytes(text)

    assert_told(load(fraud, tmp_path / name), 1, str(tmp_path / name), told)


def test_a_damaged_parquet_file(fraud: "Service", tmp_path: Path) -> None:
    """It may be damaged where it cannot be seen at once: what came before is recorded."""
    path = tmp_path / "truth.parquet"
    frame = pd.DataFrame({"prediction_id": [f"p{n}" for n in range(4000)], "value": 1})
    frame.to_parquet(path, row_group_size=1000)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 2000] = b"\xff" * 2000
    path.write_bytes(data)

    assert_told(load(fraud, path), 1, "damaged", "values were recorded: go on with --skip")


def test_a_wrong_use(fraud: "Service", make_service: "MakeService", tmp_path: Path) -> None:
    """No file, a folder for the rejects, a service that does not monitor."""
    (tmp_path / "truth.csv").write_text("prediction_id,value\n")
    path = tmp_path / "truth.csv"

    assert_told(load(fraud, tmp_path / "missing.csv"), 2, "missing.csv")
    assert_told(load(fraud, path, "--skip", -1), 2, "--skip")
    assert_told(load(fraud, path, "--rejects", tmp_path / "no" / "r.csv"), 1, "No such file")
    assert_told(load(make_service(MLMONITOR_ENABLED=False), path), 1, "MLMONITOR_ENABLED is false")


LINES = [json.dumps({"prediction_id": f"p{number}", "value": 1}) + "\n" for number in range(4000)]


def test_going_on(fraud: "Service", tmp_path: Path) -> None:
    """The store goes away in the middle: the error says how to go on, and that is right."""
    path, rejects = tmp_path / "truth.ndjson", tmp_path / "rejects.csv"
    path.write_text("".join([*LINES[:5], "{\n", *LINES[5:], "{\n"]))
    keys(fraud, 1)
    trouble = displaced(Path(fraud.runtime.database.name))
    heard: list[str] = []

    def hear(app: Any, ground_truth: GroundTruth, result: str) -> None:
        heard.append(ground_truth.prediction_id)
        if len(heard) == 1500:
            trouble.__enter__()

    with signals.ground_truth_recorded.connected_to(hear, fraud.app):
        result = load(fraud, path, "--rejects", rejects)
        trouble.__exit__(None, None, None)
        assert_told(result, 1, "does not answer", "1999 values", "go on with --skip 2000")
        assert len(heard) == count_pending(fraud.runtime.database) == 1999
        result = load(fraud, path, "--rejects", rejects, "--skip", 2000)

    assert result.exit_code == 3
    assert result.stdout.startswith("accepted 0, updated 0, pending 2001, invalid 1\n  line 4002:")
    assert sorted(heard) == sorted(f"p{number}" for number in range(4000))
    assert [line.partition(",")[0] for line in rejects.read_text().splitlines()] == [
        "line",
        "6",
        "4002",
    ]


@pytest.fixture
def environment(tmp_path: Path, production: dict[str, Any]) -> dict[str, str]:
    """The environment of a real process that works for the service of *production*."""
    return environment_of(tmp_path, production)


IMPORT = [*FLASK, "mlmonitor", "ground-truth", "import"]


@pytest.mark.parametrize(
    ("number", "told"), [(signal.SIGKILL, ""), (signal.SIGINT, "Error: Interrupted. ")]
)
def test_a_death_in_the_middle(
    fraud: "Service",
    environment: dict[str, str],
    tmp_path: Path,
    number: signal.Signals,
    told: str,
) -> None:
    """Whatever ended it, running it again is right."""
    keys(fraud, 1)
    command = [*IMPORT, "-", "--format", "ndjson"]
    streams: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    # Who runs the tests in the background has them ignore Ctrl-C.
    streams["preexec_fn"] = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    with subprocess.Popen(command, env=environment, text=True, **streams) as importing:
        assert importing.stdin is not None
        importing.stdin.write("".join(LINES[:3000]))
        importing.stdin.flush()
        fraud.wait_for(lambda: count_pending(fraud.runtime.database) > 0)
        importing.send_signal(number)
        out, err = importing.communicate(timeout=20)
    assert importing.returncode != 0
    assert out == ""
    assert err.startswith(told)
    assert 0 < count_pending(fraud.runtime.database) <= 3000
    path = tmp_path / "truth.jsonl"
    path.write_text("".join(LINES))

    assert load(fraud, path).stdout == "accepted 0, updated 0, pending 4000, invalid 0\n"
    assert count_pending(fraud.runtime.database) == 4000


def test_a_progress_bar(fraud: "Service", environment: dict[str, str], tmp_path: Path) -> None:
    """On a terminal alone; what a program reads from the standard output is the report."""
    path = tmp_path / "truth.jsonl"
    path.write_text("".join(LINES))
    master, terminal = pty.openpty()
    done = subprocess.run(
        [*IMPORT, str(path), "--json"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=terminal,
        check=True,
    )
    os.close(terminal)
    shown = os.read(master, 100_000).decode()
    os.close(master)

    assert json.loads(done.stdout)["pending"] == 4000
    assert shown.count("Recording") > 1
    assert "100%" in shown
