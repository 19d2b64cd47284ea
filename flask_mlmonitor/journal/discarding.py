"""The oldest segments give way to new predictions; what they held becomes a gap."""

from typing import NamedTuple

from flask_mlmonitor.journal.frames import rows_of
from flask_mlmonitor.journal.spool import Segment, Spool, created
from flask_mlmonitor.records import Gap


class Discarded(NamedTuple):
    """What went with a segment.

    :param size: bytes; 0 if it stays.
    :param predictions: a gap over all of them, also over those that a drain had stored.
    :param gaps: those that stood in it.
    """

    size: int = 0
    predictions: Gap | None = None
    gaps: tuple[Gap, ...] = ()


def discard_oldest(spool: Spool, excess: int, reason: str) -> list[Discarded]:
    """Remove segments until *excess* bytes are free, the oldest first.

    Those whose writer lives, that a drain reads, or that are foreign stay.
    """
    gone: list[Discarded] = []
    paths = iter(spool.segments() if excess > 0 else ())
    while sum(one.size for one in gone) < excess and (path := next(paths, None)):
        try:
            with Segment(path) as segment:
                if segment.sealed:
                    gone.append(_discard(segment, reason))
        except OSError:  # another process was faster, or it is not ours to remove
            continue
    return gone


def _discard(segment: Segment, reason: str) -> Discarded:
    rows = 0
    gaps: list[Gap] = []
    for chunk in segment.chunks():
        rows += sum(map(rows_of, chunk.records))
        gaps += [record for record in chunk.records if isinstance(record, Gap)]
        gaps += [chunk.lost] if chunk.lost else []
    if not chunk.end:
        return Discarded()
    stat = segment.path.stat()
    segment.remove()
    began = min(created(segment.path), stat.st_mtime)
    predictions = Gap(began, stat.st_mtime, rows, reason) if rows else None
    return Discarded(stat.st_size, predictions, tuple(gaps))
