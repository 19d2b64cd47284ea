"""Batches as the drain would make them, row by row."""

from collections.abc import Sequence
from typing import Any

from flask_mlmonitor.records import Gap, Row, Served
from flask_mlmonitor.stats.cells.binning import Binning, FeatureBins
from flask_mlmonitor.stats.cells.rollup import Rollup
from flask_mlmonitor.store.levels import MINUTE, floor
from flask_mlmonitor.store.recording import Batch, RollupKey

NOW = 1_700_000_040.0
BINNING = Binning(
    features=(FeatureBins("amount", "numeric", quantiles=(1.0, 2.0, 3.0)),), latency_bounds=(0.1,)
)


def row(key: str, *, external: str | None = None, time: float = NOW) -> tuple[Any, ...]:
    """Make the row of one answered prediction of model fraud 2."""
    answer = ('{"amount":2.5}', "1", "0.75", 0.01)
    return (key, external, "shop", "fraud", "2", time, *answer, "primary", "success", None, None)


def batch_of_rows(rows: Sequence[tuple[Any, ...]], gaps: Sequence[Gap] = ()) -> Batch:
    """Make the batch of some rows, with the rollup that counts them."""
    served = [Served(0, key[0], NOW, 0, 0.01, False, [Row([2.5], 1, 0.75)]) for key in rows]
    key = RollupKey("fraud", "2", BINNING.id, floor(NOW, MINUTE))
    return Batch(
        rows,
        {("fraud", "2"): (len(rows), len(rows))} if rows else {},
        {key: Rollup.of(BINNING, served).pack()} if rows else {},
        {BINNING.id: BINNING.encode()} if rows else {},
        gaps,
    )


def batch(*keys: str, gaps: Sequence[Gap] = ()) -> Batch:
    """Make a batch of predictions with these ids."""
    return batch_of_rows([row(key) for key in keys], gaps)
