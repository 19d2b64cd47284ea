"""The real programs of Prometheus and Alertmanager, and what they say of files."""

import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from tests.missing import missing

PACKAGES: Final = {
    "prometheus": "prometheus",
    "promtool": "prometheus",
    "prometheus-alertmanager": "prometheus-alertmanager",
    "amtool": "prometheus-alertmanager",
}
"""The packages of Debian that they are in."""

SECONDS: Final = 20.0


def program(name: str) -> str:
    """Return the path of one of them."""
    found = shutil.which(name)
    if found is None:
        missing(f"install {name}: apt-get install {PACKAGES[name]}")
    return found


class Running:
    """One of the servers on a free port, as a context manager: ready inside of it.

    :param folder: for its log.
    :param command: without the address.
    """

    def __init__(self, folder: Path, command: Sequence[str]) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            address = f"127.0.0.1:{probe.getsockname()[1]}"
        self.url = f"http://{address}"
        self._log = folder / "log"
        self._command = [*command, f"--web.listen-address={address}"]

    def __enter__(self) -> Self:
        with self._log.open("wb") as log:
            self._server = subprocess.Popen(self._command, stdout=log, stderr=log)
        deadline = time.monotonic() + SECONDS
        while not self._is_ready():
            if self._server.poll() is not None or time.monotonic() > deadline:
                self._stop()
                raise AssertionError(self._log.read_text(encoding="utf-8"))
            time.sleep(0.05)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()

    def _stop(self) -> None:
        self._server.kill()
        self._server.wait(SECONDS)

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=SECONDS):
                return True
        except OSError:
            return False


def ask(name: str, *arguments: object, given: bytes = b"") -> str:
    """Return what a program says that must not complain."""
    done = subprocess.run(
        [program(name), *map(str, arguments)],
        input=given,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        timeout=100,
    )
    said = done.stdout.decode()
    assert done.returncode == 0, said
    return said
