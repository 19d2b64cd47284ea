"""The oldest segments give way to new predictions; what they held becomes a gap."""

from pathlib import Path
from typing import NamedTuple

from flask_mlmonitor.journal.frames import rows_of
from flask_mlmonitor.journal.spool import Segment, created
from flask_mlmonitor.records import Gap


class Discarded(NamedTuple):
    """What went with a segment.

    :param size: bytes; 0 if the segment stays.
    :param predictions: a gap over all of them, also over those that a drain had stored.
    :param gaps: those that stood in it.
    """

    size: int = 0
    predictions: Gap | None = None
    gaps: tuple[Gap, ...] = ()


def discard(path: Path, reason: str) -> Discarded:
    """Remove the segment at *path*, unless its writer lives, a drain reads it or it is foreign."""
    try:
        with Segment(path) as segment:
            return _discard(segment, reason) if segment.sealed else Discarded()
    except OSError:
        return Discarded()


def _discard(segment: Segment, reason: str) -> Discarded:
    rows = 0
    gaps: list[Gap] = []
    for chunk in segment.chunks(limit=1000):
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
