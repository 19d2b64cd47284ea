"""Wherever the processes come from and however they end: each prediction is there once."""

import json
import signal
import sysconfig
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil
import pytest

from tests.missing import missing
from tests.server import traffic
from tests.server.books import read_store, settle, sum_of
from tests.server.serving import APP, Answer, Server, wait_until

PREDICTIONS: Final = 60
CONNECTIONS: Final = 4
THREADS: Final = {"mlmonitor-drain", "mlmonitor-journal"}
"""Of each process that answers, whatever others it has."""
PROGRAMS: Final = Path(sysconfig.get_path("scripts"))
FACTORY: Final = f"{APP}:create_app()"
TERM, INT, QUIT = signal.SIGTERM, signal.SIGINT, signal.SIGQUIT


@dataclass(frozen=True)
class Cell:
    """A way to run the service, and how it ends.

    :param command: a program of this environment, and its arguments.
    :param end: the signal, and the exit status it leads to.
    :param answering: how many processes answer; the others hold nothing of the monitor.
    :param flushes: whether this end lets a process move what is journaled; else the next start
        does.
    :param stalls: whether the server kills a worker that does not answer, before the end.
    """

    command: str
    end: signal.Signals = TERM
    status: int = 0
    answering: int = 1
    flushes: bool = True
    stalls: bool = False

    @property
    def programs(self) -> list[str]:
        """The command line."""
        program, *arguments = self.command.split()
        return [str(PROGRAMS / program), *arguments]


def gunicorn(
    options: str, end: signal.Signals = TERM, *, flushes: bool = True, stalls: bool = False
) -> Cell:
    """Two workers of gunicorn, which ends well by each of its signals."""
    fixed = f"gunicorn {FACTORY} --no-control-socket --bind fd://{{}} --workers 2 "
    return Cell(fixed + options, end, answering=2, flushes=flushes, stalls=stalls)


def uwsgi(options: str, answering: int = 1, status: int = 0) -> Cell:
    """Processes of uWSGI; a worker that gets a second signal, as by Ctrl-C, dies at once."""
    fixed = f"uwsgi --http-socket 127.0.0.1:{{port}} --need-app --die-on-term --module {FACTORY} "
    return Cell(fixed + options, TERM, status, answering)


FLASK = f"flask --app {APP} run --port {{port}}"
WAITRESS = f"waitress-serve --listen 127.0.0.1:{{port}} --call {APP}:create_app"
UVICORN = f"uvicorn --fd {{}} --factory {APP}:create_with_a2wsgi"
HYPERCORN = f"hypercorn --bind fd://{{}} {APP}:create_with_asgiref()"

CELLS: Final = {
    "gunicorn sync": gunicorn("--worker-class sync"),
    "gunicorn sync, preloaded, QUIT": gunicorn("--worker-class sync --preload", QUIT),
    "gunicorn gthread": gunicorn("--worker-class gthread --threads 3"),
    "gunicorn gthread, preloaded, INT": gunicorn(
        "--worker-class gthread --threads 3 --preload", INT
    ),
    "gunicorn gevent": gunicorn("--worker-class gevent"),
    # Gunicorn has to kill such workers, whatever their app is: they hang where they should end.
    "gunicorn gevent, preloaded": gunicorn(
        "--worker-class gevent --preload --graceful-timeout 2", flushes=False
    ),
    "gunicorn gevent, QUIT": gunicorn("--worker-class gevent", QUIT),
    "gunicorn, recycled": gunicorn("--max-requests 20"),
    "gunicorn, timed out": gunicorn("--timeout 1 --preload", stalls=True),
    "flask run": Cell(FLASK, INT),
    "flask run, terminated": Cell(FLASK, status=-TERM, flushes=False),
    "flask run, reloading": Cell(FLASK + " --debug", INT),
    "python app.py": Cell(f"python -m {APP} {{port}}", INT),
    "uwsgi": uwsgi("", status=30),
    "uwsgi, forked": uwsgi("--master --processes 2", 2),
    "uwsgi, lazy apps": uwsgi("--master --lazy-apps"),
    "uwsgi, threads": uwsgi("--master --enable-threads --threads 2"),
    "waitress": Cell(WAITRESS, INT),
    "waitress, terminated": Cell(WAITRESS, status=-TERM, flushes=False),
    "uvicorn, a2wsgi": Cell(UVICORN, status=-TERM, flushes=False),
    "hypercorn, asgiref": Cell(HYPERCORN),
}


@pytest.fixture(params=list(CELLS.values()), ids=list(CELLS))
def cell(request: pytest.FixtureRequest) -> Cell:
    """One way to run the service."""
    cell = request.param
    assert isinstance(cell, Cell)
    if not Path(cell.programs[0]).exists():
        missing(f"{cell.programs[0]} is not installed: install flask-mlmonitor[servers]")
    return cell


@pytest.fixture
def server(folder: Path, cell: Cell) -> Iterator[Server]:
    """The service, run that way."""
    with Server(folder, cell.programs, workers=cell.answering) as server:
        yield server


@pytest.mark.slow
def test_each_prediction_is_there_once(server: Server, cell: Cell) -> None:
    """Nothing is left over of the processes, and the next ones go on counting."""
    answers = predict(server, PREDICTIONS)
    ids = ids_of(answers)
    assert counted(server) == PREDICTIONS
    if cell.stalls:
        stall(server)
    check_processes(server, {answer.worker for answer in answers})
    end(server, cell)
    if cell.flushes:
        check_store(server, ids)
        assert list((server.data / "spool").iterdir()) == []

    with Server(server.folder, cell.programs) as again:
        assert counted(again) == PREDICTIONS
        ids += ids_of(predict(again, 1))
        assert counted(again) == PREDICTIONS + 1
        settle(again)
        end(again, cell)
    check_store(server, ids)
    assert ours_in(server.log(), stalls=cell.stalls) == []


def predict(server: Server, number: int) -> list[Answer]:
    """Ask for so many predictions, some at once, each over a connection of its own."""

    def ask(body: bytes) -> Answer:
        with server.caller() as caller:
            answer = caller.call("POST", "/predict", body)
        assert answer is not None, server.log()[-2000:]
        assert answer.status == 200
        return answer

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        return list(pool.map(ask, traffic.bodies(number)))


def ids_of(answers: Iterable[Answer]) -> list[str]:
    """Return the predictions' ids."""
    ids = [answer.prediction_id for answer in answers if answer.prediction_id is not None]
    assert len(ids) == len(set(ids))
    return ids


def counted(server: Server) -> float:
    """Return how many predictions were counted, as one of the processes has it."""
    return sum_of(server.get("/metrics"), "ml_predictions_total")


def stall(server: Server) -> None:
    """Have a worker killed by its server, and wait for another one."""
    with server.caller() as caller:
        answer = caller.call("GET", "/stall")
    assert answer is None or answer.status == 500
    wait_until(lambda: len(server.living()) == server.workers, "a new worker")


def check_processes(server: Server, answered: set[int]) -> None:
    """Those that answer have the monitor's threads and files once; the others have none."""
    for _ in range(2 * server.workers):
        answer = server.get("/inside")
        answered.add(answer.worker)
        inside = json.loads(answer.body)
        threads = Counter(name for name in inside["threads"] if name.startswith("mlmonitor"))
        assert threads.total() == len(threads)
        assert threads.keys() >= THREADS
        files = Counter(path.suffix for path in own_files(server, inside["files"]))
        assert files[".cells"] == 1
        assert files[".lock"] <= 2  # its slot's, and the election's
        assert files[".j"] <= 2  # its own, and one that it drains
    for process in server.processes():
        assert process.pid in answered or not own_files(server, files_of(process))


def files_of(process: psutil.Process) -> list[str]:
    """Return the files that a process holds, if it has not ended."""
    with suppress(psutil.NoSuchProcess):
        return [file.path for file in process.open_files()]
    return []


def own_files(server: Server, paths: Iterable[str]) -> list[Path]:
    """Return those in the monitor's data folder."""
    return [path for path in map(Path, paths) if path.is_relative_to(server.data)]


def end(server: Server, cell: Cell) -> None:
    """End the server; nobody is left."""
    processes = server.processes()
    assert server.stop(cell.end) == cell.status, server.log()[-2000:]
    _, alive = psutil.wait_procs(processes, 5)
    assert not alive


def check_store(server: Server, ids: Sequence[str]) -> None:
    """Each prediction is a row, and counted once."""
    stored = read_store(server.folder)
    assert sorted(stored.ids) == sorted(ids)
    assert stored.in_rollups == stored.in_totals == len(ids)


def ours_in(log: str, *, stalls: bool) -> list[str]:
    """Return what the monitor said, and any traceback but that of a view that was killed."""
    words = ("monitor",) if stalls else ("monitor", "Traceback", "fork()")
    lines = [line for line in log.splitlines() if not line.lstrip().startswith("File ")]
    return [line for line in lines if any(word in line for word in words)]
