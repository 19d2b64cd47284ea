"""What one process of all hosts does, held by a lease in the store."""

import os
import secrets
import socket
import time
from collections.abc import Callable
from typing import Any, Final

from sqlalchemy import Connection, case, or_, update

from flask_mlmonitor.forks import renew_after_fork
from flask_mlmonitor.store import tables
from flask_mlmonitor.store.database import Database
from flask_mlmonitor.store.dialects import clock, insert_into

TTL_SECONDS: Final = 30.0
RENEWAL_SECONDS: Final = 10.0
BREAK_SECONDS: Final = 300.0
"""An office that nobody held for longer begins anew."""


class Lease:
    """An office that one process of all that share a store holds for as long as it renews it.

    It is no lock: a holder that hangs, or whose host is gone, loses it after *ttl* seconds by the
    clock of the database, and by its own clock it knows so. What a holder writes should bear the
    :attr:`epoch`, which rises with each change of holder.

    :param name: of the office.
    :param renewal: how many seconds before it is renewed; well below *ttl*.
    :param timer: seconds of a clock that never goes back.
    :ivar since: from when on one process after another has held it, as far as this one knows, by
        the clock of the database; a break of :data:`BREAK_SECONDS` is none.
    """

    def __init__(
        self,
        database: Database,
        name: str,
        *,
        ttl: float = TTL_SECONDS,
        renewal: float = RENEWAL_SECONDS,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self.epoch = 0
        self.since = 0.0
        self._database = database
        self._ttl = ttl
        self._renewal = renewal
        self._timer = timer
        self._ends = -1.0
        self._holder = ""
        self._new_holder()
        renew_after_fork(self._new_holder)

    def holds(self) -> bool:
        """Return whether this process holds it now, as far as it can know without asking."""
        return self._timer() < self._ends

    def win(self) -> bool:
        """Return whether this process holds it, taking or renewing it where that is due.

        :raises StoreError: when the store cannot be asked.
        """
        asked = self._timer()
        if asked < self._ends - self._ttl + self._renewal:
            return True
        with self._database.writing() as connection:
            row: Any = connection.execute(self._claim(connection)).first()
        self._ends = -1.0 if row is None else asked + self._ttl
        self.epoch, self.since = (0, 0.0) if row is None else row
        return self.holds()

    def resign(self) -> None:
        """Give it back, if held, so that nobody has to wait for its end.

        :raises StoreError: when the store cannot be told; then it ends by itself.
        """
        if not self.holds():
            return
        self._ends = -1.0
        leases = tables.leases.c
        mine = (leases.name == self.name, leases.holder == self._holder)
        with self._database.writing() as connection:
            ends = update(tables.leases).where(*mine).values(expires=clock(connection))
            connection.execute(ends)

    def _claim(self, connection: Connection) -> Any:
        leases, current = tables.leases.c, clock(connection)
        statement = insert_into(connection, tables.leases).values(
            name=self.name, holder=self._holder, expires=current + self._ttl, epoch=1, since=current
        )
        mine = leases.holder == self._holder
        return statement.on_conflict_do_update(
            index_elements=["name"],
            set_={
                "holder": self._holder,
                "expires": statement.excluded.expires,
                "epoch": leases.epoch + case((mine, 0), else_=1),
                "since": case(
                    (leases.expires < current - BREAK_SECONDS, statement.excluded.since),
                    else_=leases.since,
                ),
            },
            where=or_(mine, leases.expires <= current),
        ).returning(leases.epoch, leases.since)

    def _new_holder(self) -> None:
        """Name this incarnation of the process: hosts have processes of the same number."""
        self._holder = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._ends = -1.0
