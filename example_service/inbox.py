"""Where the service's alerts arrive: a webhook of this process, read aloud as they come."""

import json
import threading
from collections import deque
from collections.abc import Iterator
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Final, Self

HOST: Final = "127.0.0.1"
ID: Final = "webhook-id"
PASSING: Final = frozenset({"latency", "errors", "fallback", "invalid_input"})
"""The kinds of alerts about the last minutes: soon after their cause is over, they are."""

Message = dict[str, Any]


class Inbox:
    """A webhook, as a context manager; what it was sent stays readable.

    :ivar messages: all that came, each once.
    """

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self._unread: deque[Message] = deque()
        self._ids: set[str] = set()
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer((HOST, 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self.url = f"http://{HOST}:{self._server.server_port}/"

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
        self._server.server_close()

    def take(self, message_id: str, message: Message) -> None:
        """Keep a message, unless it has come before."""
        with self._lock:
            if message_id not in self._ids:
                self._ids.add(message_id)
                self.messages.append(message)
                self._unread.append(message)

    def unread(self) -> Iterator[Message]:
        """Yield what nobody has read yet, and take it for read."""
        while self._unread:
            yield self._unread.popleft()

    def open(self) -> dict[str, Message]:
        """Return what has been told and is not over, by its key."""
        told = {one["key"]: one for one in list(self.messages)}
        return {key: one for key, one in told.items() if one["action"] == "trigger"}

    def passing(self) -> bool:
        """Tell whether something is open that will be over soon."""
        return any(one["family"] in PASSING for one in self.open().values())

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        take = self.take

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                content = self.rfile.read(int(self.headers["Content-Length"]))
                take(self.headers[ID], json.loads(content)["data"])
                self.send_response(204)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Be quiet."""

        return Handler


def line(message: Message) -> str:
    """Return a message as a line for the terminal.

    >>> line({"time": "2026-03-02T12:00:05.25Z", "action": "resolve", "severity": "warning",
    ...       "title": "fraud 2: Slow predictions", "text": "It is over."})
    '12:00:05 RESOLVED fraud 2: Slow predictions. It is over.'
    """
    word = "resolved" if message["action"] == "resolve" else message["severity"]
    time = datetime.fromisoformat(message["time"])
    return f"{time:%H:%M:%S} {word.upper():<8} {message['title']}. {message['text']}"
