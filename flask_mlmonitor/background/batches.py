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
from flask_mlmonitor.stats.cells.binning import Binning
from flask_mlmonitor.stats.cells.operations import ANSWERED
from flask_mlmonitor.stats.cells.rollup import Rollup
from flask_mlmonitor.store.levels import MINUTE, floor
from flask_mlmonitor.store.recording import Batch, RollupKey

FUTURE_SECONDS: Final = 300.0
"""A prediction from further ahead than this has a wrong clock: it counts as of now."""

_SOURCES: Final = tuple("fallback" if status == "fallback" else "primary" for status in STATUSES)
_ERRORS: Final = (*ERROR_TYPES, None)  # an index of -1 is none
_REASONS: Final = (*FALLBACK_REASONS, None)
_NOTHING: Final = (Row(()),)
_NULL: Final = "null"
_encode_lines: Final = msgspec.json.Encoder(enc_hook=repr, decimal_format="number").encode_lines


class Meaning:
    """What a segment's rows mean: one of its schemas, decoded."""

    def __init__(self, schema: Schema) -> None:
        self.app, self.model, self.version = schema.app, schema.model, schema.version
        self.binning = Binning.decode(schema.binning)
        self.definition = schema.binning
        self.names = tuple(feature.name for feature in self.binning.features)


def batch_of(records: Iterable[Served | Gap], meanings: Sequence[Meaning], clock: Clock) -> Batch:
    """Return the rows, rollups and gaps of a span's records."""
    current = clock()
    gaps: list[Gap] = []
    parts: dict[tuple[int, int], list[tuple[Served, float]]] = {}
    for record in records:
        if isinstance(record, Gap):
            gaps.append(record)
            continue
        time = record.time if record.time <= current + FUTURE_SECONDS else current
        minute = floor(time, MINUTE)
        parts.setdefault((record.schema, minute), []).append((record, time))
    rows: list[tuple[Any, ...]] = []
    totals: dict[tuple[str, str], tuple[int, int]] = {}
    rollups: dict[RollupKey, Rollup] = {}
    definitions = {}
    for (number, minute), timed in parts.items():
        meaning = meanings[number]
        owner = (meaning.model, meaning.version)
        served = [record for record, _ in timed]
        rows += rows_of([pair for pair in timed if pair[0].stored], meaning)
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
    if record.batch or len(record.rows) > 1:
        first = record.first
        return [f"{record.id}:{number}" for number in range(first, first + (len(record.rows) or 1))]
    return [record.id]


def rows_of(timed: Sequence[tuple[Served, float]], meaning: Meaning) -> list[tuple[Any, ...]]:
    """Return requests, each with its time, as the rows of the store's table."""
    rows = [row for record, _ in timed for row in record.rows or _NOTHING]
    texts = zip(
        _json([_features(row, meaning.names) for row in rows]),
        _json([row.prediction for row in rows]),
        _json([row.probability for row in rows]),
        strict=True,
    )
    app, model, version = meaning.app, meaning.model, meaning.version
    return [
        (
            key,
            record.external_id,
            app,
            model,
            version,
            time,
            features,
            None if prediction == _NULL else prediction,
            None if probability == _NULL else probability,
            record.latency,
            _SOURCES[record.status],
            STATUSES[record.status],
            _ERRORS[record.error],
            _REASONS[record.reason],
        )
        for record, time in timed
        for key, (features, prediction, probability) in zip(ids_of(record), texts, strict=False)
    ]


def _features(row: Row, names: Sequence[str]) -> dict[str, Any]:
    # Nearly every row is complete: then this is half of the time.
    if row.absent or row.extra:
        return row.features(names)
    return dict(zip(names, row.values, strict=False))


def _json(values: Sequence[Any]) -> list[str]:
    """Return each value as JSON, all by one call; inside of JSON there are no line feeds."""
    return _encode_lines(values).decode().split("\n")[:-1]


def _add(total: tuple[int, int], served: Sequence[Served]) -> tuple[int, int]:
    count = sum([len(record.rows) or 1 for record in served])
    answered = sum([len(r.rows) for r in served if r.status in ANSWERED and r.stored])
    return total[0] + count, total[1] + answered
