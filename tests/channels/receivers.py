"""Receivers that no library makes: they take connections, and have bad manners."""

import socket
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self


class Receiver:
    """A server on loopback that does as *behave* with each connection; a context manager."""

    def __init__(self, behave: Callable[[socket.socket], None]) -> None:
        self._behave = behave
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.connections = 0
        self._over = threading.Event()

    def __enter__(self) -> Self:
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}/hook"

    def hang(self, connection: socket.socket) -> None:
        """Say nothing until the end."""
        self._over.wait(30)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._answer, args=[connection], daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection:
            try:
                self._behave(connection)
            except OSError:
                return


def hanging() -> Receiver:
    """A receiver that takes connections and never says a word."""
    receiver = Receiver(lambda connection: receiver.hang(connection))
    return receiver


def trickling(said: bytes) -> Receiver:
    """A receiver that begins to answer, and then sends a byte now and then for ever."""

    def trickle(connection: socket.socket) -> None:
        connection.sendall(said)
        for _ in range(300):
            time.sleep(0.1)
            connection.sendall(b"x")

    return Receiver(trickle)


def saying(said: bytes) -> Receiver:
    """A receiver that reads what comes and answers with these bytes."""

    def say(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(said)

    return Receiver(say)
