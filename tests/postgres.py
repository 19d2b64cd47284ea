"""A PostgreSQL server of the tests' own: a temporary folder, a socket in it, and no port."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import quote

import psutil

from tests.missing import missing

SECONDS: Final = 30.0
SETTINGS: Final = (
    *("listen_addresses=", "fsync=off", "full_page_writes=off", "autovacuum=off"),
    *("wal_level=minimal", "max_wal_senders=0", "checkpoint_timeout=1h"),
)
"""No port; and no work for the sake of a store that is thrown away."""


class Postgres:
    """The server, as a context manager: stopped, and its folder removed, on exit.

    PostgreSQL refuses to work for root; then it works for the user nobody.
    """

    def __init__(self) -> None:
        self._programs = {name: _binary(name) for name in ("initdb", "pg_isready", "postgres")}
        self.folder = Path(tempfile.mkdtemp(prefix="mlmonitor-postgres-"))
        self._server: subprocess.Popen[bytes] | None = None
        self._numbers = count(1)
        self._options: dict[str, Any] = {"stdin": subprocess.DEVNULL, "cwd": self.folder}
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(self.folder, nobody.pw_uid, nobody.pw_gid)
            self._options |= {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}

    def __enter__(self) -> Self:
        command = [self._programs["initdb"], "-D", str(self._data), "-U", "postgres", "-A", "trust"]
        command += ["--no-sync", "--encoding=UTF8", "--locale=C"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, **self._options)
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop(immediately=True)
        shutil.rmtree(self.folder)

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    @property
    def running(self) -> bool:
        """Whether it is started."""
        return self._server is not None

    @property
    def pid(self) -> int:
        """The process that takes connections."""
        assert self._server is not None
        return self._server.pid

    def processes(self) -> list[int]:
        """Return the server's processes, those of its connections too."""
        return [self.pid, *(one.pid for one in psutil.Process(self.pid).children())]

    def start(self) -> None:
        """Start it, and wait until it answers."""
        command = [self._programs["postgres"], "-D", str(self._data), "-k", str(self.folder)]
        for setting in SETTINGS:
            command += ["-c", setting]
        with (self.folder / "log").open("ab") as log:
            self._server = subprocess.Popen(command, stdout=log, stderr=log, **self._options)
        ready = [self._programs["pg_isready"], "--quiet", "-h", str(self.folder)]
        deadline = time.monotonic() + SECONDS
        while subprocess.run(ready, check=False).returncode:
            if time.monotonic() > deadline or self._server.poll() is not None:
                log_text = (self.folder / "log").read_text(errors="replace")
                raise AssertionError(f"PostgreSQL does not start:\n{log_text[-2000:]}")
            time.sleep(0.02)

    def stop(self, *, immediately: bool = False) -> None:
        """Stop it; *immediately* is a crash that it recovers from at its next start."""
        if self._server is not None:
            self._server.send_signal(signal.SIGQUIT if immediately else signal.SIGINT)
            self._server.wait(SECONDS)
            self._server = None

    def new_store(self) -> str:
        """Return the URL of a store that nobody has used yet: a schema of its own."""
        schema = f"store_{next(self._numbers)}"
        self.execute(f"CREATE SCHEMA {schema}")
        return self.url(options=f"-c search_path={schema}")

    def url(self, database: str = "postgres", **query: str) -> str:
        """Return the URL of a database, with these options of libpq."""
        given = {"host": str(self.folder), **query}
        pairs = "&".join(f"{name}={quote(value, safe='')}" for name, value in given.items())
        return f"postgresql://postgres@/{database}?{pairs}"

    def execute(self, statement: str) -> list[Any]:
        """Run a statement as the administrator; return its rows."""
        import psycopg

        where = f"host={self.folder} user=postgres dbname=postgres"
        with psycopg.connect(where, autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []


def _binary(name: str) -> str:
    """Return the path of a program of PostgreSQL's; Debian keeps them out of the PATH."""
    found = shutil.which(name)
    if found is None:
        versions = Path("/usr/lib/postgresql").glob(f"*/bin/{name}")
        newest = sorted(versions, key=lambda path: int(path.parts[-3]))
        if not newest:
            missing("install PostgreSQL: apt-get install postgresql")
        found = str(newest[-1])
    return found
