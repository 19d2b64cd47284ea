"""A year of flights through a running service, whose truth is hours late: is the model right?

Every flight is predicted as it leaves, by a service under gunicorn; how it ended is told hours
later, when it has landed. At the end of each month the last 30 days are judged: what the ground
truth says, and what the scores alone had said. Of the last day of each month some flights are in
the air then: it is shown once as it was judged at its end, and once as it is in the end.

``python -m tests.benchmarks.year``
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from math import inf
from pathlib import Path
from typing import Any, Final
from urllib.request import Request, urlopen

import msgspec
import pandas as pd

from example_service.data import read_flights, rows
from example_service.training import build_baseline, fit, training_flights
from flask_mlmonitor.store.results import WindowKey, read_history
from flask_mlmonitor.store.urls import open_store
from tests.benchmarks.measuring import machine, print_table
from tests.benchmarks.year_service import MODEL
from tests.server.serving import HOST, ROOT, Server, environment

APP: Final = "tests.benchmarks.year_service"
STEP: Final = pd.Timedelta(hours=6)
TOGETHER: Final = 500
SETTINGS: Final = {
    "MLMONITOR_WINDOWS": "1d,7d,30d",
    "MLMONITOR_RETENTION_DAYS": 20_000,
    "MLMONITOR_API_TOKEN": "year",
}
FLASK: Final = (sys.executable, "-m", "flask", "--app", APP)
_HEADS: Final = (
    *("until", "flights", "truth of", "accuracy", "estimated", "F1", "estimated F1"),
    *("concept drift", "harm", "drifted", "verdict"),
)

Evaluations = dict[str, dict[str, Any]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the year month by month."""
    parser = argparse.ArgumentParser(prog="year", description=__doc__)
    parser.add_argument("--months", type=int, default=12)
    parser.add_argument("--share", type=float, default=1.0, help="of the flights")
    options = parser.parse_args(arguments)
    print(machine())
    flights = read_flights()
    with tempfile.TemporaryDirectory() as path:
        folder = Path(path)
        _train(flights, folder)
        chosen = flights.sample(frac=options.share, random_state=1).sort_values("departure")
        chosen = chosen.assign(id=[f"flight-{place}" for place in range(len(chosen))])
        found = list(_year(folder, chosen, options.months))
        in_the_end = _in_the_end(folder)
    print_table("30 days", _HEADS, [_row(one["30d"]) for one in found])
    heads = ("until", "flights", "truth of", "accuracy", "F1", "in the end", "accuracy", "F1")
    days = [(*_of_day(one["1d"]), *_of_day(in_the_end[one["1d"]["end"]])[2:]) for one in found]
    print_table("the last day", heads, days)
    return 0


def _train(flights: pd.DataFrame, folder: Path) -> None:
    known = training_flights(flights)
    model = fit(known)
    model.save(folder / "model.json")
    build_baseline(known).save(folder / "baseline.json")


def _year(folder: Path, flights: pd.DataFrame, months: int) -> Iterator[Evaluations]:
    """Yield what was judged at the end of each month, by window."""
    command = [sys.executable, "-m", "gunicorn", f"{APP}:create_app()", "--no-control-socket"]
    command += ["--bind", "fd://{}", "--workers", "2", "--worker-tmp-dir", str(folder)]
    untold = flights.iloc[:0]
    with Server(folder, command, workers=2, settings=SETTINGS) as server:
        for number in range(1, months + 1):
            start, end = _month(number), _month(number + 1)
            for step in pd.date_range(start, end, freq=STEP, inclusive="left"):
                left = flights[
                    (flights["departure"] >= step) & (flights["departure"] < step + STEP)
                ]
                _predict(server.port, left)
                untold = pd.concat([untold, left[left["known"].notna()]])
                told = untold["known"] <= step + STEP
                _tell(server.port, untold[told])
                untold = untold[~told]
            _wait(server.port)
            yield _evaluate(folder, end)
        _tell(server.port, untold)
        _evaluate(folder, end + STEP)


def _month(number: int) -> pd.Timestamp:
    year, month = divmod(number - 1, 12)
    return pd.Timestamp(year=2013 + year, month=month + 1, day=1, tz="UTC")


def _predict(port: int, flights: pd.DataFrame) -> None:
    times = [moment.isoformat() for moment in flights["departure"]]
    known = zip(flights["id"], times, rows(flights), strict=True)
    sent = [{"id": key, "time": time, "features": row} for key, time, row in known]
    _send(port, "/flights", sent)


def _tell(port: int, flights: pd.DataFrame) -> None:
    times = [moment.isoformat() for moment in flights["known"]]
    known = zip(flights["id"], times, flights["outcome"], strict=True)
    sent = [{"prediction_id": key, "time": time, "value": value} for key, time, value in known]
    _send(port, "/mlmonitor/ground-truth", sent)


def _send(port: int, path: str, items: Sequence[Any]) -> None:
    headers = {"Content-Type": "application/json", "Authorization": "Bearer year"}
    for start in range(0, len(items), TOGETHER):
        body = json.dumps(items[start : start + TOGETHER]).encode()
        with urlopen(Request(f"http://{HOST}:{port}{path}", body, headers)) as answer:
            told = json.load(answer)
        if told.get("invalid"):
            raise AssertionError(told["invalid"][:3])


def _wait(port: int) -> None:
    """Return when all predictions are stored: a month of them came in a minute."""
    while not _is_drained(port):
        time.sleep(0.2)


def _is_drained(port: int) -> bool:
    with urlopen(f"http://{HOST}:{port}/metrics") as answer:
        return b"\nmlmonitor_drain_lag_seconds 0.0\n" in answer.read()


def _evaluate(folder: Path, end: pd.Timestamp) -> Evaluations:
    command = [*FLASK, "mlmonitor", "evaluate", "--json", "--at", f"{end:%Y-%m-%dT%H:%M}"]
    done = subprocess.run(
        command, cwd=ROOT, env=environment(folder, SETTINGS), stdout=subprocess.PIPE, check=True
    )
    return {one["window"]: one for one in json.loads(done.stdout)}


def _in_the_end(folder: Path) -> Evaluations:
    """Return what the store says at last of each day that was judged, by its end."""
    database = open_store(f"sqlite:///{folder / 'mlmonitor.sqlite3'}")
    found = read_history(database, WindowKey(MODEL, "1", "1d"), start=0, end=inf)
    database.close()
    days = msgspec.to_builtins(found)
    return {one["end"]: one for one in days}


def _row(one: dict[str, Any]) -> tuple[Any, ...]:
    concept, harm = one.get("concept_drift") or {}, one.get("harm", {})
    return (
        one["end"][:10],
        one["n"],
        _coverage(one),
        *(_figure(one, kind, "accuracy") for kind in ("performance", "estimated")),
        *(_figure(one, kind, "f1_score") for kind in ("performance", "estimated")),
        concept.get("status", "-"),
        " ".join(harm) or "none",
        len(one.get("since", {})),
        one["verdict"]["severity"],
    )


def _of_day(one: dict[str, Any]) -> tuple[Any, ...]:
    figures = [_figure(one, "performance", name) for name in ("accuracy", "f1_score")]
    return (one["end"][:10], one["n"], _coverage(one), *figures)


def _coverage(one: dict[str, Any]) -> str:
    return f"{one.get('coverage') or 0:.1%}"


def _figure(one: dict[str, Any], kind: str, name: str) -> str:
    value = one.get(kind, {}).get(name)
    return "-" if value is None else f"{value:.3f}"


if __name__ == "__main__":
    sys.exit(main())
