"""The counters of all processes of a host, added up."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from flask_mlmonitor._app import AppState
from flask_mlmonitor.counters.cells import Name, Owner
from flask_mlmonitor.counters.requests import recent
from flask_mlmonitor.counters.slots import LIVE, read_slots

Cells = dict[Name, float]
YES_OR_NO: Final = ("circuit_open",)
"""Of these, one living process says it for all."""


@dataclass
class Snapshot:
    """All slots of a host, added up.

    :param cells: by owner; gauges of dead processes are left out.
    :param rates: requests per second, by owner.
    """

    cells: dict[Owner, Cells] = field(default_factory=dict)
    rates: dict[Owner, float] = field(default_factory=dict)
    workers: int = 0
    unreadable: int = 0


def take_snapshot(state: AppState, clock: Callable[[], float] = time.time) -> Snapshot:
    """Add up all slots of the host."""
    snapshot = Snapshot()
    window, now = state.settings.throughput_window, clock()
    for alive, blocks in read_slots(state.runtime.slot):
        snapshot.workers += alive
        snapshot.unreadable += blocks is None
        for block in blocks or ():
            cells = dict(block.items())
            total = snapshot.cells.setdefault(block.owner, {})
            for name, value in cells.items():
                known = total.setdefault(name, 0.0)
                if name[0] in YES_OR_NO:
                    total[name] = max(known, min(value, 1.0) * alive)
                elif alive or name[0] not in LIVE:
                    total[name] = known + value
            if ("latency_sum",) in cells:
                rate = recent(cells, window, now)
                snapshot.rates[block.owner] = snapshot.rates.get(block.owner, 0.0) + rate
    return snapshot
