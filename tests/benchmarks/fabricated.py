"""Rollups that nobody counted: a month of a busy model, made in seconds."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle, islice
from typing import Any, Final

import msgspec
import numpy as np
from sqlalchemy import func, insert, select

from flask_mlmonitor.records import Row, Served
from flask_mlmonitor.stats.cells.binning import Binning, FeatureBins
from flask_mlmonitor.stats.cells.rollup import BLOCKS, PackedRollup, Rollup
from flask_mlmonitor.store import tables
from flask_mlmonitor.store.database import Database
from flask_mlmonitor.store.levels import DAY, HOUR, MINUTE

ROWS_PER_MINUTE: Final = 600
MODEL: Final = ("fabricated", "1")
_MANY: Final = 500


def binning_of(features: int) -> Binning:
    """Make cells as a baseline would: nine tenths numbers of many values, the rest categories."""
    quantiles = tuple(np.linspace(-1.6, 1.6, 19).tolist())
    numbers = [
        FeatureBins(f"number-{i}", "numeric", quantiles, (), -3.0, 3.1, 0.0, 1.0, (-2.7, 2.7))
        for i in range(features - features // 10)
    ]
    texts = [
        FeatureBins(f"text-{i}", "categorical", categories=tuple("abcdefghij"))
        for i in range(features // 10)
    ]
    return Binning(
        features=(*numbers, *texts),
        classes=("no", "yes"),
        positive="yes",
        prediction=FeatureBins("prediction", "categorical", categories=("no", "yes")),
        latency_bounds=(0.01, 0.1, 1.0),
    )


class Month:
    """Minutes, and the hours and days that they add up to; a few of each, again and again."""

    def __init__(self, features: int, rows: int = ROWS_PER_MINUTE) -> None:
        self.binning = binning_of(features)
        self.minutes = [
            Rollup.of(self.binning, served_by(self.binning, rows, seed)).pack() for seed in range(3)
        ]
        self.hours = [self._sum(self.minutes[first:] + self.minutes, 60) for first in range(3)]
        self.days = [self._sum(self.hours[first:] + self.hours, 24) for first in range(3)]

    def _sum(self, parts: Sequence[PackedRollup], times: int) -> PackedRollup:
        chosen = list(islice(cycle(parts), times))
        blocks = {name: [getattr(part, name) for part in chosen] for name in BLOCKS}
        return Rollup.add_up(self.binning, blocks).pack()

    def store(self, database: Database, now: int, *, days: int, minutes: int) -> None:
        """Store what the compaction leaves of so many days, and of so many minutes."""
        today, hour = now - now % DAY, now - now % HOUR
        first = today - days * DAY
        self._insert(database, DAY, self.days, {0: range(first, today, DAY)})
        of_hours = {1: range(first, today, HOUR), 0: range(today, hour, HOUR)}
        self._insert(database, HOUR, self.hours, of_hours)
        of_minutes = {1: range(now - minutes * MINUTE, hour, MINUTE), 0: range(hour, now, MINUTE)}
        self._insert(database, MINUTE, self.minutes, of_minutes)

    def store_parts(self, database: Database, start: int, *, minutes: int, parts: int) -> None:
        """Store minutes as drains leave them, each in several parts."""
        for part in range(parts):
            buckets = range(start, start + minutes * MINUTE, MINUTE)
            self._insert(database, MINUTE, self.minutes, {0: buckets}, segment=f"part-{part}")

    def _insert(
        self,
        database: Database,
        level: int,
        packed: Sequence[PackedRollup],
        buckets: Mapping[int, range],
        *,
        segment: str = "sum",
    ) -> None:
        rows = self._rows(level, packed, buckets, segment)
        while some := list(islice(rows, _MANY)):
            with database.writing() as connection:
                connection.execute(insert(tables.rollups), some)
        self._define(database)

    def _rows(
        self, level: int, packed: Sequence[PackedRollup], buckets: Mapping[int, range], segment: str
    ) -> Iterator[dict[str, Any]]:
        blocks = cycle(map(msgspec.structs.asdict, packed))
        model, version = MODEL
        for folded, starts in buckets.items():
            for bucket in starts:
                yield {
                    "level": level, "folded": folded, "model": model, "version": version,
                    "bucket": bucket, "bins_id": self.binning.id, "segment": segment, "offset": 0,
                    **next(blocks),
                }  # fmt: skip

    def _define(self, database: Database) -> None:
        known = select(func.count()).select_from(tables.bins)
        with database.writing() as connection:
            if not connection.execute(known).scalar_one():
                row = {"id": self.binning.id, "definition": self.binning.encode()}
                connection.execute(insert(tables.bins), row)


def served_by(binning: Binning, rows: int, seed: int) -> list[Served]:
    """Make requests of one row each."""
    random = np.random.default_rng(seed)
    texts = len([bins for bins in binning.features if bins.kind != "numeric"])
    numbers = random.normal(size=(rows, len(binning.features) - texts)).tolist()
    words = random.choice(list("abcdefghij"), size=(rows, texts)).tolist()
    chances = random.random(rows).tolist()
    return [
        Served(0, "", 0.0, 0, 0.02, False, [Row(row + word, ("no", "yes")[p > 0.5], p)])
        for row, word, p in zip(numbers, words, chances, strict=True)
    ]
