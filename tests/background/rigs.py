"""A host without its threads: a spool to write to, a store to drain into, a clock."""

import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flask_mlmonitor.background.batches import ids_of
from flask_mlmonitor.background.drain import Drain
from flask_mlmonitor.counters.requests import MonitorCounters
from flask_mlmonitor.counters.slots import Slot
from flask_mlmonitor.journal.spool import Spool
from flask_mlmonitor.journal.writer import Journal
from flask_mlmonitor.records import STATUSES, Row, Schema, Served
from flask_mlmonitor.stats.cells.binning import Binning, FeatureBins
from flask_mlmonitor.store.truth import Matched
from flask_mlmonitor.store.urls import open_store
from tests.ledgers import Ledger, read_ledger
from tests.stores import copy_store

NOW = 1_700_000_040.0
BINNING = Binning(
    features=(
        FeatureBins("amount", "numeric", quantiles=(1.0, 2.0, 3.0), low=0.0, high=4.0),
        FeatureBins("plan", "categorical", categories=("free", "paid")),
    ),
    classes=("0", "1"),
    prediction=FeatureBins("prediction", "categorical", categories=("0", "1")),
    latency_bounds=(0.1, 1.0),
)
FRAUD = Schema("shop", "fraud", "2", BINNING.encode())
CHURN = Schema("shop", "churn", "1", BINNING.encode())
ROW = Row([2.5, "free"], 1, 0.75)
SUCCESS, FALLBACK, ERROR, INVALID = range(len(STATUSES))


def request(number: int, *, rows: Sequence[Row] = (ROW,), **fields: Any) -> Served:
    """Make a request; its id is made of *number*, and with other than one row it is a batch."""
    given: dict[str, Any] = {
        "schema": 0,
        "time": NOW,
        "status": SUCCESS,
        "latency": 0.05,
        "batch": len(rows) != 1,
    }
    return Served(id=f"r{number:06}", rows=rows, **given | fields)


def requests(count: int, first: int = 0) -> list[Served]:
    """Make several requests of a row each."""
    return [request(number) for number in range(first, first + count)]


def poisoned(number: int, rows: int = 1) -> Served:
    """Make a request that nothing can be made of: its schema does not exist."""
    return request(number, rows=[ROW] * rows, schema=7)


def expected(records: Sequence[Served], **others: Any) -> Ledger:
    """Return what a store holds that these requests were drained into, offsets apart."""
    ids = sorted(key for record in records for key in ids_of(record))
    answered = sum(len(record.rows) for record in records if record.status in (SUCCESS, FALLBACK))
    return Ledger(ids, len(ids), (len(ids), answered, 0), {}, [], [])._replace(**others)


class Rig:
    """The folders of one host, and drains as if each was of another process.

    :ivar matched: the ground truth that drains reported as matched.
    """

    def __init__(self, folder: Path, store_url: str) -> None:
        self.folder = folder
        self.store_url = store_url
        self.spool = Spool(folder / "spool")
        self.database = open_store(store_url)
        self.time = NOW
        self.matched: list[Matched] = []
        self._slot = Slot(folder / "slots")
        self.counters = MonitorCounters(self._slot)
        self._dropped: Counter[str] = Counter()

    def journal(self, **options: Any) -> Journal:
        """Make a journal, of which the caller closes what it opened."""
        return Journal(self.spool.path, on_drop=self._drop, **options)

    def _drop(self, reason: str, count: int) -> None:
        raise AssertionError(reason, count)

    def write(self, records: Sequence[Served], *schemas: Schema) -> Path:
        """Write a segment of its own and seal it; return its path."""
        journal = self.journal()
        for schema in schemas or (FRAUD,):
            journal.schema(schema)
        for record in records:
            assert journal.append(record)
        path = journal.path
        assert path is not None
        journal.close()
        return path

    def new_drain(self) -> Drain:
        """Make the drain of a process that has just started."""
        return Drain(
            self.spool,
            self.database,
            self.counters,
            on_matched=self.matched.extend,
            clock=lambda: self.time,
        )

    def drain(self, limit: int = 1_000_000) -> int:
        """Drain all, as a process that has just started; return how many rows were moved."""
        drain = self.new_drain()
        total = 0
        while moved := drain.run_once(limit):
            total += moved
        return total

    def ledger(self) -> Ledger:
        """Return what the store holds, offsets apart."""
        return read_ledger(self.database)._replace(offsets={})

    def counted(self) -> dict[str, float]:
        """Return what was counted of the monitor itself."""
        return {
            " ".join(name): value
            for block in self._slot.blocks()
            for name, value in block.items()
            if value
        }

    def files(self) -> list[str]:
        """Return the kinds of the files in the spool."""
        return sorted(path.suffix for path in self.spool.path.iterdir())

    def copy(self, folder: Path, store_url: str) -> "Rig":
        """Return a host with the same files and the same in its store.

        Whoever wrote them does not live there.
        """
        self.database.close()
        if folder.exists():
            shutil.rmtree(folder)
        shutil.copytree(self.folder, folder)
        copy_store(self.store_url, store_url)
        return Rig(folder, store_url)

    def close(self) -> None:
        """Close what is open."""
        self.database.close()
        self._slot.close()
