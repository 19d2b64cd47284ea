"""The store as the other rooms see it, whichever database it is."""

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final, Protocol

from sqlalchemy import Connection

from flask_mlmonitor.exceptions import StoreError
from flask_mlmonitor.store.steps import steps_done

BUSY_SECONDS: Final = 5.0
"""How long a transaction waits for its turn before the store counts as unavailable."""

BINARY: Final = "mlmonitor_binary"
"""The execution option of a query whose blobs PostgreSQL shall send as they are, not as text."""


class Readable(Protocol):
    """What can be read in transactions."""

    def reading(self) -> AbstractContextManager[Connection]:
        """Open a read transaction, as :meth:`Database.reading` does."""


class Database(ABC):
    """Transactions, and nothing of how a database does them.

    :ivar name: says which one it is to a person, without a password.
    :ivar folder: what must be writable for it; ``None`` for a server.
    """

    name: str
    folder: Path | None = None
    _written = False

    @abstractmethod
    def writing(self) -> AbstractContextManager[Connection]:
        """Open a write transaction; it commits at the end of the block.

        The first one makes the tables, where they are missing.

        :raises StoreUnavailable: when the store does not answer or is busy for too long.
        :raises SchemaTooNew: when its tables are of a later version.
        """

    @abstractmethod
    def reading(self) -> AbstractContextManager[Connection]:
        """Open a read transaction: it sees one state of the store and can change nothing.

        :raises StoreUnavailable: when the store does not answer, or nothing was ever written.
        :raises SchemaTooNew: when its tables are of a later version.
        """

    def exists(self) -> bool:
        """Return whether there is anything to ask: somebody wrote. Only asking makes nothing.

        One that does not answer now may well hold something.
        """
        if not self._written:
            try:
                with self.reading() as connection:
                    self._written = steps_done(connection) > 0
            except StoreError:
                return True
        return self._written

    @abstractmethod
    def forget(self) -> None:
        """Drop every connection without closing it: after a fork they belong to the parent."""

    @abstractmethod
    def close(self) -> None:
        """Close every connection."""

    def prepare(self) -> None:
        """Make the tables where they are missing.

        :raises StoreError: when the store does not answer, or is of a later version.
        """
        with self.writing():
            pass
