"""An evaluation in a process of its own.

It imports what takes a second and a hundred megabytes, which no process that answers requests
should; it runs at low priority, and its memory goes with it.
"""

import subprocess
import sys
from pathlib import Path
from typing import Final

import msgspec

from flask_mlmonitor.background.evaluator import Findings, run
from flask_mlmonitor.background.subjects import Subject
from flask_mlmonitor.exceptions import EvaluationFailed
from flask_mlmonitor.store.urls import open_store

LONGEST_SECONDS: Final = 300.0
NICE: Final = 10

_CODE: Final = (
    f"import os, sys; os.nice({NICE}); os.environ['OMP_NUM_THREADS'] = '1'; "
    f"sys.path[:] = sys.argv[1:]; import {__name__} as it; it.work()"
)
"""The child finds the packages where its parent did, however that came to know them.

Its imports are most of its work, so that it makes way before them. More threads, of OpenBLAS or
OpenMP, would not hasten arrays as small as these, and take their cores from requests.
"""


class Job(msgspec.Struct, frozen=True):
    """What the child is told.

    :param at: seconds since the epoch.
    """

    store_url: str
    at: float
    subjects: tuple[Subject, ...]


def evaluate_in_child(job: Job) -> Findings:
    """Evaluate in a process of its own.

    :raises EvaluationFailed: when it fails, or takes longer than five minutes.
    """
    command = [_python(), "-c", _CODE, *sys.path]
    told = msgspec.msgpack.encode(job)
    try:
        done = subprocess.run(
            command,
            input=told,
            capture_output=True,
            timeout=LONGEST_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EvaluationFailed(str(error)) from error
    if done.returncode:
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise EvaluationFailed(*(last or [f"it ended with {done.returncode}"]))
    return msgspec.msgpack.decode(done.stdout, type=Findings)


def _python() -> str:
    """Return the interpreter; inside of uWSGI ``sys.executable`` is uWSGI."""
    if Path(sys.executable).name.startswith("python"):
        return sys.executable
    return str(Path(sys.prefix, "bin", "python3"))


def work() -> None:
    """Do, in the child, what stands in its input, and write what it found to its output."""
    job = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Job)
    database = open_store(job.store_url)
    try:
        found = run(database, job.subjects, job.at)
    finally:
        database.close()
    sys.stdout.buffer.write(msgspec.msgpack.encode(found))
