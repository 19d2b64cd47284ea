"""What one append costs, alone and among eight threads, beside a bare ``os.write`` of its frame.

``python -m tests.benchmarks.journal``
"""

import argparse
import os
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import quantiles

from flask_mlmonitor.journal.frames import encode
from flask_mlmonitor.journal.writer import Journal
from flask_mlmonitor.records import Row, Schema, Served
from tests.benchmarks.measuring import interleaved, machine, print_table
from tests.server import traffic

THREADS = 8


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the costs."""
    parser = argparse.ArgumentParser(prog="journal", description=__doc__)
    parser.add_argument("--appends", type=int, default=20_000, help="in a round")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args(arguments)
    print(machine())
    record = served(0)
    with tempfile.TemporaryDirectory() as folder:
        journal = Journal(Path(folder, "spool"), on_drop=_refuse)
        journal.schema(Schema("app", "fraud", "2", traffic.baseline().binning().encode()))
        fd = os.open(Path(folder, "bare"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        frame = encode(record)

        def append() -> None:
            journal.append(record)

        def write() -> None:
            os.write(fd, frame)

        number, rounds = options.appends, options.rounds
        medians = interleaved(
            {
                "os.write of the frame": lambda: _in_threads(write, number, 1),
                "append": lambda: _in_threads(append, number, 1),
                f"os.write, {THREADS} threads": lambda: _in_threads(write, number, THREADS),
                f"append, {THREADS} threads": lambda: _in_threads(append, number, THREADS),
            },
            rounds,
        )
        singly = _singly(append, number)
        journal.close()
        os.close(fd)
    bare, *_ = medians.values()
    rows = [(name, seconds * 1e6, seconds / bare) for name, seconds in medians.items()]
    print_table(f"a record of {len(frame)} bytes", ("what", "us each", "/ os.write"), rows)
    shares = {50: singly[49], 99: singly[98]}
    print_table(
        "one append at a time", ("percentile", "us"), [(p, s * 1e6) for p, s in shares.items()]
    )
    return 0


def served(number: int, time: float = 0.0) -> Served:
    """Return the record of one request with 10 features."""
    values = list(_PAYLOADS[number % len(_PAYLOADS)].values())
    return Served(0, f"{number:036}", time, 0, 0.003, False, [Row(values, True, 0.75)])


_PAYLOADS = traffic.payloads(1000)


def _refuse(reason: str, rows: int) -> None:
    raise AssertionError(f"{rows} dropped: {reason}")


def _in_threads(work: Callable[[], None], times: int, threads: int) -> float:
    """Return the wall seconds of one of *times* calls."""

    def repeat() -> None:
        for _ in range(times // threads):
            work()

    if threads == 1:
        began = time.perf_counter()
        repeat()
        return (time.perf_counter() - began) / times
    running = [threading.Thread(target=repeat) for _ in range(threads)]
    began = time.perf_counter()
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return (time.perf_counter() - began) / times


def _singly(work: Callable[[], None], times: int) -> list[float]:
    """Return the percentiles of single calls."""
    spent = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        spent.append(time.perf_counter() - began)
    return quantiles(spent, n=100)


if __name__ == "__main__":
    raise SystemExit(main())
