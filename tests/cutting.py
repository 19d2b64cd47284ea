"""A wire that breaks at the worst moment: the server has committed, and its client never hears."""

import select
import socket
import socketserver
import threading
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

SOCKET: Final = ".s.PGSQL.5432"
COMMIT: Final = b"COMMIT\x00"


class CuttingWire:
    """Stands between clients and a PostgreSQL server's socket; a context manager.

    :param upstream: the folder of the server's socket.
    :param folder: where clients find this one.
    :param every: every so many commits, the connection is cut before their answer.
    """

    def __init__(self, upstream: Path, folder: Path, every: int) -> None:
        self.cuts = 0
        commits = count(1)
        wire = self

        class Connection(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                client: Any = self.request
                with socket.socket(socket.AF_UNIX) as server:
                    server.connect(str(upstream / SOCKET))
                    while True:
                        for source in select.select([client, server], [], [])[0]:
                            data = source.recv(1 << 16)
                            if not data:
                                return
                            (server if source is client else client).sendall(data)
                            if data.endswith(COMMIT) and next(commits) % every == 0:
                                server.recv(1)
                                wire.cuts += 1
                                return

        self._server = socketserver.ThreadingUnixStreamServer(str(folder / SOCKET), Connection)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=[0.05])

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
