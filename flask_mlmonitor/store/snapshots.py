"""Many reads of one state of the store."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection

from flask_mlmonitor.store.database import Readable


class Snapshots:
    """Reads of one thread, each on its own or many together.

    What is read together fits together, and costs one transaction instead of many.
    """

    def __init__(self, database: Readable) -> None:
        self._database = database
        self._open: Connection | None = None

    @contextmanager
    def together(self) -> Iterator[None]:
        """Let all reads of the block be one read transaction.

        :raises StoreUnavailable: when the store does not answer, to any of them.
        """
        with self._database.reading() as self._open:
            try:
                yield
            finally:
                self._open = None

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Read in the transaction that is open, or in one of its own.

        :raises StoreUnavailable: when the store does not answer.
        """
        if self._open is not None:
            yield self._open
            return
        with self._database.reading() as connection:
            yield connection
