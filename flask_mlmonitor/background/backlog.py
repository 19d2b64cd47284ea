"""What waits in the spool to be stored."""

import math
from typing import NamedTuple

from flask_mlmonitor.clock import Clock, now
from flask_mlmonitor.journal.spool import Segment, Spool
from flask_mlmonitor.records import Served
from flask_mlmonitor.store.database import Database
from flask_mlmonitor.store.recording import read_offsets


class Backlog(NamedTuple):
    """What waits: its bytes, and the age of the oldest record in seconds."""

    size: int
    lag: float


def backlog_of(spool: Spool, database: Database, clock: Clock = now) -> Backlog:
    """Return what waits in the spool, as the store's offsets have it.

    :raises StoreError: when the store cannot be asked.
    """
    offsets = read_offsets(database)
    size, oldest = 0, math.inf
    for path in spool.segments():
        try:
            with Segment(path) as segment:
                if segment.foreign:
                    continue
                offset = max(offsets.get(path.name, 0), segment.start)
                waiting = path.stat().st_size - offset
                if waiting > 0:
                    size += waiting
                    waits = segment.read(offset, 1).records
                    oldest = min([oldest, *(r.time for r in waits if isinstance(r, Served))])
        except OSError:  # finished by another drain, or not to be read at all
            continue
    return Backlog(size, max(0.0, clock() - oldest))
