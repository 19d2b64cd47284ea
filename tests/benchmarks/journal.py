"""What one append costs, alone and among eight threads, beside a bare ``os.write`` of its frame.

And with ``MLMONITOR_DURABILITY=interval``, while another thread brings it onto the disk.

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

from flask_mlmonitor.background.runtime import UPKEEP_SECONDS
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
        journal = _journal(Path(folder, "spool"), synced=False)
        durable = _journal(Path(folder, "durable"), synced=True)
        upkeep = _Upkeep(durable)
        fd = os.open(Path(folder, "bare"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        frame = encode(record)

        def append() -> None:
            journal.append(record)

        def append_durably() -> None:
            durable.append(record)

        def write() -> None:
            os.write(fd, frame)

        number, rounds = options.appends, options.rounds
        medians = interleaved(
            {
                "os.write of the frame": lambda: _in_threads(write, number, 1),
                "append": lambda: _in_threads(append, number, 1),
                "append, interval": lambda: _in_threads(append_durably, number, 1),
                f"os.write, {THREADS} threads": lambda: _in_threads(write, number, THREADS),
                f"append, {THREADS} threads": lambda: _in_threads(append, number, THREADS),
                f"append, {THREADS} threads, interval": lambda: _in_threads(
                    append_durably, number, THREADS
                ),
            },
            rounds,
        )
        singly, durably = _singly(append, number), _singly(append_durably, number)
        upkeep.stop()
        journal.close()
        durable.close()
        os.close(fd)
    bare, *_ = medians.values()
    rows = [(name, seconds * 1e6, seconds / bare) for name, seconds in medians.items()]
    print_table(f"a record of {len(frame)} bytes", ("what", "us each", "/ os.write"), rows)
    print_table(
        "one append at a time",
        ("percentile", "us", "us, interval"),
        [(p, singly[p - 1] * 1e6, durably[p - 1] * 1e6) for p in (50, 99)],
    )
    print_table(
        "bringing them onto the disk",
        ("what", "number"),
        [("syncs", upkeep.syncs), ("ms each", upkeep.spent / max(1, upkeep.syncs) * 1e3)],
    )
    return 0


class _Upkeep:
    """The thread that syncs, as a worker has one."""

    def __init__(self, journal: Journal) -> None:
        self.syncs, self.spent = 0, 0.0
        self._journal = journal
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self) -> None:
        self._done.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._done.wait(UPKEEP_SECONDS):
            began = time.perf_counter()
            self._journal.sync()
            self.spent += time.perf_counter() - began
            self.syncs += 1


def _journal(folder: Path, *, synced: bool) -> Journal:
    journal = Journal(folder, max_bytes=4 << 30, synced=synced, on_drop=_refuse)
    journal.schema(Schema("app", "fraud", "2", traffic.baseline().binning().encode()))
    return journal


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
