"""Ground truth: joined to its prediction now, or kept until the prediction comes."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import Connection, Table, bindparam, delete, select

from flask_mlmonitor.clock import Clock, now
from flask_mlmonitor.store import tables
from flask_mlmonitor.store.database import Database
from flask_mlmonitor.store.dialects import insert_into, lock
from flask_mlmonitor.store.totals import Added, Owner, add_totals
from flask_mlmonitor.store.truth_hours import mark_changed

TRUTH: Final = "ground truth"
"""The lock that lets ground truth and the predictions that it may wait for come one by one."""

_CHUNK: Final = 500
_TIME_OF: Final = itemgetter("model", "version", "predicted")


class Stored(NamedTuple):
    """A stored prediction, as far as ground truth needs it."""

    id: str
    external_id: str | None
    app: str
    model: str
    version: str
    time: float


class Claim(NamedTuple):
    """One value for one prediction, by our id or by the caller's.

    :param key: the prediction's id, or the external id of its request.
    :param row: the row of a batch, for an external id.
    :param time: when the truth became known, in seconds since the epoch.
    """

    key: str
    value: Any
    time: float
    external: bool = False
    row: int | None = None


class Matched(NamedTuple):
    """Ground truth that found its prediction: whose it is, and the delay in seconds."""

    prediction_id: str
    model: str
    version: str
    delay: float


class Verdict(NamedTuple):
    """What became of a claim: one of accepted, updated, pending, invalid."""

    result: str
    matched: Matched | None = None
    error: str | None = None


def record_ground_truth(
    database: Database, claims: Sequence[Claim], *, clock: Clock = now
) -> list[Verdict]:
    """Record ground truth in one transaction; all of it is kept, or the call raises.

    :raises StoreUnavailable: when the store does not answer; then nothing was recorded.
    """
    received = clock()
    with database.writing() as connection:
        lock(connection, TRUTH)
        known = _find(connection, claims)
        earlier = _truth_of(connection, [stored.id for found in known for stored in found])
        batches = _batches(connection, claims, known)
        verdicts, matched, waiting = [], [], []
        for claim, found in zip(claims, known, strict=True):
            verdict = _judge(claim, found, earlier)
            if claim.key in batches and verdict.result == "pending":
                error = (
                    f"{claim.key} is a batch: send values, or one row's id such as {claim.key}:0"
                )
                verdict = Verdict("invalid", error=error)
            if verdict.matched is not None:
                earlier.add(verdict.matched.prediction_id)
                matched.append(_truth(claim, found[0], received))
            elif verdict.result == "pending":
                waiting.append(_early(claim, received))
            verdicts.append(verdict)
        _upsert(connection, tables.ground_truth, matched)
        _upsert(connection, tables.pending_ground_truth, waiting)
        mark_changed(connection, map(_TIME_OF, matched))
        new = count_matched(v.matched for v in verdicts if v.matched and v.result == "accepted")
        add_totals(connection, {owner: Added(ground_truth=n) for owner, n in new.items()})
    return verdicts


def match_pending(connection: Connection, rows: Sequence[Sequence[Any]]) -> list[Matched]:
    """Give predictions that are being stored the ground truth that was waiting for them.

    The caller holds the lock :data:`TRUTH`, and adds what is returned to the totals.

    :param rows: each begins with the prediction's id and its external id.
    """
    pending = tables.pending_ground_truth
    if not rows or connection.execute(select(pending.c.key).limit(1)).first() is None:
        return []
    coming = {row[0] for row in rows}
    sent = {row[1] for row in rows if row[1] is not None}
    truths: dict[str, dict[str, Any]] = {}
    for external, keys in ((0, coming), (1, sent)):
        for chunk in chunks(sorted(keys)):
            query = select(pending).where(pending.c.external == external, pending.c.key.in_(chunk))
            found = _match(connection, connection.execute(query).all(), coming)
            truths.update((truth["prediction_id"], truth) for truth in found)
    mark_changed(connection, map(_TIME_OF, truths.values()))
    return [
        Matched(key, one["model"], one["version"], max(0.0, one["time"] - one["predicted"]))
        for key, one in truths.items()
    ]


def count_matched(matched: Iterable[Matched]) -> Mapping[Owner, int]:
    """Return how much ground truth each model and version got."""
    return Counter((match.model, match.version) for match in matched)


def _match(
    connection: Connection, waiting: Sequence[Any], coming: Collection[str]
) -> list[dict[str, Any]]:
    """Move the waiting values whose prediction is coming, and no other has its external id."""
    claims = [
        Claim(
            one.key,
            msgspec.Raw(one.value.encode()),
            one.time,
            bool(one.external),
            None if one.row < 0 else one.row,
        )
        for one in waiting
    ]
    moved = [
        (one, claim, found[0])
        for one, claim, found in zip(waiting, claims, _find(connection, claims), strict=True)
        if len(found) == 1 and found[0].id in coming
    ]
    truths = [_truth(claim, stored, one.received) for one, claim, stored in moved]
    _upsert(connection, tables.ground_truth, truths)
    if moved:
        pending = tables.pending_ground_truth.c
        this = (pending.key == bindparam("k"), pending.external == bindparam("e"))
        connection.execute(
            delete(tables.pending_ground_truth).where(*this, pending.row == bindparam("r")),
            [{"k": one.key, "e": one.external, "r": one.row} for one, _, _ in moved],
        )
    return truths


def _find(connection: Connection, claims: Sequence[Claim]) -> list[list[Stored]]:
    ids = {}
    column = tables.predictions.c
    for chunk in chunks([claim.key for claim in claims if not claim.external]):
        for stored in _select(connection, column.id.in_(chunk)):
            ids[stored.id] = [stored]
    external = _by_external(connection, {claim.key for claim in claims if claim.external})
    return [
        external.get((claim.key, claim.row), []) if claim.external else ids.get(claim.key, [])
        for claim in claims
    ]


def _batches(
    connection: Connection, claims: Sequence[Claim], known: Sequence[Sequence[Stored]]
) -> set[str]:
    """Return the ids that are no prediction's but a whole batch's."""
    unknown = [claim.key for claim, found in zip(claims, known, strict=True) if not found]
    column = tables.predictions.c.id
    return {
        stored.id.removesuffix(":0")
        for chunk in chunks([f"{key}:0" for key in unknown])
        for stored in _select(connection, column.in_(chunk))
    }


def _by_external(
    connection: Connection, keys: Collection[str]
) -> dict[tuple[str, int | None], list[Stored]]:
    """Return the predictions of each external id, and those of each row of its batches."""
    found: dict[tuple[str, int | None], list[Stored]] = {}
    for chunk in chunks(sorted(keys)):
        for stored in _select(connection, tables.predictions.c.external_id.in_(chunk)):
            key = stored.external_id or ""
            found.setdefault((key, None), []).append(stored)
            # The i-th row of a batch has ":i" behind its request's id.
            _, _, row = stored.id.rpartition(":")
            if row.isdecimal():
                found.setdefault((key, int(row)), []).append(stored)
    return found


def _select(connection: Connection, condition: Any) -> list[Stored]:
    columns = (tables.predictions.c[name] for name in Stored._fields)
    return [Stored(*row) for row in connection.execute(select(*columns).where(condition))]


def _truth_of(connection: Connection, ids: Sequence[str]) -> set[str]:
    column = tables.ground_truth.c.prediction_id
    return {
        found
        for chunk in chunks(ids)
        for found in connection.execute(select(column).where(column.in_(chunk))).scalars()
    }


def _judge(claim: Claim, found: Sequence[Stored], earlier: set[str]) -> Verdict:
    if len(found) > 1:
        error = f"{len(found)} predictions have the external id {claim.key!r}: use prediction_id"
        return Verdict("invalid", error=error)
    if not found:
        return Verdict("pending")
    stored = found[0]
    delay = max(0.0, claim.time - stored.time)
    result = "updated" if stored.id in earlier else "accepted"
    return Verdict(result, Matched(stored.id, stored.model, stored.version, delay))


def _truth(claim: Claim, stored: Stored, received: float) -> dict[str, Any]:
    return {
        "prediction_id": stored.id,
        "model": stored.model,
        "version": stored.version,
        "predicted": stored.time,
        "value": msgspec.json.encode(claim.value).decode(),
        "time": claim.time,
        "received": received,
    }


def _early(claim: Claim, received: float) -> dict[str, Any]:
    return {
        "key": claim.key,
        "external": int(claim.external),
        "row": -1 if claim.row is None else claim.row,
        "value": msgspec.json.encode(claim.value).decode(),
        "time": claim.time,
        "received": received,
    }


def _upsert(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    statement = insert_into(connection, table)
    changed = {name: statement.excluded[name] for name in ("value", "time", "received")}
    key = table.primary_key.columns.keys()
    statement = statement.on_conflict_do_update(index_elements=key, set_=changed)
    if rows:
        connection.execute(statement, list(rows))


def chunks(items: Sequence[str]) -> Iterable[Sequence[str]]:
    """Yield *items* in parts that fit into one statement."""
    return (items[start : start + _CHUNK] for start in range(0, len(items), _CHUNK))
