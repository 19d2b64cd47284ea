"""Real servers around the test service."""

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple, Self

import psutil

from tests.server.service import WORKER

ROOT: Final = Path(__file__).parents[2]
APP: Final = "tests.server.service"
HOST: Final = "127.0.0.1"
LOG: Final = "server.log"
STOP_SECONDS: Final = 20.0
SECONDS: Final = 30.0


class Answer(NamedTuple):
    """A complete answer, and the process it came from."""

    status: int
    body: bytes
    prediction_id: str | None
    worker: int


class Caller:
    """One connection to the service, opened again when it was lost."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection(HOST, port, timeout=SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._connection.close()

    def call(self, method: str, path: str, body: bytes | None = None) -> Answer | None:
        """Return the answer, or ``None`` if it did not come as a whole."""
        headers = {} if body is None else {"Content-Type": "application/json"}
        try:
            self._connection.request(method, path, body, headers)
            response = self._connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException):
            self._connection.close()
            return None
        worker = int(response.headers.get(WORKER, 0))
        return Answer(response.status, content, response.headers.get("X-Prediction-ID"), worker)


class Server:
    """The service under some server, as a context manager: stopped on exit.

    :param folder: the instance folder.
    :param command: with ``{}`` for an inherited socket that listens already, so that calls wait
        for the server, or ``{port}`` where it opens one itself.
    :param workers: the processes that answer.
    :param settings: keys of the app's config.
    """

    def __init__(
        self,
        folder: Path,
        command: Sequence[str],
        *,
        workers: int = 1,
        settings: Mapping[str, object] = {},
    ) -> None:
        self.folder = folder
        self.workers = workers
        self._command = command
        self._listens = any("{port}" in part for part in command)
        self._environment = environment(folder, settings)

    def __enter__(self) -> Self:
        with socket.create_server((HOST, 0), backlog=512) as listener:
            # Else each answer over a kept connection waits 40 ms for the caller's delayed ACK.
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.port = listener.getsockname()[1]
            if self._listens:
                listener.close()
                self._start(())
            else:
                self._start((listener.fileno(),))
        try:
            wait_until(self._accepts, "a server that listens")
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _start(self, inherited: tuple[int, ...]) -> None:
        with (self.folder / LOG).open("ab") as log:
            self.process = subprocess.Popen(
                [part.format(*inherited, port=self.port) for part in self._command],
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=inherited,
                process_group=0,
            )

    def _accepts(self) -> bool:
        if self.process.poll() is not None:
            raise AssertionError(f"it did not start:\n{self.log()}")
        if self._listens:
            with contextlib.suppress(ConnectionRefusedError):
                socket.create_connection((HOST, self.port)).close()
                return True
        return not self._listens

    @property
    def data(self) -> Path:
        """Where the monitor keeps spool and slots."""
        return self.folder / "mlmonitor"

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Let the requests end, then the workers and the master; return the exit status.

        SIGINT goes to all of them, as a terminal sends it.
        """
        if number == signal.SIGINT:
            os.killpg(self.process.pid, number)
        else:
            self.process.send_signal(number)
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def kill(self) -> None:
        """Kill master and workers at once, as the kernel does when memory runs out."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def processes(self) -> list[psutil.Process]:
        """Return the one that was started, and all that it has."""
        first = psutil.Process(self.process.pid)
        return [first, *first.children(recursive=True)]

    def living(self) -> list[psutil.Process]:
        """Return the workers that live now."""
        found = []
        for child in psutil.Process(self.process.pid).children():
            with contextlib.suppress(psutil.NoSuchProcess):
                if child.status() != psutil.STATUS_ZOMBIE:
                    found.append(child)
        return found

    def caller(self) -> Caller:
        """Open a connection."""
        return Caller(self.port)

    def get(self, path: str) -> Answer:
        """Ask once; a server that does not answer is an error that ends with its log."""
        with self.caller() as caller:
            answer = caller.call("GET", path)
        if answer is None or answer.status != 200:
            raise AssertionError(f"{path}: {answer}; the log ends with\n{self.log()[-3000:]}")
        return answer

    def log(self) -> str:
        """Return what the processes wrote to stdout and stderr."""
        return (self.folder / LOG).read_text(errors="replace")


class Gunicorn(Server):
    """The service under gunicorn.

    :param options: of gunicorn.
    :param app: the module of another service.
    """

    def __init__(
        self,
        folder: Path,
        *options: str,
        app: str = APP,
        workers: int = 1,
        settings: Mapping[str, object] = {},
    ) -> None:
        command = [
            *(sys.executable, "-m", "gunicorn", f"{app}:create_app()", "--no-control-socket"),
            *("--bind", "fd://{}", "--workers", str(workers)),
            *("--worker-tmp-dir", str(folder), *options),
        ]
        super().__init__(folder, command, workers=workers, settings=settings)


@contextlib.contextmanager
def worker(
    folder: Path, settings: Mapping[str, object], *, app: str = APP
) -> Iterator[subprocess.Popen[bytes]]:
    """Run ``flask mlmonitor worker`` beside the server."""
    command = [sys.executable, "-m", "flask", "--app", app, "mlmonitor", "worker"]
    with (folder / "worker.log").open("ab") as log:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment(folder, settings),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def environment(folder: Path, settings: Mapping[str, object]) -> dict[str, str]:
    """Return the environment of a process of the service."""
    config = {f"FLASK_{key}": str(value) for key, value in settings.items()}
    own = {"SERVICE_FOLDER": str(folder), "PYTHONPATH": str(ROOT)}
    return {**os.environ, **own, **config}


def wait_until(
    condition: Callable[[], bool], what: str, seconds: float = SECONDS, *, pause: float = 0.005
) -> float:
    """Poll until *condition* holds; return after how many seconds it did."""
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > seconds:
            raise AssertionError(f"not after {seconds} s: {what}")
        time.sleep(pause)
    return time.monotonic() - began
