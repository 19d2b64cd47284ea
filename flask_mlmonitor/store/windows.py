"""Windows of time: the sums of the rollups in them."""

from bisect import bisect_right
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, TextClause, select, text

from flask_mlmonitor.clock import Clock, now
from flask_mlmonitor.stats.cells.binning import Binning
from flask_mlmonitor.stats.cells.rollup import BLOCKS, Rollup
from flask_mlmonitor.store import tables
from flask_mlmonitor.store.database import BINARY, Readable
from flask_mlmonitor.store.levels import DAY, HOUR, MINUTE, ceil, finest, floor

_known: Final[dict[str, Binning]] = {}  # an id is a hash of what it names
_MOST_KNOWN: Final = 64


class WindowRollups(NamedTuple):
    """What one model and version did from *start* to before *end*, in seconds since the epoch.

    :param n: rows of every status, over all bins.
    :param rollups: one per bins id, because counts of different bins do not add.
    """

    start: int
    end: int
    n: int
    rollups: Mapping[str, Rollup]


class Stretch(NamedTuple):
    """Rollups of one level whose buckets start in [start, stop)."""

    level: int
    folded: int
    start: int
    stop: int


def read_window(
    database: Readable,
    model: str,
    version: str,
    start: int,
    end: int,
    *,
    blocks: Collection[str] = BLOCKS,
    clock: Clock = now,
) -> WindowRollups:
    """Return the sums over [start, end); see :func:`read_windows`."""
    (window,) = read_windows(database, model, version, (start, end), blocks=blocks, clock=clock)
    return window


def read_windows(
    database: Readable,
    model: str,
    version: str,
    bounds: Sequence[int],
    *,
    blocks: Collection[str] = BLOCKS,
    clock: Clock = now,
) -> list[WindowRollups]:
    """Return the sums between each bound and the next, all as of the same moment.

    Where only hours or days are left, a bound moves back to the start of its hour or day; the
    windows say what they hold.

    :param bounds: whole minutes in seconds since the epoch, at least two, ascending.
    :param blocks: which of :data:`~flask_mlmonitor.stats.cells.rollup.BLOCKS` to read.
    :raises ValueError: for other bounds, or if a window vanished because its bounds moved.
    :raises StoreUnavailable: when the store does not answer.
    """
    moved = _moved(bounds, clock())
    names = tuple(name for name in BLOCKS if name in blocks)
    parts = stretches(moved)
    values = {
        f"{name}_{i}": value
        for i, part in enumerate(parts)
        for name, value in part._asdict().items()
    }
    with database.reading() as connection:
        # One statement sees one state: a part that moves to another level is seen once.
        rows = connection.execute(
            _query(len(parts), names),
            {"model": model, "version": version, **values},
            execution_options={BINARY: True},
        ).all()
        binnings = read_binnings(connection, {row.bins_id for row in rows})
    found: list[list[Any]] = [[] for _ in pairwise(moved)]
    for row in rows:
        found[bisect_right(moved, row.bucket) - 1].append(row)
    windows = zip(pairwise(moved), found, strict=True)
    return [_window(*bounds, parts, names, binnings) for bounds, parts in windows]


def stretches(bounds: Sequence[int]) -> list[Stretch]:
    """Return what the windows between *bounds* are the sum of.

    Whole days are read as days and whole hours as hours; besides, of the finer levels, what is
    not contained in these: the rest of the window, and what was not folded yet.
    """
    found: dict[tuple[int, int], list[list[int]]] = {}
    for window in pairwise(bounds):
        for level, folded, start, stop in _of_window(*window):
            known = found.setdefault((level, folded), [])
            if known and known[-1][1] == start:
                known[-1][1] = stop
            elif start < stop:
                known.append([start, stop])
    return [Stretch(*kind, *pair) for kind, pairs in found.items() for pair in pairs]


def read_binnings(connection: Connection, ids: Collection[str]) -> dict[str, Binning]:
    """Return the meaning of bins ids; of each, a process reads it once."""
    unknown = [bins_id for bins_id in ids if bins_id not in _known]
    if unknown:
        if len(_known) >= _MOST_KNOWN:
            _known.clear()
        query = select(tables.bins).where(tables.bins.c.id.in_(unknown))
        for row in connection.execute(query):
            _known[row.id] = Binning.decode(row.definition)
    return {bins_id: _known[bins_id] for bins_id in ids}


def _of_window(start: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield the fields of stretches."""
    hours = _whole(start, end, HOUR)
    days = _whole(*hours, DAY)
    yield DAY, 0, *days
    yield HOUR, 0, *hours
    yield HOUR, 1, hours[0], days[0]
    yield HOUR, 1, days[1], hours[1]
    yield MINUTE, 0, start, end
    yield MINUTE, 1, start, hours[0]
    yield MINUTE, 1, hours[1], end


def _whole(start: int, end: int, level: int) -> tuple[int, int]:
    """Return from where to where there are whole buckets; (end, end) if nowhere."""
    first, last = ceil(start, level), floor(end, level)
    return (first, last) if first < last else (end, end)


def _moved(bounds: Sequence[int], current: float) -> list[int]:
    pairs = list(pairwise(bounds))
    whole = all(bound % MINUTE == 0 for bound in bounds)
    if not pairs or not whole or any(start >= end for start, end in pairs):
        raise ValueError(f"no ascending whole minutes: {list(bounds)}")
    moved = [floor(bound, finest(bound, current)) for bound in bounds]
    for (start, end), pair in zip(pairwise(moved), pairs, strict=True):
        if start == end:
            level = "hours" if finest(start, current) == HOUR else "days"
            raise ValueError(f"of {pair} only {level} are left: ask for whole {level}")
    return moved


@lru_cache
def _query(parts: int, names: tuple[str, ...]) -> TextClause:
    """Return the query of so many stretches: a text, because to compose it takes long."""
    columns = ", ".join(("bucket", "bins_id", "n", *names))
    return text(
        " UNION ALL ".join(
            f"SELECT {columns} FROM {tables.rollups.name} WHERE level = :level_{i} "
            f"AND folded = :folded_{i} AND model = :model AND version = :version "
            f"AND bucket >= :start_{i} AND bucket < :stop_{i}"
            for i in range(parts)
        )
    )


def _window(
    start: int, end: int, parts: Sequence[Any], names: Sequence[str], known: Mapping[str, Binning]
) -> WindowRollups:
    by_bins: dict[str, list[Any]] = {}
    for part in parts:
        by_bins.setdefault(part.bins_id, []).append(part)
    rollups = {
        bins_id: Rollup.add_up(
            known[bins_id], {name: [getattr(part, name) for part in own] for name in names}
        )
        for bins_id, own in by_bins.items()
    }
    return WindowRollups(start, end, sum(part.n for part in parts), rollups)
