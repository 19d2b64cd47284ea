"""Parts of rollups put into a store, and what their sums should be."""

from collections.abc import Iterable
from itertools import count

from flask_mlmonitor.records import Row, Served
from flask_mlmonitor.stats.cells.binning import Binning, FeatureBins
from flask_mlmonitor.stats.cells.rollup import BLOCKS, PackedRollup, Rollup
from flask_mlmonitor.store.compaction import find_fresh, find_late
from flask_mlmonitor.store.database import Database
from flask_mlmonitor.store.pruning import worn_out
from flask_mlmonitor.store.recording import Batch, RollupKey, Span, apply
from flask_mlmonitor.store.windows import WindowRollups, read_windows
from tests.store.batches import BINNING

OTHER = Binning(
    features=(
        FeatureBins("amount", "numeric", quantiles=(5.0,)),
        FeatureBins("plan", "categorical", categories=("free",)),
    ),
    prediction=FeatureBins("prediction", "numeric", quantiles=(1.0,)),
)
"""Of a regression, whose predictions have moments."""


class Book:
    """The parts that were added to a model's rollups.

    :param name: the first word of the segments' names.
    """

    def __init__(self, database: Database, name: str = "s") -> None:
        self.database = database
        self.parts: list[tuple[int, Rollup]] = []
        self._segments = (f"{name}{number}" for number in count())

    def add(self, bucket: int, amounts: Iterable[int], binning: Binning = BINNING) -> None:
        """Add a part as a drain does; whole numbers, so that their sums are exact."""
        rows = [Row([amount, "free"][: len(binning.features)], amount) for amount in amounts]
        served = [Served(0, f"{row}", bucket, 0, 0.25, False, [row]) for row in rows]
        rollup = Rollup.of(binning, served)
        key = RollupKey("fraud", "2", binning.id, bucket)
        rollups = {key: rollup.pack()}
        batch = Batch([], {}, rollups, {binning.id: binning.encode()})
        apply(self.database, Span(next(self._segments), 0, 1), batch)
        self.parts.append((bucket, rollup))

    def expected(self, start: int, end: int) -> dict[str, PackedRollup]:
        """Return the sum of the parts in [start, end), by bins id."""
        sums: dict[str, Rollup] = {}
        for bucket, part in self.parts:
            if start <= bucket < end:
                known = sums.get(part.binning.id)
                sums[part.binning.id] = part if known is None else known + part
        return {bins_id: rollup.pack() for bins_id, rollup in sums.items()}

    def read(self, *bounds: int, now: float, blocks: Iterable[str] = BLOCKS) -> list[WindowRollups]:
        """Read the windows between bounds."""
        return read_windows(
            self.database, "fraud", "2", bounds, blocks=list(blocks), clock=lambda: now
        )

    def check(self, *bounds: int, now: float) -> None:
        """Assert that the windows between bounds are the sums of their parts."""
        for window in self.read(*bounds, now=now):
            found = {bins_id: rollup.pack() for bins_id, rollup in window.rollups.items()}
            wanted = self.expected(window.start, window.end)
            assert found == wanted, window
            assert window.n == sum(rollup.n for rollup in wanted.values())


def compact(database: Database, now: float) -> int:
    """Do all that is to be done; return the number of steps."""
    done = 0
    while steps := find_fresh(database, now):
        for step in steps:
            step.run(database)
            done += 1
    for step in find_late(database, now):
        step.run(database)
        done += 1
    for deletion in worn_out(now):
        while deletion.run(database):
            done += 1
    return done
