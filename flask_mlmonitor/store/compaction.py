"""Fewer rollups: the parts of a bucket become one, minutes are added up to hours, hours to days.

Each step claims rollups by one statement that returns them, and writes down their sum in the same
transaction. Whatever dies, whoever else compacts, and whatever comes late: every part is claimed
once for each level, and the sum over a window is the same before and after.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple
from uuid import uuid4

import msgspec
from sqlalchemy import Connection, delete, func, insert, select, update

from flask_mlmonitor.stats.cells.rollup import BLOCKS, Rollup
from flask_mlmonitor.store import tables
from flask_mlmonitor.store.database import Database
from flask_mlmonitor.store.levels import COARSER, DAY, HOUR, MINUTE, floor
from flask_mlmonitor.store.windows import read_binnings

GRACE_SECONDS: Final = 300.0
"""How long after its end a bucket is left alone: what comes later is one more step."""

_column: Final = tables.rollups.c
_CLAIMED: Final = (_column.n, *(_column[name] for name in BLOCKS))


class Merge(NamedTuple):
    """The parts of one bucket become one."""

    level: int
    folded: int
    model: str
    version: str
    bins_id: str
    bucket: int

    def run(self, database: Database) -> None:
        """Do it in a transaction of its own."""
        these = [_column[name] == value for name, value in self._asdict().items()]
        with database.writing() as connection:
            claim = delete(tables.rollups).where(*these).returning(*_CLAIMED)
            _write_sum(connection, self, connection.execute(claim).all())


class Fold(NamedTuple):
    """The rollups of one level in a bucket of the next are added to it, and marked as folded."""

    level: int
    model: str
    version: str
    bins_id: str
    bucket: int

    def run(self, database: Database) -> None:
        """Do it in a transaction of its own."""
        end = self.bucket + COARSER[self.level]
        these = (
            *(_column[name] == getattr(self, name) for name in self._fields[:-1]),
            _column.folded == 0,
            _column.bucket >= self.bucket,
            _column.bucket < end,
        )
        whole = Merge(COARSER[self.level], 0, *self[1:])
        with database.writing() as connection:
            claim = update(tables.rollups).where(*these).values(folded=1).returning(*_CLAIMED)
            _write_sum(connection, whole, connection.execute(claim).all())


Step = Merge | Fold


def find_fresh(database: Database, now: float) -> list[Step]:
    """Return what to do with rollups that are not folded yet, in this order."""
    return [
        *_merges(database, MINUTE, 0, now),
        *_folds(database, MINUTE, now),
        *_merges(database, HOUR, 0, now),
        *_folds(database, HOUR, now),
    ]


def find_late(database: Database, now: float) -> list[Step]:
    """Return what to do with rollups that came after their bucket had been folded."""
    kinds = ((MINUTE, 1), (HOUR, 1), (DAY, 0))
    return [step for kind in kinds for step in _merges(database, *kind, now)]


def _merges(database: Database, level: int, folded: int, now: float) -> list[Merge]:
    """Return the buckets that are over and have several parts."""
    columns = [_column[name] for name in Merge._fields]
    query = (
        select(*columns)
        .where(_column.level == level, _column.folded == folded)
        .where(_column.bucket <= now - GRACE_SECONDS - level)
        .group_by(*columns)
        .having(func.count() > 1)
    )
    with database.reading() as connection:
        return [Merge(*row) for row in connection.execute(query)]


def _folds(database: Database, level: int, now: float) -> list[Fold]:
    """Return the buckets of the next level that are over and lack rollups of *level*."""
    length = COARSER[level]
    start = _column.bucket - (_column.bucket % length + length) % length
    columns = (_column.level, _column.model, _column.version, _column.bins_id)
    query = (
        select(*columns, start)
        .where(_column.level == level, _column.folded == 0)
        .where(_column.bucket < floor(now - GRACE_SECONDS, length))
        .distinct()
    )
    with database.reading() as connection:
        return [Fold(*row) for row in connection.execute(query)]


def _write_sum(connection: Connection, to: Merge, claimed: Sequence[Any]) -> None:
    if not claimed:  # another process was faster
        return
    binning = read_binnings(connection, [to.bins_id])[to.bins_id]
    blocks = {name: [getattr(row, name) for row in claimed] for name in BLOCKS}
    packed = Rollup.add_up(binning, blocks).pack()
    name = {"segment": uuid4().hex, "offset": 0}
    values = to._asdict() | name | msgspec.structs.asdict(packed)
    connection.execute(insert(tables.rollups), values)
