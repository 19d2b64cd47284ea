"""From the journal's records to what one transaction adds to the store."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from flask_mlmonitor.clock import Clock
from flask_mlmonitor.records import (
    ERROR_TYPES,
    FALLBACK_REASONS,
    STATUSES,
    Gap,
    Row,
    Schema,
    Served,
)
from flask_mlmonitor.stats.binning import Binning
from flask_mlmonitor.stats.rollup import Rollup
from flask_mlmonitor.store.recording import MINUTE, Batch, RollupKey

FUTURE_SECONDS: Final = 300.0
"""A prediction from further ahead than this has a wrong clock: it counts as of now."""

_SOURCES: Final = tuple("fallback" if status == "fallback" else "primary" for status in STATUSES)
_ANSWERED: Final = (STATUSES.index("success"), STATUSES.index("fallback"))
_NOTHING: Final = (Row(()),)
_encode: Final = msgspec.json.Encoder(enc_hook=repr, decimal_format="number").encode


class Meaning:
    """What a segment's rows mean: one of its schemas, decoded."""

    def __init__(self, schema: Schema) -> None:
        self.app, self.model, self.version = schema.app, schema.model, schema.version
        self.binning = Binning.decode(schema.binning)
        self.definition = schema.binning
        self.names = tuple(feature.name for feature in self.binning.features)


def batch_of(records: Iterable[Served | Gap], meanings: Sequence[Meaning], clock: Clock) -> Batch:
    """Return the rows, rollups and gaps of a span's records."""
    latest = clock() + FUTURE_SECONDS
    rows: list[tuple[Any, ...]] = []
    gaps: list[Gap] = []
    by_minute: dict[tuple[int, int], list[Served]] = {}
    for record in records:
        if isinstance(record, Gap):
            gaps.append(record)
            continue
        time = record.time if record.time <= latest else latest - FUTURE_SECONDS
        rows += rows_of(record, meanings[record.schema], time)
        minute = int(time // MINUTE) * MINUTE
        by_minute.setdefault((record.schema, minute), []).append(record)
    totals: dict[tuple[str, str], tuple[int, int]] = {}
    rollups: dict[RollupKey, Rollup] = {}
    definitions = {}
    for (number, minute), served in by_minute.items():
        meaning = meanings[number]
        owner = (meaning.model, meaning.version)
        totals[owner] = _add(totals.get(owner, (0, 0)), served)
        definitions[meaning.binning.id] = meaning.definition
        key = RollupKey(*owner, meaning.binning.id, minute)
        rollup = Rollup.of(meaning.binning, served)
        rollups[key] = rollups[key] + rollup if key in rollups else rollup
    packed = {key: rollup.pack() for key, rollup in rollups.items()}
    return Batch(rows, totals, packed, definitions, gaps)


def ids_of(record: Served) -> list[str]:
    """Return the ids of a request's rows.

    >>> ids_of(Served(0, "order-7", 0.0, 0, None, False, [Row([1])]))
    ['order-7']
    """
    if not record.batch:
        return [record.id]
    return [f"{record.id}:{number}" for number in range(max(1, len(record.rows)))]


def rows_of(record: Served, meaning: Meaning, time: float) -> list[tuple[Any, ...]]:
    """Return a request's rows as the store's table has them."""
    error = ERROR_TYPES[record.error] if record.error >= 0 else None
    reason = FALLBACK_REASONS[record.reason] if record.reason >= 0 else None
    return [
        (
            key,
            record.external_id,
            meaning.app,
            meaning.model,
            meaning.version,
            time,
            _json(row.features(meaning.names)),
            None if row.prediction is None else _json(row.prediction),
            None if row.probability is None else _json(row.probability),
            record.latency,
            _SOURCES[record.status],
            STATUSES[record.status],
            error,
            reason,
        )
        for key, row in zip(ids_of(record), record.rows or _NOTHING, strict=True)
    ]


def _json(value: Any) -> str:
    return _encode(value).decode()


def _add(total: tuple[int, int], served: Sequence[Served]) -> tuple[int, int]:
    count = sum(max(1, len(record.rows)) for record in served)
    answered = sum(len(record.rows) for record in served if record.status in _ANSWERED)
    return total[0] + count, total[1] + answered
