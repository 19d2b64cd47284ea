"""The outermost layer of a monitored app."""

import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from flask_mlmonitor.request.observation import SIGNATURE

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class Boundary:
    """A WSGI application around the app's own.

    It adds the monitor's headers to the answer as it starts: no response object is touched,
    whether it is the view's own, a cached one, or an error handler's.

    :param start: called before the first request of each process, whatever that asks for.
    """

    def __init__(self, wsgi_app: "WSGIApplication", start: Callable[[], None]) -> None:
        self._wsgi_app = wsgi_app
        self._start = start
        self._pid = 0

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        pid = os.getpid()
        if self._pid != pid:
            self._pid = pid
            self._start()
        signature: dict[str, str] = {}
        environ[SIGNATURE] = signature

        def start(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
            if signature:
                kept = [pair for pair in headers if pair[0] not in signature]
                headers = [*kept, *signature.items()]
            return start_response(status, headers, *exc_info)

        return self._wsgi_app(environ, start)
