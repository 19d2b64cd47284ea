"""What it takes to judge a model: over few predictions and many, few features and many.

The store holds a week of fabricated rollups, as compaction leaves them; the windows are the last
1, 6 and 24 hours, which end in the middle of an hour. Then: what counting a prediction takes, and
what requests notice of the child process that judges, which is started again and again meanwhile;
beside it, what they notice of a process that does nothing but take what is left of the processor.

``python -m tests.benchmarks.evaluation``
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Final

import msgspec
import psutil
from msgspec.structs import replace

from flask_mlmonitor import Baseline
from flask_mlmonitor._parsers import windows
from flask_mlmonitor.background.batches import Meaning, batch_of
from flask_mlmonitor.background.child import Job, evaluate_in_child
from flask_mlmonitor.background.evaluator import evaluate
from flask_mlmonitor.background.subjects import Subject
from flask_mlmonitor.clock import as_datetime, now
from flask_mlmonitor.records import Schema
from flask_mlmonitor.stats.baselines.features import FeatureBaseline
from flask_mlmonitor.stats.cells.rollup import Rollup
from flask_mlmonitor.store.database import Database
from flask_mlmonitor.store.levels import DAY, HOUR, MINUTE, floor
from flask_mlmonitor.store.urls import open_store
from tests.benchmarks.fabricated import MODEL, Month, served_by
from tests.benchmarks.measuring import cpu_of, interleaved, machine, print_table
from tests.limits import LIMITS
from tests.server import traffic
from tests.server.serving import Gunicorn
from tests.server.steady import SteadyLoad

Percentiles = tuple[float, float, float]

WEEK: Final = 7 * DAY
AIM: Final = {20: 20.0, 1000: 1000.0}
"""By the number of features: the milliseconds of CPU that one evaluation may take."""
AIM_COUNTING: Final = 10.0
PREDICTIONS: Final = 600
LIMIT_P99: Final = 1.5
WARM_UP: Final = 2.0
SPIN: Final = "import os; os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))\nwhile 1: pass"
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
    parser.add_argument("--seconds", type=float, default=4.0, help="of load, for each figure")
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
    return Job(url, end, (subject_of(month),))


def subject_of(month: Month) -> Subject:
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
        limits=replace(LIMITS, min_samples=50),
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
        meanwhile: Mapping[str, Callable[[float], object]] = {
            "nothing else runs": time.sleep,
            "evaluations run": partial(_evaluate_for, job=_stored(month, folder)),
            "a process of the lowest priority spins": _spin_for,
        }
        kind = ("--worker-class", "gthread", "--threads", "4")
        server = stack.enter_context(Gunicorn(folder, *kind, workers=options.workers))
        server.get("/metrics")
        load = stack.enter_context(SteadyLoad(server, options.rate))
        time.sleep(WARM_UP)
        found: dict[str, list[Percentiles]] = {name: [] for name in meanwhile}
        for _ in range(max(1, options.rounds // 3)):
            for name, work in meanwhile.items():
                began = time.monotonic()
                work(options.seconds)
                found[name].append(_percentiles(load, began, time.monotonic()))
    medians = {name: [*map(median, zip(*some, strict=True))] for name, some in found.items()}
    quiet = medians["nothing else runs"][-1]
    rows = [(name, *some, some[-1] / quiet) for name, some in medians.items()]
    title = f"ms of {options.rate:g} requests per second to {options.workers} workers; p99 at most"
    heads = ("while", "p50", "p95", "p99", "p99 in times of the first")
    print_table(f"{title} {LIMIT_P99} times the first", heads, rows)


def _evaluate_for(seconds: float, *, job: Job) -> None:
    began = time.monotonic()
    while time.monotonic() < began + seconds:
        evaluate_in_child(job)


def _spin_for(seconds: float) -> None:
    process = subprocess.Popen([sys.executable, "-c", SPIN])
    time.sleep(seconds)
    process.kill()
    process.wait()


def _percentiles(load: SteadyLoad, start: float, end: float) -> Percentiles:
    found = quantiles([one.latency * 1e3 for one in load.between(start, end)], n=100)
    return found[49], found[94], found[98]


if __name__ == "__main__":
    raise SystemExit(main())
