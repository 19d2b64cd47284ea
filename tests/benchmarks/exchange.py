"""How fast ground truth is imported and predictions are exported, and in how much memory.

``python -m tests.benchmarks.exchange``
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from flask_mlmonitor.store.database import Database
from flask_mlmonitor.store.recording import Batch, Span, apply
from flask_mlmonitor.store.urls import open_store
from tests.benchmarks.measuring import machine, print_table
from tests.commands import FLASK, environment_of

FEATURES = json.dumps({f"feature_{number}": number * 1.25 for number in range(10)})
BATCH = 5000
BEGAN = 1_700_000_000.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the speeds."""
    parser = argparse.ArgumentParser(prog="exchange", description=__doc__)
    parser.add_argument("--predictions", type=int, default=300_000)
    parser.add_argument("--store", help="a URL; a SQLite file in a temporary folder, if not set")
    options = parser.parse_args(arguments)
    print(machine())
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        url = options.store or f"sqlite:///{folder}/store.sqlite3"
        _fill(open_store(url), options.predictions)
        config = {"MLMONITOR_STORE_URL": url, "MLMONITOR_DATA_DIR": f"{folder}/data",
                  "MLMONITOR_BACKGROUND": "external"}  # fmt: skip
        environment = environment_of(Path(folder), config)
        for name, words in _commands(Path(folder), options.predictions):
            seconds, memory = _run(words, environment)
            rows.append((name, seconds, options.predictions / seconds, memory))
    heads = ("command", "s", "rows/s", "peak MiB")
    print_table(f"{options.predictions:,} predictions of 10 features", heads, rows)
    return 0


def _fill(database: Database, predictions: int) -> None:
    for start in range(0, predictions, BATCH):
        rows = [_row(number) for number in range(start, min(start + BATCH, predictions))]
        answered = {("fraud", "2"): (len(rows), len(rows))}
        apply(database, Span("s", start, start + BATCH), Batch(rows, answered, {}, {}, []))
    database.close()


def _row(number: int) -> tuple[object, ...]:
    answer = (FEATURES, "1", "0.75", 0.01, "primary", "success", None, None)
    return (_id(number), None, "shop", "fraud", "2", BEGAN + number / 100, *answer)


def _id(number: int) -> str:
    return f"01920000-0000-7000-8000-{number:012d}"


def _commands(folder: Path, predictions: int) -> Iterator[tuple[str, list[str]]]:
    truth = folder / "truth.csv"
    with truth.open("w") as file:
        file.write("prediction_id,value,time\n")
        file.writelines(f"{_id(number)},1,{BEGAN + number}\n" for number in range(predictions))
    yield "nothing (status)", ["status"]
    yield "import CSV", ["ground-truth", "import", str(truth)]
    yield "import it again", ["ground-truth", "import", str(truth)]
    yield "export CSV", ["export", "-o", str(folder / "all.csv")]
    yield "export CSV --flat", ["export", "--flat", "-o", str(folder / "flat.csv")]
    yield "export NDJSON", ["export", "-o", str(folder / "all.ndjson")]
    yield "export Parquet", ["export", "-o", str(folder / "all.parquet")]
    yield "export Parquet --flat", ["export", "--flat", "-o", str(folder / "flat.parquet")]


def _run(words: Sequence[str], environment: dict[str, str]) -> tuple[float, float]:
    """Return the seconds and the MiB that a command takes."""
    began = time.perf_counter()
    command = [*FLASK, "mlmonitor", *words]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    unit = 1 if sys.platform == "darwin" else 1024
    return time.perf_counter() - began, usage.ru_maxrss * unit / 1024**2


if __name__ == "__main__":
    sys.exit(main())
