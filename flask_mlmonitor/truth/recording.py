"""From items to the store: part by part, counted and signalled."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple

from flask_mlmonitor import signals
from flask_mlmonitor._app import AppState
from flask_mlmonitor.clock import now, seconds_of
from flask_mlmonitor.counters.requests import UNKNOWN, TruthCounters
from flask_mlmonitor.exceptions import ConfigError
from flask_mlmonitor.records import GroundTruth
from flask_mlmonitor.store.truth import Claim, Verdict
from flask_mlmonitor.truth.items import Entry, Item, Refused, id_of, item_of, value_of

PART: Final = 1000
"""Values that go into one transaction, so that the drain and others get their turn between."""
LONG_TEXT: Final = 1000
"""Characters that count as one more value: a part must fit into memory."""
MOST_LISTED: Final = 10_000
"""Refused items that a summary lists; it counts the others."""


class Refusal(NamedTuple):
    """An item that was not taken, or one of its values; and why."""

    place: int
    error: str


class Part(NamedTuple):
    """What one transaction recorded.

    :param end: the place behind its last item.
    :param counts: how many values were accepted, updated, pending.
    """

    end: int
    counts: Mapping[str, int]
    refused: Sequence[Refusal]


@dataclass
class Summary:
    """What became of all items so far.

    :param end: the place behind the last of them.
    """

    accepted: int = 0
    updated: int = 0
    pending: int = 0
    refused: list[Refusal] = field(default_factory=list)
    not_listed: int = 0
    end: int = 0

    def add(self, part: Part) -> None:
        """Add what one more transaction recorded."""
        self.accepted += part.counts.get("accepted", 0)
        self.updated += part.counts.get("updated", 0)
        self.pending += part.counts.get("pending", 0)
        listed = part.refused[: MOST_LISTED - len(self.refused)]
        self.refused += listed
        self.not_listed += len(part.refused) - len(listed)
        self.end = part.end

    @property
    def recorded(self) -> int:
        """How many values are in the store."""
        return self.accepted + self.updated + self.pending

    @property
    def invalid(self) -> int:
        """How many items or values were refused."""
        return len(self.refused) + self.not_listed

    def document(self) -> dict[str, Any]:
        """Return the answer to the sender; ``not_listed`` stands in it only where needed."""
        return {
            "accepted": self.accepted,
            "updated": self.updated,
            "pending": self.pending,
            "invalid": [{"index": place, "error": error} for place, error in self.refused],
            **({"not_listed": self.not_listed} if self.not_listed else {}),
        }


def record(state: AppState, entries: Iterable[Entry]) -> Iterator[Part]:
    """Record items part by part, each in a transaction of its own; yield what was recorded.

    An item's values stay together. What was yielded is on disk, whatever comes after it.

    :raises StoreError: when the store cannot be used; the parts before are recorded.
    """
    items: list[Item] = []
    size = 0
    for entry in entries:
        items.append(item_of(entry))
        size += max(1, sum(map(_weight, items[-1].claims)))
        if size >= PART:
            yield _record(state, items)
            items, size = [], 0
    if items:
        yield _record(state, items)


def record_value(state: AppState, prediction_id: str, value: Any, time: datetime | None) -> str:
    """Record one value from Python; return what became of it.

    :raises ConfigError: for what cannot be ground truth.
    :raises StoreError: when the store cannot be used.
    """
    received = now() if time is None else seconds_of("time", time)
    try:
        claim = Claim(id_of(prediction_id), value_of(value), received)
    except Refused as refused:
        given = {"prediction_id": prediction_id, "value": value}
        raise ConfigError("ground truth", given, str(refused)) from None
    if not state.settings.enabled:
        return "pending"
    return _store(state, [claim])[0].result


def _weight(claim: Claim) -> int:
    return 1 + len(claim.value) // LONG_TEXT if isinstance(claim.value, str) else 1


def _record(state: AppState, items: Sequence[Item]) -> Part:
    verdicts = iter(_store(state, [claim for item in items for claim in item.claims]))
    counts: Counter[str] = Counter()
    refused = []
    unreadable = 0
    for item in items:
        if item.error is not None:
            unreadable += 1
            refused.append(Refusal(item.place, item.error))
        for _ in item.claims:
            verdict = next(verdicts)
            if verdict.result == "invalid":
                refused.append(Refusal(item.place, verdict.error or ""))
            else:
                counts[verdict.result] += 1
    if unreadable:
        with state.runtime.faults.guard("counters"):
            TruthCounters(state.runtime.slot, UNKNOWN).came("invalid", unreadable)
    return Part(items[-1].place + 1, counts, refused)


def _store(state: AppState, claims: Sequence[Claim]) -> Sequence[Verdict]:
    verdicts = state.runtime.record_ground_truth(claims)
    app = state.app()
    if signals.ground_truth_recorded.receivers and app is not None:
        for claim, verdict in zip(claims, verdicts, strict=True):
            if verdict.result != "invalid":
                key = verdict.matched.prediction_id if verdict.matched else claim.key
                truth = GroundTruth(key, claim.value, claim.time)
                with state.runtime.faults.guard("signal"):
                    signals.ground_truth_recorded.send(
                        app, ground_truth=truth, result=verdict.result
                    )
    return verdicts
