"""From the store's rollups to evaluations: what one run does, in whichever process it runs."""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from flask_mlmonitor._parsers import MINUTE, Window
from flask_mlmonitor.background.counted import Counted
from flask_mlmonitor.background.subjects import Subject
from flask_mlmonitor.background.truths import Truths, prepare
from flask_mlmonitor.clock import as_datetime, now
from flask_mlmonitor.stats.verdicts.evaluation import Evaluation
from flask_mlmonitor.stats.verdicts.judging import Span, unjudged
from flask_mlmonitor.store.database import Database
from flask_mlmonitor.store.due import Revision, revise
from flask_mlmonitor.store.levels import ceil, finest, floor
from flask_mlmonitor.store.results import WindowKey, add_evaluations, count_lost, read_before
from flask_mlmonitor.store.snapshots import Snapshots

REVISING: Final = 20.0
"""Seconds that a run spends on evaluations that are due: what is new must not wait for more."""


class Findings(msgspec.Struct, frozen=True):
    """What one run of the evaluator found.

    :param evaluations: one for each window that ends now.
    :param revisions: of earlier ones, whose windows got ground truth since.
    """

    evaluations: list[Evaluation]
    revisions: list[Revision]


def run(
    database: Database, subjects: Sequence[Subject], at: float, *, revising: float = REVISING
) -> Findings:
    """Evaluate what ends at a moment, and again what got ground truth since.

    Nothing is stored but the sums of hours, and what is due.

    :param at: seconds since the epoch; the minute that it lies in counts too.
    :param revising: seconds after which evaluations that are due are left to the next run.
    :raises StoreUnavailable: when the store does not answer.
    """
    evaluations: list[Evaluation] = []
    revisions: list[Revision] = []
    for subject in subjects:
        prepare(database, subject)
        reads = Snapshots(database)
        truths = Truths(reads, subject)
        with reads.together():
            evaluations += _evaluate(reads, subject, truths, at)
            due = truths.due()
        revisions += truths.revise(due, revising / len(subjects))
    return Findings(evaluations, revisions)


def keep(
    database: Database,
    found: Findings,
    *,
    epoch: int = 0,
    seconds: float = 0.0,
    replace: bool = False,
    told: bool = False,
) -> list[Evaluation]:
    """Store what was found; return the evaluations that nobody had stored before.

    Whatever is lost of a run that is killed here, the next one finds again.

    :raises StoreUnavailable: when the store does not answer.
    """
    new = add_evaluations(
        database, found.evaluations, epoch=epoch, seconds=seconds, replace=replace, told=told
    )
    revise(database, found.revisions)
    return new


def evaluate(database: Database, subjects: Sequence[Subject], at: float) -> list[Evaluation]:
    """Evaluate every window of the subjects as of a moment; nothing is stored.

    :param at: seconds since the epoch; the minute that it lies in counts too.
    :raises StoreUnavailable: when the store does not answer.
    """
    reads = Snapshots(database)
    evaluations: list[Evaluation] = []
    for subject in subjects:
        with reads.together():
            evaluations += _evaluate(reads, subject, Truths(reads, subject), at)
    return evaluations


def _evaluate(
    reads: Snapshots, subject: Subject, truths: Truths, at: float
) -> Iterator[Evaluation]:
    # Of long ago only hours or days are left.
    level = finest(ceil(at, MINUTE), now())
    end = ceil(at, MINUTE) if level == MINUTE else floor(at, level)
    counted, judge = Counted(reads, subject), subject.judge
    for window in subject.windows:
        if window.seconds is not None and window.seconds < level:
            span = _span(subject, window, end - int(window.seconds), end)
            yield unjudged(span, 0, "Of this time only the counts of longer spans are left.")
            continue
        found = counted.find(window, end)
        counts = counted.counts(found)
        span = _span(subject, window, found.start, found.end)
        yield judge.judge(
            span._replace(lost=count_lost(reads, found.start, found.end)),
            counts,
            truths.of(found.start, found.end, counts.stored / max(1, found.n)),
            second=counted.second(found),
            before=read_before(reads, WindowKey(*span[:3]), found.end),
        )


def _span(subject: Subject, window: Window, start: int, end: int) -> Span:
    return Span(subject.model, subject.version, window.text, as_datetime(start), as_datetime(end))
