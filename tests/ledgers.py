"""What a store holds, to compare with what it should hold."""

from typing import NamedTuple

from sqlalchemy import func, select

from flask_mlmonitor.records import Gap
from flask_mlmonitor.stats.cells.binning import Binning
from flask_mlmonitor.stats.cells.rollup import BLOCKS, Rollup
from flask_mlmonitor.store import tables
from flask_mlmonitor.store.database import Database
from flask_mlmonitor.store.recording import read_offsets


class Ledger(NamedTuple):
    """All that adds up in a store.

    :param in_rollups: the rows that the rollups counted.
    :param in_totals: those that the totals did; then those with a value, and with ground truth.
    :param letters: the reasons of the dead letters.
    """

    ids: list[str]
    in_rollups: int
    in_totals: tuple[int, int, int]
    offsets: dict[str, int]
    gaps: list[Gap]
    letters: list[str]


NOTHING = Ledger([], 0, (0, 0, 0), {}, [], [])


def read_ledger(database: Database) -> Ledger:
    """Read a store whose tables are made."""
    ids, gaps, totals = tables.predictions.c.id, tables.gaps.c, tables.totals.c
    counts = (totals.predictions, totals.answered, totals.ground_truth)
    lost = select(gaps.start, gaps.end, gaps.count, gaps.reason).order_by(gaps.start)
    counted = select(func.sum(tables.rollups.c.n)).where(tables.rollups.c.folded == 0)
    offsets = read_offsets(database)
    with database.reading() as connection:
        in_totals = connection.execute(select(*map(func.sum, counts))).one()
        return Ledger(
            list(connection.execute(select(ids).order_by(ids)).scalars()),
            connection.execute(counted).scalar() or 0,
            (in_totals[0] or 0, in_totals[1] or 0, in_totals[2] or 0),
            offsets,
            [Gap(*row) for row in connection.execute(lost)],
            list(connection.execute(select(tables.dead_letters.c.reason)).scalars()),
        )


def add_rollups(database: Database, binning: Binning) -> Rollup:
    """Add up every rollup of a store whose models share *binning*."""
    columns = [tables.rollups.c[name] for name in ("bins_id", *BLOCKS)]
    query = select(*columns).where(tables.rollups.c.folded == 0)
    with database.reading() as connection:
        rows = connection.execute(query).all()
    assert {row.bins_id for row in rows} <= {binning.id}
    return Rollup.add_up(binning, {name: [getattr(row, name) for row in rows] for name in BLOCKS})
