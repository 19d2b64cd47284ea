"""What it takes to judge a model: over few predictions and many, few features and many.

The store holds a week of fabricated rollups, as compaction leaves them; the windows are the last
1, 6 and 24 hours, which end in the middle of an hour. Then: what counting a prediction takes, and
what requests notice of the child process that judges, which is started again and again meanwhile.

``python -m tests.benchmarks.evaluation``
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Final

import msgspec
import psutil

from flask_mlmonitor import Baseline
from flask_mlmonitor._parsers import windows
from flask_mlmonitor.background.batches import Meaning, batch_of
from flask_mlmonitor.background.child import Job, evaluate_in_child
from flask_mlmonitor.background.evaluator import Subject, evaluate
from flask_mlmonitor.clock import as_datetime, now
from flask_mlmonitor.records import Schema
from flask_mlmonitor.stats.features import FeatureBaseline
from flask_mlmonitor.stats.judging import Limits
from flask_mlmonitor.stats.rollup import Rollup
from flask_mlmonitor.store.database import Database
from flask_mlmonitor.store.levels import DAY, HOUR, MINUTE, floor
from flask_mlmonitor.store.urls import open_store
from tests.benchmarks.fabricated import MODEL, Month, served_by
from tests.benchmarks.measuring import cpu_of, interleaved, machine, print_table
from tests.server import traffic
from tests.server.serving import Gunicorn
from tests.server.steady import SteadyLoad

WEEK: Final = 7 * DAY
LIMITS: Final = Limits(
    psi_warning=0.1,
    psi_critical=0.2,
    missing_warning=0.1,
    missing_critical=0.3,
    outlier_warning=0.05,
    min_samples=50,
)
AIM: Final = {20: 20.0, 1000: 1000.0}
"""By the number of features: the milliseconds of CPU that one evaluation may take."""
AIM_COUNTING: Final = 10.0
PREDICTIONS: Final = 600
LIMIT_P99: Final = 1.5
WARM_UP: Final = 2.0
CODE: Final = (
    "import sys; from flask_mlmonitor.background.child import work; work();"
    "status = open('/proc/self/status').read();"
    "sys.stderr.write(status.split('VmHWM:')[1].split()[0])"
)
"""A child that says in the end how much memory it had at most."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the times."""
    parser = argparse.ArgumentParser(prog="evaluation", description=__doc__)
    parser.add_argument("--features", type=int, default=1000, help="of the widest model")
    parser.add_argument("--per-minute", type=int, default=1000, help="predictions of a busy model")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--seconds", type=float, default=8.0, help="of load, with and without")
    parser.add_argument("--rate", type=float, default=100.0, help="requests per second")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args(arguments)
    print(machine())
    cases = [(20, 1), (20, options.per_minute), (options.features, 100)]
    months = [Month(*case) for case in cases]
    rows = [_row(month, case, options.rounds) for month, case in zip(months, cases, strict=True)]
    heads = ("features", "predictions", "ms of CPU", "at most", "child: s", "its CPU s", "peak MB")
    print_table("one evaluation of three windows", heads, rows)
    _print_counting(months[0], options.rounds)
    _print_latencies(months[0], options)
    return 0


def _row(month: Month, case: tuple[int, int], rounds: int) -> tuple[Any, ...]:
    features, per_minute = case
    with tempfile.TemporaryDirectory() as folder:
        job = _stored(month, Path(folder))
        database = open_store(job.store_url)
        judged = partial(_judge, database, job)
        judged()
        milliseconds = median(1e3 * cpu_of(judged) for _ in range(rounds))
        database.close()
        child = _child(job)
    predictions = f"{per_minute * WEEK // MINUTE:,}"
    return (features, predictions, milliseconds, AIM.get(features, "-"), *child)


def _stored(month: Month, folder: Path) -> Job:
    """Store a week; return what is to be judged."""
    end = floor(now(), HOUR) - HOUR + 34 * MINUTE
    url = f"sqlite:///{folder}/store.sqlite3"
    database = open_store(url)
    month.store(database, end, days=7, minutes=1500)
    database.close()
    return Job(url, end, (_subject(month),))


def _subject(month: Month) -> Subject:
    """Return a model whose training data was a fabricated day."""
    binning, day = month.binning, Rollup.unpack(month.binning, month.days[0])
    columns = tuple(
        FeatureBaseline(bins=bins, counts=day.feature(bins.name).cells) for bins in binning.features
    )
    predictions = day.predictions
    if predictions is None:
        raise AssertionError("the fabricated model predicts nothing")
    baseline = Baseline(
        n=day.n,
        created=as_datetime(0),
        columns=columns,
        task="classification",
        classes=binning.classes,
        positive=binning.positive,
        prediction=FeatureBaseline(bins=predictions.bins, counts=predictions.cells),
    )
    return Subject(
        model=MODEL[0],
        version=MODEL[1],
        windows=windows("1h,6h,24h"),
        alarm_budget=1 / 30,
        limits=LIMITS,
        baseline=baseline,
    )


def _judge(database: Database, job: Job) -> None:
    found = evaluate(database, job.subjects, job.at)
    if [one.status for one in found] != ["complete"] * 3:
        raise AssertionError(f"not judged: {[one.verdict.text for one in found]}")


def _child(job: Job) -> tuple[float, float, float]:
    """Return the seconds of a child process, those of its CPU, and its largest memory in MB."""
    began, before = time.perf_counter(), psutil.Process().cpu_times()
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        input=msgspec.msgpack.encode(job),
        capture_output=True,
        check=True,
    )
    seconds, after = time.perf_counter() - began, psutil.Process().cpu_times()
    cpu = sum(after[2:4]) - sum(before[2:4])
    return seconds, cpu, int(done.stderr) / 1024


def _print_counting(month: Month, rounds: int) -> None:
    binning = month.binning
    requests = served_by(binning, PREDICTIONS, seed=0)
    schema = Schema("shop", *MODEL, binning.encode())
    measures = {
        "counting": lambda: Rollup.of(binning, requests),
        "with all that one transaction of the drain adds": lambda: batch_of(
            requests, [Meaning(schema)], now
        ),
    }
    times = interleaved(
        {name: partial(cpu_of, measure) for name, measure in measures.items()}, rounds
    )
    rows = [(name, 1e6 * seconds / PREDICTIONS) for name, seconds in times.items()]
    title = (
        f"one prediction of {len(binning.features)} features; at most {AIM_COUNTING} for counting"
    )
    print_table(title, ("", "us of CPU"), rows)


def _print_latencies(month: Month, options: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        traffic.baseline().save(folder / "baseline.json")
        job = _stored(month, folder)
        kind = ("--worker-class", "gthread", "--threads", "4")
        server = stack.enter_context(Gunicorn(folder, *kind, workers=options.workers))
        server.get("/metrics")
        load = stack.enter_context(SteadyLoad(server, options.rate))
        time.sleep(WARM_UP)
        quiet, busy, runs = [], [], 0
        for _ in range(max(1, options.rounds // 5)):
            began = time.monotonic()
            time.sleep(options.seconds)
            middle = time.monotonic()
            while time.monotonic() < middle + options.seconds:
                evaluate_in_child(job)
                runs += 1
            ended = time.monotonic()
            quiet.append(_percentiles(load, began, middle))
            busy.append(_percentiles(load, middle, ended))
    without, meanwhile = (
        [median(part) for part in zip(*one, strict=True)] for one in (quiet, busy)
    )
    rows = [
        ("without an evaluation", *without, "-", "-"),
        (f"during {runs} evaluations", *meanwhile, meanwhile[2] / without[2], LIMIT_P99),
    ]
    title = f"ms of {options.rate:g} requests per second to {options.workers} workers"
    print_table(title, ("", "p50", "p95", "p99", "p99 of that without", "at most"), rows)


def _percentiles(load: SteadyLoad, start: float, end: float) -> tuple[float, float, float]:
    found = quantiles([one.latency * 1e3 for one in load.between(start, end)], n=100)
    return found[49], found[94], found[98]


if __name__ == "__main__":
    raise SystemExit(main())
