"""An end to every wait for a receiver, also for one that sends a byte now and then."""

import socket
import threading
import time
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

CONNECT_SECONDS: Final = 2.0
READ_SECONDS: Final = 5.0


class Leash:
    """Ends the connections that it holds when their time is over; a context manager.

    Time limits of sockets hold for one operation, and a receiver may make do with thousands.

    :param seconds: from entering on.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._ends = 0.0
        self._held: list[socket.socket] = []
        self._timer = threading.Timer(seconds, self._pull)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._ends = time.monotonic() + self._seconds
        self._timer.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._timer.cancel()
        self._timer.join()
        for held in self._held:
            held.close()

    def connect(self, host: str, port: int) -> socket.socket:
        """Return a connection that is held.

        :raises OSError: when no address of the host answers in time.
        """
        failure: OSError = TimeoutError("timed out")
        for family, kind, protocol, _, address in socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM
        ):
            left = self._ends - time.monotonic()
            if left <= 0:
                break
            connection = socket.socket(family, kind, protocol)
            try:
                connection.settimeout(min(CONNECT_SECONDS, left))
                connection.connect(address)
            except OSError as error:
                connection.close()
                failure = error
            else:
                # A copy of the descriptor: TLS takes the socket itself apart.
                self._held.append(connection.dup())
                connection.settimeout(READ_SECONDS)
                return connection
        raise failure

    def _pull(self) -> None:
        for held in self._held:
            with suppress(OSError):
                held.shutdown(socket.SHUT_RDWR)
