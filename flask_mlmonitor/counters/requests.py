"""What is counted of each request, and of the monitor itself."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import Final

from flask_mlmonitor.counters.cells import Block, Name, Owner
from flask_mlmonitor.counters.slots import Slot
from flask_mlmonitor.records import (
    DROP_REASONS,
    ERROR_TYPES,
    FALLBACK_REASONS,
    NOTIFICATION_OUTCOMES,
    RULES,
    STATUSES,
    FieldFailure,
)

TICKS: Final = 20
"""The throughput window is counted in this many parts."""

EXTRA: Final = "__extra__"
WHERES: Final = ("request", "validation", "outcome", "journal", "counters", "signal", "metrics",
                 "drain", "store", "background", "authorize")  # fmt: skip
TRUTH_RESULTS: Final = ("accepted", "updated", "pending", "invalid")
DELAY_BOUNDS: Final = (1.0, 10.0, 60.0, 600.0, 3600.0, 21600.0, 86400.0, 604800.0, 2592000.0)
MONITOR: Final = Owner("", "")
UNKNOWN: Final = Owner("__unknown__", "__unknown__")


class RequestCounters:
    """The cells of one model and version.

    :param bounds: upper bounds of the latency histogram, in seconds, rising.
    :param features: those whose broken rules are counted apart.
    :param window: seconds over which the current throughput is taken.
    """

    def __init__(
        self,
        slot: Slot,
        owner: Owner,
        bounds: Sequence[float],
        features: Sequence[str],
        window: float,
    ) -> None:
        self._slot = slot
        self._bounds = tuple(bounds)
        self._tick = window / TICKS
        hot: list[Name] = [
            *(("predictions", status) for status in STATUSES),
            *(("errors", error) for error in ERROR_TYPES),
            *(("fallbacks", reason) for reason in FALLBACK_REASONS),
            *(("latency_bucket", repr(bound)) for bound in (*self._bounds, float("inf"))),
            ("latency_sum",),
            ("in_progress",),
            *(("recent", repr(window), str(part)) for part in range(TICKS + 1)),
            *(("recent_tick", repr(window), str(part)) for part in range(TICKS + 1)),
        ]
        rare: list[Name] = [("failures", feature, rule) for feature in features for rule in RULES]
        rare.append(("failures", EXTRA, "extra"))
        self._block = slot.block(owner, (*hot, *rare))
        self._values = self._block.values
        index = self._block.index
        self._hot_cells = self._block.view[: len(hot)]
        self._rare_cells, self._rare = self._block.view[len(hot) :], len(hot)
        self._errors = index["errors", ERROR_TYPES[0]]
        self._latency = index["latency_bucket", repr((*self._bounds, float("inf"))[0])]
        self._latency_sum = index["latency_sum",]
        self._in_progress = index["in_progress",]
        self._parts = index["recent", repr(window), "0"]
        self._part = self._parts
        self._turned = self._turn = 0.0
        slot.write(self._block, self._block.view)

    def begun(self) -> None:
        """Count a request as in progress; :meth:`Slot.flush` writes it through."""
        with self._slot.lock:
            self._values[self._in_progress] += 1

    def dismissed(self) -> None:
        """Take back a request that turned out to be no prediction."""
        with self._slot.lock:
            self._values[self._in_progress] -= 1

    def finished(
        self, status: int, rows: int, now: float, latency: float | None = None, error: int = -1
    ) -> None:
        """Count the outcome of a request that had begun, and write it through.

        :raises OSError: when the slot's file cannot be written; it is counted all the same.
        """
        values = self._values
        with self._slot.lock:
            values[self._in_progress] -= 1
            values[status] += rows
            if error >= 0:
                values[self._errors + error] += 1
            if latency is not None:
                values[self._latency + bisect_left(self._bounds, latency)] += 1
                values[self._latency_sum] += latency
            if not self._turn > now >= self._turned:  # or the clock went back
                self._next_part(now)
            values[self._part] += 1
        self._slot.write(self._block, self._hot_cells)

    def _next_part(self, now: float) -> None:
        """Go on to the part of the throughput window that *now* lies in, emptied first."""
        tick = int(now / self._tick)
        self._turned, self._turn = tick * self._tick, (tick + 1) * self._tick
        self._part = self._parts + tick % (TICKS + 1)
        stamp = self._part + TICKS + 1
        # Of an earlier round; or of a later one, which will not come: the clock went back. A part
        # that is only a little ahead belongs to a request that ended while this one was counted.
        if not tick <= self._values[stamp] <= tick + TICKS:
            self._values[stamp] = tick
            self._values[self._part] = 0

    def fell_back(self, reason: int) -> None:
        """Count one use of the fallback, by its place in :data:`FALLBACK_REASONS`."""
        _add(self._slot, self._block, ("fallbacks", FALLBACK_REASONS[reason]), 1)

    def broke(self, failures: Sequence[FieldFailure]) -> None:
        """Count broken rules; fields that are not the baseline's never make a cell."""
        with self._slot.lock:
            for failure in failures:
                place = self._block.index.get(("failures", failure.feature, failure.rule))
                if place is not None:
                    self._block.values[place] += 1
        self._slot.write(self._block, self._rare_cells, self._rare)


class Cells:
    """A few cells of one owner, which exist at 0 from now on."""

    def __init__(self, slot: Slot, owner: Owner, names: Sequence[Name]) -> None:
        self._slot = slot
        self._block = slot.block(owner, names)

    def add(self, *name: str, amount: float = 1) -> None:
        """Count *amount* under a name.

        :raises OSError: when the slot's file cannot be written; it is counted all the same.
        """
        _add(self._slot, self._block, name, amount)


class MonitorCounters(Cells):
    """The monitor's own cells: its faults, what it dropped, and the ground truth it was given."""

    def __init__(self, slot: Slot) -> None:
        names: list[Name] = [
            *(("internal_errors", where) for where in WHERES),
            *(("dropped", reason) for reason in DROP_REASONS),
            ("torn",),
        ]
        super().__init__(slot, MONITOR, names)


class NotificationCounters(Cells):
    """What became of the messages of each channel that an app has."""

    def __init__(self, slot: Slot, channels: Iterable[str]) -> None:
        names: list[Name] = [
            ("notifications", channel, outcome)
            for channel in channels
            for outcome in NOTIFICATION_OUTCOMES
        ]
        super().__init__(slot, MONITOR, names)

    def came(self, channel: str, outcome: str) -> None:
        """Count one outcome of a channel.

        :raises OSError: when the slot's file cannot be written; it is counted all the same.
        """
        self.add("notifications", channel, outcome)


class RetrainingCounters(Cells):
    """How often it was recommended to train a model anew."""

    def __init__(self, slot: Slot, owner: Owner) -> None:
        super().__init__(slot, owner, [("retraining",)])

    def recommended(self) -> None:
        """Count one recommendation.

        :raises OSError: when the slot's file cannot be written; it is counted all the same.
        """
        self.add("retraining")


class CircuitCounters(Cells):
    """Whether the circuit of a model with a fallback is open in this process."""

    def __init__(self, slot: Slot, owner: Owner) -> None:
        super().__init__(slot, owner, [("circuit_open",)])


class AbandonedCounters(Cells):
    """The calls of a view with a time limit that nobody waited for any more."""

    def __init__(self, slot: Slot, owner: Owner) -> None:
        super().__init__(slot, owner, [("abandoned",), ("abandoned_in_progress",)])


class TruthCounters:
    """The ground truth that came for one model and version."""

    def __init__(self, slot: Slot, owner: Owner) -> None:
        self._slot = slot
        names: list[Name] = [
            *(("ground_truth", result) for result in TRUTH_RESULTS),
            *(("delay_bucket", repr(bound)) for bound in (*DELAY_BOUNDS, float("inf"))),
            ("delay_sum",),
        ]
        self._block = slot.block(owner, names)

    def came(self, result: str, amount: int = 1) -> None:
        """Count *amount* values with one of :data:`TRUTH_RESULTS`."""
        _add(self._slot, self._block, ("ground_truth", result), amount)

    def accepted(self, delays: Sequence[float]) -> None:
        """Count accepted values, and how many seconds after its prediction each came."""
        bounds = (*DELAY_BOUNDS, float("inf"))
        with self._slot.lock:
            values, index = self._block.values, self._block.index
            values[index["ground_truth", "accepted"]] += len(delays)
            for delay in delays:
                values[index["delay_bucket", repr(bounds[bisect_left(bounds, delay)])]] += 1
                values[index["delay_sum",]] += delay
        self._slot.write(self._block, self._block.view)


def _add(slot: Slot, block: Block, name: Name, amount: float) -> None:
    place = block.index[name]
    with slot.lock:
        block.values[place] += amount
    slot.write(block, block.view[place : place + 1], place)


def recent(cells: dict[Name, float], window: float, now: float) -> float:
    """Return the requests per second over the last *window* seconds of one slot's cells.

    The oldest part of the window counts with the share that still lies in it.
    """
    span = window / TICKS
    current = int(now / span)
    share = 1 - (now / span - current)
    total = 0.0
    for part in range(TICKS + 1):
        tick = cells.get(("recent_tick", repr(window), str(part)), 0.0)
        count = cells.get(("recent", repr(window), str(part)), 0.0)
        if tick == current - TICKS:
            total += count * share
        elif current - TICKS < tick <= current:
            total += count
    return total / window
