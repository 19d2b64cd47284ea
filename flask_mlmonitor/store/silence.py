"""A connection to PostgreSQL that does not wait for ever; the one module that needs psycopg."""

import time
from collections.abc import Generator
from typing import Any, Final

import psycopg

from flask_mlmonitor.store.patience import patience

MARGIN_SECONDS: Final = 2.0
"""How much longer the server may be silent than a statement may take: it speaks up by itself."""


class ImpatientConnection(psycopg.Connection[Any]):
    """Gives a server up that is silent, such as one that was stopped or cut off.

    Neither the server's own limits nor those of TCP end this wait: the one does not run, and the
    kernel at the other end still answers for it.
    """

    def wait(self, gen: Any, *args: Any, **options: Any) -> Any:
        """Drive one exchange with the server to its end.

        :raises psycopg.OperationalError: when the server was silent for too long.
        """
        return super().wait(self._limited(gen), *args, **options)

    def _limited(self, gen: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
        seconds = patience() + MARGIN_SECONDS
        deadline = time.monotonic() + seconds
        try:
            state = next(gen)
            while True:
                ready = yield state
                if not ready and time.monotonic() > deadline:
                    self.pgconn.finish()
                    raise psycopg.OperationalError(f"the server is silent for {seconds:.0f} s")
                state = gen.send(ready)
        except StopIteration as end:
            return end.value
